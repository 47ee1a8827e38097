"""Many clients at once: no update is lost, and all logs agree."""

from pathlib import Path

from clusters.processes import EPYC, running
from clusters.replaying import hosts_of_vms, replayed
from live.daemons import check_consistent
from live.load import put_load
from slackvm.model import Host
from slackvm.topologies import PRESETS
from slackvm.verification import verify


def test_16_clients_at_once_lose_no_update(tmp_path: Path) -> None:
    with running(tmp_path, [EPYC, "i7-1185g7", EPYC]) as cluster:
        controller = cluster.controller
        load = put_load(controller.url, clients=16, lasting_s=10)
        # On a busy machine a host may have been too slow for a look at it.
        controller.wait_ready(3)
        where = cluster.where()
        assert all(len(hosts) == 1 for hosts in where.values())
        assert load.there == set(where)
        vms = controller.vms()
        assert {name: [vm["host"]] for name, vm in vms.items()} == where
        for host in cluster.hosts:
            own = host.get("/v1/vms")["vms"]
            check_consistent(host.get("/v1/host"), own)
            assert own == [vms[vm["name"]] for vm in own]
        for host, preset in zip(cluster.hosts, [EPYC, "i7-1185g7", EPYC], strict=True):
            if host.operations.stat().st_size == 0:  # a slow machine does not come to this host
                assert host.get("/v1/vms")["vms"] == []
                continue
            _, difference = verify(host.operations, Host(PRESETS[preset].build()))
            assert difference is None, str(difference)
        assert len(replayed(controller.operations).decided) > 20
        assert hosts_of_vms(controller.operations) == where
