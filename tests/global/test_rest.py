"""The REST interface of the controller, with three local daemons behind it."""

from collections.abc import Iterator

import pytest

from clusters.processes import LAPTOP, Controller, Running, running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cluster"), [LAPTOP] * 3) as cluster:
        yield cluster


@pytest.fixture
def controller(cluster: Running) -> Controller:
    """A controller without VMs."""
    cluster.empty()
    return cluster.controller


def test_a_vm_is_created_told_and_removed(controller: Controller) -> None:
    created = controller.deploy("web", 2, 2.0)
    assert created.status_code == 201, created.text
    body = created.json()
    assert body["summary"]["levels"]["2.0"]["owned"] == 2
    vm = controller.get("/v1/vms/web")
    assert vm == {key: body[key] for key in vm}
    assert controller.get("/v1/vms") == {"total": 1, "vms": [vm], "after": None}
    removed = controller.remove("web")
    assert removed.status_code == 200
    assert removed.json()["cpus_free"] == 8
    assert controller.call("GET", "/v1/vms/web").status_code == 404
    assert controller.remove("web").status_code == 404


def test_the_prototypes_commands_work(controller: Controller) -> None:
    deploy = "/deploy?name=example&cpu=2&mem=2&oc=2&qcow2=/var/lib/libvirt/images/hello.qcow2"
    assert controller.get(deploy) == {"success": True, "reason": None}
    status = controller.get("/status")
    assert len(status) == 3
    assert {"pcap", "palloc", "vavail", "vpotential"} == set(
        next(host["cpu"]["subset"]["2.0"] for host in status.values() if host["cpu"]["subset"])
    )
    assert controller.get("/remove?name=example") == {"success": True, "reason": None}
