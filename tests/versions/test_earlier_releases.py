"""A controller of this release with a host that an upgrade has not come to yet."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from clusters.fake_host import FakeHost, refusing, telling
from clusters.processes import LAPTOP, Running, end, make_controller, make_host
from clusters.processes import cluster as running_cluster
from clusters.replaying import hosts_of_vms
from clusters.wire import Wire
from slackvm.api.base import API_VERSION
from versions.earlier import RELEASES, EarlierHost
from waiting import wait_until

VERSIONS = sorted(path.name for path in RELEASES.iterdir() if path.name[0].isdigit())
API_VERSIONS = {"0.1.0": 1, "0.2.0": 2}
SETTLED_S = 120.0
IMAGE = "/images/any.qcow2"


@pytest.fixture(params=VERSIONS, scope="module")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A controller of host0, which runs an earlier release, and host1, which runs this one."""
    folder = tmp_path_factory.mktemp("earlier")
    with ExitStack() as stack:
        hosts = [
            EarlierHost(folder / "host0", request.param, "host0"),
            make_host(folder, "host1", LAPTOP),
        ]
        wires = []
        for host in hosts:
            stack.callback(end, host)
            host.start()
            wires.append(Wire(host.url))
            stack.callback(wires[-1].close)
        controller = make_controller(folder, [wire.url for wire in wires], SCG_TIMEOUT="2")
        stack.callback(end, controller)
        controller.start()
        controller.wait_ready(len(hosts))
        yield Running(controller, hosts, wires)


@pytest.fixture
def earlier(cluster: Running) -> Running:
    """The same without VMs; host1 is cordoned, so that host0 gets what is deployed."""
    for wire in cluster.wires:
        wire.mend()
    cluster.empty()
    cluster.controller.call("POST", "/v1/hosts/host1/cordon")
    return cluster


@pytest.fixture
def spoken(earlier: Running) -> int:
    """The version of the REST interface that host0 speaks."""
    return API_VERSIONS[earlier.hosts[0].get("/v1/host")["version"]]


def code(answer: Any) -> str:
    text: str = answer.json()["error"]["code"]
    return text


