"""Whatever a host may report can be kept, read back and sent to clients."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from schedulerglobal.api.vms import page
from schedulerglobal.hosts.checks import check_report
from schedulerglobal.hosts.replies import HostReport, InvalidReplyError
from schedulerglobal.hosts.url import parse_host_url
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.store.ledger import Ledger
from schedulerglobal.store.sqlite import SqliteStore
from schedulerglobal.sync.reports import apply_report
from slackvm.api.cluster import ClusterVMsReply, HostsReply, VMsQuery
from slackvm.api.hosts import HostReply
from slackvm.api.roles import UNRESTRICTED
from slackvm.api.vms import VMsReply
from slackvm.formats.operations import Journal

NUMBERS = [0, 1, 8, -1, 10**9, 10**9 + 1, 2**63, 2**70, 10**400]
FLOATS = [0.0, 1.0, 1.5, -0.0, -1.0, 5e-324, 1e11, 1e300, float("nan"), float("inf")]
TEXTS = ["", "vm", "a", "1.0", "01", "é", "\x00", "\x1b[31m", "\u202e", "\ud800", "x" * 200]
ANY = some.recursive(
    some.sampled_from([None, True, *NUMBERS, *FLOATS, *TEXTS]),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from(TEXTS), inner)
    ),
    max_leaves=6,
)
UNKNOWN = some.dictionaries(some.sampled_from(["keys", "later", "name2", *TEXTS]), ANY, max_size=2)


USUAL_VM = {
    "name": "vm",
    "vcpus": 1,
    "memory_mib": 1,
    "level": 1.5,
    "image": "/i",
    "clone": False,
    "state": "running",
    "host": "fake",
    "cpu_list": [0],
    "created": 1.0,
    "addresses": [],
    "labels": {},
    "owner": "",
    "anti_affinity": "",
}
USUAL_VNODE = {
    "owned": 1,
    "allocation": 1,
    "largest": 1,
    "memory_mib": 1,
    "cpu_list": [0],
    "pin_list": [0],
}
USUAL_HOST = {
    "name": "fake",
    "version": "1",
    "boot_id": "abcd",
    "generation": 1,
    "api_version": 3,
    "state": "ready",
    "reason": "",
    "hypervisor": "memory",
    "cpus": 8,
    "cpus_free": 7,
    "memory_mib": 8192,
    "memory_free_mib": 8191,
    "offered": None,
    "levels": {"1.5": USUAL_VNODE},
    "labels": {},
    "topology": [],
    "foreign": [],
    "foreign_unpinned": 0,
}
STRANGE: dict[str, list[Any]] = {
    **{key: [] for key in ("name", "host")},
    **dict.fromkeys(("version", "boot_id", "state", "reason", "hypervisor", "image"), TEXTS),
    **dict.fromkeys(("owner", "anti_affinity"), TEXTS),
    **dict.fromkeys(("level", "created"), FLOATS),
    "clone": [True, 1, "no"],
    "labels": [{text: text} for text in TEXTS] + [{"a": "b"}],
    "addresses": [[text] for text in TEXTS],
    "offered": [[number] for number in FLOATS],
    "levels": [{text: USUAL_VNODE} for text in TEXTS],
    "cpu_list": [[], [-1], [8191], [8192], [2**70]],
    "pin_list": [[], [-1], [2**70]],
    "topology": [[{"cpu_id": 0, "core": -1, "l3": number, "numa_node": 0}] for number in NUMBERS],
    "foreign": [
        [{"name": text, "vcpus": 1, "memory_mib": 1, "state": "running", "cpu_list": []}]
        for text in TEXTS
    ],
}


def changed(usual: dict[str, Any]) -> some.SearchStrategy[dict[str, Any]]:
    """Draw what is usual, with up to two fields otherwise, and some that no release knows."""
    one = some.sampled_from(sorted(usual)).flatmap(
        lambda name: some.tuples(
            some.just(name), some.sampled_from([*STRANGE.get(name, NUMBERS), usual[name]])
        )
    )
    fields = some.lists(one, max_size=2).map(dict)
    return some.builds(lambda unknown, new: {**unknown, **usual, **new}, UNKNOWN, fields)


def written(document: Any) -> bytes:
    return json.dumps(document).encode()


@settings(max_examples=150)
@given(changed(USUAL_HOST), changed(USUAL_VM))
def test_what_is_accepted_can_be_read_back_and_replied(
    tmp_path_factory: Any, host: Any, vm: Any
) -> None:
    host, vms = {**host, "vms": ["vm"]}, {"vms": [vm]}
    try:
        report = check_report(
            HostReport(
                "abcd-1",
                HostReply.model_validate_json(written(host)),
                VMsReply.model_validate_json(written(vms)),
            )
        )
    except (ValueError, InvalidReplyError):
        return
    folder = tmp_path_factory.mktemp("store")
    cluster = opened(folder)
    record = cluster.add(parse_host_url("127.0.0.1"))
    apply_report(cluster, record, report, 0.0)
    assert record.resources.state == report.host.state
    before = replies(cluster)
    cluster.ledger.close()
    # The hosts' lines of the log are read by `slackvm events` and verification.
    for line in (folder / "operations.jsonl").read_bytes().splitlines():
        json.loads(line)
    again = opened(folder)
    assert [host.name for host in again.hosts] == ["fake"]
    hosts, found = replies(again)
    assert hosts.hosts[0].labels == before[0].hosts[0].labels
    assert [vm.model_dump_json(exclude=OF_A_REPORT) for vm in found.vms] == [
        vm.model_dump_json(exclude=OF_A_REPORT) for vm in before[1].vms
    ]
    again.ledger.close()


OF_A_REPORT = {"cpu_list", "state", "state_reason"}
"""Fields of a VM that the store does not keep: the next report of its host has them."""


def opened(folder: Path) -> Cluster:
    store = SqliteStore(folder / "store.sqlite")
    stored = store.load()
    journal = Journal(folder / "operations.jsonl")
    cluster = Cluster(store, Ledger(store, journal, stored.lines))
    cluster.restore(stored, [])
    return cluster


def replies(cluster: Cluster) -> tuple[HostsReply, ClusterVMsReply]:
    """Return what clients read of a cluster."""
    hosts = HostsReply(revision="", hosts=[host.reply() for host in cluster.hosts], ages={})
    vms = page(cluster, VMsQuery(), UNRESTRICTED)
    return (
        HostsReply.model_validate_json(hosts.model_dump_json()),
        ClusterVMsReply.model_validate_json(vms.model_dump_json()),
    )
