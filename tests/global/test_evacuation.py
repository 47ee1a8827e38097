"""A host that is off is evacuated, and refused until it has given up its VMs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client.running import output_of
from clusters.processes import Running, running
from clusters.replaying import replayed
from waiting import wait_until


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, ["i7-1185g7"] * 2) as cluster:
        yield cluster


def evacuate(cluster: Running, name: str, **body: Any) -> Any:
    return cluster.controller.call("POST", f"/v1/hosts/{name}/evacuate", json=body)


def test_its_vms_run_elsewhere_and_it_is_refused_until_it_gave_them_up(cluster: Running) -> None:
    controller, host = cluster.controller, cluster.hosts[0]
    controller.call("POST", "/v1/hosts/host1/cordon")
    for name in ("a", "b"):
        assert controller.deploy(name, 3, 1.0, labels={"app": "shop"}).status_code == 201
    controller.call("POST", "/v1/hosts/host1/uncordon")
    controller.call("POST", "/v1/hosts/host0/cordon")
    assert controller.deploy("big", 4, 1.0).json()["host"] == "host1"
    controller.call("POST", "/v1/hosts/host0/uncordon")
    # It answers, or nobody vouches that it is off.
    refused = evacuate(cluster, "host0", fenced=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "host_answers")
    assert evacuate(cluster, "host0").status_code == 400
    assert evacuate(cluster, "host0", fenced=False).status_code == 400
    host.end()
    # Only one of the two fits beside `big`.
    printed = output_of(controller, "hosts", "evacuate", "host0", "--fenced", expect=1)
    assert "host0 is fenced; 1 VM rebuilt, 1 lost" in printed
    assert "(no_cpu)" in printed
    there = {vm["name"]: vm for vm in controller.get("/v1/vms")["vms"]}
    [moved] = [name for name in ("a", "b") if there[name]["host"] == "host1"]
    [lost] = {"a", "b"} - {moved}
    assert there[moved]["labels"] == {"app": "shop"}
    assert there[lost]["state"] == "lost"
    assert controller.hosts()["host0"]["state"] == "fenced"
    # It is fenced, also after the controller has started again, when it comes back with both.
    controller.end()
    controller.start()
    cluster.restart(0)
    wait_until(lambda: "has not given up its VMs" in controller.hosts()["host0"]["reason"])
    assert set(host.get("/listvm")) == {"a", "b"}
    assert controller.vms()[moved]["host"] == "host1"
    assert controller.deploy("new", 2, 1.0).status_code == 409
    # Unfenced, it keeps what is nowhere else.
    output_of(controller, "hosts", "unfence", "host0")
    assert host.get("/listvm") == [lost]
    wait_until(lambda: controller.vms()[lost]["host"] == "host0")
    assert controller.vms()[lost]["state"] == "running"
    assert controller.hosts()["host0"]["state"] == "ready"
    assert controller.vms()[moved]["host"] == "host1"
    assert cluster.where() == {lost: ["host0"], moved: ["host1"], "big": ["host1"]}
    assert replayed(controller.operations).vms == {"host0": {lost}, "host1": {moved, "big"}}


def test_a_host_that_gave_its_vms_up_is_accepted(cluster: Running) -> None:
    controller, host = cluster.controller, cluster.hosts[0]
    controller.call("POST", "/v1/hosts/host1/cordon")
    controller.deploy("a", 1, 1.0)
    controller.call("POST", "/v1/hosts/host1/uncordon")
    host.end()
    assert evacuate(cluster, "host0", fenced=True).json()["rebuilt"] == {"a": "host1"}
    cluster.restart(0)
    wait_until(lambda: "has not given up its VMs: a" in controller.hosts()["host0"]["reason"])
    host.remove("a")
    wait_until(lambda: controller.hosts()["host0"]["state"] == "ready")
    assert controller.vms()["a"]["host"] == "host1"