def test_a_vm_is_deployed_stopped_started_and_removed(earlier: Running, spoken: int) -> None:
    controller = earlier.controller
    created = controller.deploy("web", 2, 2.0)
    assert (created.status_code, created.json()["host"]) == (201, "host0")
    assert controller.deploy("web", 2, 2.0).status_code == 200
    for verb, state in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
        answer = controller.call("POST", f"/v1/vms/web/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state), answer.text
    assert controller.vms()["web"]["cpu_list"] == earlier.hosts[0].get("/v1/vms/web")["cpu_list"]
    assert controller.remove("web").status_code == 200
    assert earlier.where() == {}
    host = controller.hosts()["host0"]
    assert (host["state"], host["pending"], host["api_version"]) == ("ready", [], spoken)


def test_refusals_of_the_earlier_release_are_passed_on(earlier: Running) -> None:
    """Its words are those of that release; the controller answers with its own."""
    controller = earlier.controller
    assert controller.deploy("huge", 64, 1.0).status_code == 409
    earlier.hosts[0].deploy("web", 1, 1.0)
    wait_until(lambda: "web" in controller.vms())
    earlier.hosts[0].remove("web")
    assert controller.remove("web").status_code in (200, 404)
    gone = controller.remove("web")
    assert (gone.status_code, code(gone)) == (404, "vm_not_found")


def test_a_request_that_never_came_is_cancelled(earlier: Running) -> None:
    controller = earlier.controller
    earlier.wires[0].on("POST /v1/vms HTTP", "hold")
    assert controller.deploy("late", 1, 1.0).status_code == 503
    earlier.wires[0].mend()
    wait_until(lambda: not controller.hosts()["host0"]["pending"], SETTLED_S)
    assert "late" not in controller.vms()
    for status, _ in earlier.wires[0].release():
        assert status == 409
    assert earlier.where() == {}


def test_a_vm_whose_reply_was_lost_is_found(earlier: Running) -> None:
    controller = earlier.controller
    earlier.wires[0].on("POST /v1/vms HTTP", "lose")
    controller.deploy("web", 1, 1.0)
    earlier.wires[0].mend()
    wait_until(lambda: not controller.hosts()["host0"]["pending"], SETTLED_S)
    wait_until(lambda: "web" in controller.vms())
    assert earlier.where() == {"web": ["host0"]}


def test_a_vm_with_labels_needs_a_host_that_keeps_them(earlier: Running, spoken: int) -> None:
    controller = earlier.controller
    if spoken > 1:
        created = controller.deploy("web", 1, 1.0, labels={"app": "shop"})
        assert (created.status_code, created.json()["labels"]) == (201, {"app": "shop"})
        return
    refused = controller.deploy("web", 1, 1.0, labels={"app": "shop"})
    assert (refused.status_code, code(refused)) == (503, "host_outdated")
    controller.call("POST", "/v1/hosts/host1/uncordon")
    created = controller.deploy("web", 1, 1.0, labels={"app": "shop"})
    assert (created.status_code, created.json()["host"]) == (201, "host1")
    body = {"name": "other", "vcpus": 1, "memory_gib": 1, "level": 1, "image": IMAGE}
    plan = controller.call("POST", "/v1/plan", json={**body, "labels": {"app": "shop"}}).json()
    verdict = next(each for each in plan["hosts"] if each["host"] == "host0")
    assert verdict["code"] == "host_outdated"
    assert "0.1.0" in verdict["message"]
    assert "upgrade" in verdict["message"]


def test_labels_of_the_host_are_kept_by_the_controller(earlier: Running) -> None:
    """The controller alone decides what a request requires of hosts."""
    controller = earlier.controller
    controller.call("POST", "/v1/hosts/host1/uncordon")
    changed = controller.call("PATCH", "/v1/hosts/host0", json={"labels": {"rack": "b"}})
    assert changed.status_code == 200
    created = controller.deploy("web", 1, 1.0, require={"rack": "b"})
    assert (created.status_code, created.json()["host"]) == (201, "host0")
    given_back = controller.call("PATCH", "/v1/hosts/host0", json={"labels": {"rack": None}})
    assert given_back.json()["labels"] == {}


def _cpus(levels: dict[str, Any]) -> dict[str, list[int]]:
    return {level: vnode["cpu_list"] for level, vnode in levels.items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_host_is_upgraded_in_place(version: str, tmp_path: Path) -> None:
    """VMs, CPUs and power states are what they were, and labels are taken from then on."""
    with ExitStack() as stack:
        before = EarlierHost(tmp_path / "host0", version, "host0")
        stack.callback(end, before)
        before.start()
        controller = make_controller(tmp_path, [before.url], SCG_TIMEOUT="2")
        stack.callback(end, controller)
        controller.start()
        controller.wait_ready(1)
        for name, vcpus, level in (("web", 2, 2.0), ("db", 2, 1.0), ("batch", 3, 3.0)):
            assert controller.deploy(name, vcpus, level).status_code == 201
        controller.call("POST", "/v1/vms/db/stop")
        controller.call("POST", "/v1/hosts/host0/cordon")
        levels, vms = before.get("/v1/host")["levels"], before.get("/v1/vms")["vms"]
        before.end()
        after = before.upgraded(tmp_path, "host0")
        stack.callback(end, after)
        after.start()
        assert _cpus(after.get("/v1/host")["levels"]) == _cpus(levels)
        now = {vm["name"]: vm for vm in after.get("/v1/vms")["vms"]}
        for vm in vms:
            assert {key: now[vm["name"]][key] for key in vm} == vm
        wait_until(lambda: controller.hosts()["host0"]["api_version"] == API_VERSION, SETTLED_S)
        assert controller.hosts()["host0"]["cordoned"] is True
        assert set(controller.vms()) == {"web", "db", "batch"}
        controller.call("POST", "/v1/hosts/host0/uncordon")
        created = controller.deploy("new", 1, 1.0, labels={"app": "shop"})
        assert created.status_code == 201, created.text
        assert controller.vms()["new"]["labels"] == {"app": "shop"}


def test_a_host_put_back_between_two_polls_gets_the_names_that_it_knows(tmp_path: Path) -> None:
    versions = [1, 2]  # of the interface; the last one is in use

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":
            telling(api_version=versions[-1])(handler)
        elif b"idempotency_key" in fake.bodies[-1]:
            del versions[1:]
            refusing(400, "invalid", "idempotency_key is unknown; allowed: name, attempt")(handler)
        else:
            refusing(409, "no_cpu", "too few free CPUs")(handler)

    fake = FakeHost(answer)
    with closing(fake), ExitStack() as stack:
        controller = make_controller(tmp_path, [fake.url], SCG_DELAY="3600")
        stack.callback(end, controller)
        controller.start()
        controller.wait_ready(1)
        answered = controller.deploy("web", 1, 1.0)
        assert (answered.status_code, code(answered)) == (409, "no_cpu")
        assert [b"attempt" in body for body in fake.bodies if body] == [False, True]
        assert controller.hosts()["fake"]["pending"] == []


def test_the_controller_before_goes_on_with_this_ones_store_and_hosts(tmp_path: Path) -> None:
    """The way back, and forward again: VMs, cordon, labels; 0.1.0 needs the copy of its store."""
    with zipfile.ZipFile(next((RELEASES / "0.2.0").glob("*.whl"))) as archive:
        archive.extractall(tmp_path / "code")
    with running_cluster(tmp_path, [LAPTOP] * 2, SCG_TIMEOUT="2") as (controller, hosts):
        controller.wait_ready(2)
        assert controller.deploy("web", 1, 1.0, labels={"app": "shop"}).status_code == 201
        controller.call("POST", "/v1/hosts/host1/cordon")
        before = controller.vms()
        controller.end()
        controller.set(PYTHONPATH=str(tmp_path / "code"))
        controller.start()
        controller.wait_ready(2)
        assert controller.get("/v1/hosts")["api_version"] == 2
        assert controller.hosts()["host1"]["cordoned"] is True
        known = controller.vms()["web"]
        assert {key: known[key] for key in before["web"]} == before["web"]
        assert controller.call("POST", "/v1/vms/web/stop").json()["state"] == "stopped"
        assert controller.deploy("db", 1, 2.0).json()["host"] == "host0"
        assert controller.remove("web").status_code == 200
        controller.end()
        controller.set(PYTHONPATH=os.environ.get("PYTHONPATH", ""))
        controller.start()
        controller.wait_ready(2)
        assert controller.get("/v1/hosts")["api_version"] == API_VERSION
        assert {name: vm["state"] for name, vm in controller.vms().items()} == {"db": "running"}
        assert controller.hosts()["host1"]["cordoned"] is True
        assert controller.remove("db").status_code == 200
        assert all(host.get("/v1/vms")["vms"] == [] for host in hosts)
        hosts_of_vms(controller.operations)
