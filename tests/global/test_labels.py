"""Labels of hosts and VMs: set, kept over restarts, required of hosts, searched and filtered."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusters.processes import Controller, end, make_controller, make_host
from clusters.replaying import replayed
from waiting import wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """Two hosts in zone a, the first with a fast disk."""
    folder = tmp_path_factory.mktemp("cluster")
    hosts = [
        make_host(folder, "host0", SCL_LABELS="zone=a,disk=nvme"),
        make_host(folder, "host1", SCL_LABELS="zone=a"),
    ]
    controller = None
    try:
        for host in hosts:
            host.start()
        controller = make_controller(folder, [host.url for host in hosts])
        controller.start()
        controller.wait_ready(2)
        yield controller
    finally:
        for daemon in (*hosts, *([controller] if controller else [])):
            end(daemon)


@pytest.fixture
def controller(cluster: Controller) -> Controller:
    """A controller without VMs and overrides."""
    for name in cluster.vms():
        cluster.remove(name)
    for name, host in cluster.hosts().items():
        if host["label_overrides"]:
            label(cluster, name, **dict.fromkeys(host["label_overrides"]))
    return cluster


def label(controller: Controller, name: str, **labels: str | None) -> Any:
    answer = controller.call("PATCH", f"/v1/hosts/{name}", json={"labels": labels})
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(controller: Controller, query: str) -> list[str]:
    return [vm["name"] for vm in controller.get(f"/v1/vms?{query}")["vms"]]


def test_overrides_replace_the_hosts_own_and_survive_a_kill(controller: Controller) -> None:
    own = {"zone": "a", "disk": "nvme"}
    assert controller.hosts()["host0"]["labels"] == own
    changed = label(controller, "host0", zone="b", rack="7")
    assert changed["labels"] == {**own, "zone": "b", "rack": "7"}
    assert changed["label_overrides"] == {"zone": "b", "rack": "7"}
    controller.end(signal.SIGKILL)
    controller.start()
    controller.wait_ready(2)
    assert controller.hosts()["host0"]["labels"] == {**own, "zone": "b", "rack": "7"}
    given_back = label(controller, "host0", zone=None, rack=None)
    assert (given_back["labels"], given_back["label_overrides"]) == (own, {})


@pytest.mark.parametrize(
    "labels", [{}, {"-": "x"}, {"zone": "a b"}, {"zone": 1}, {f"key{n}": "x" for n in range(33)}]
)
def test_labels_that_are_not_allowed_are_refused(
    controller: Controller, labels: dict[str, Any]
) -> None:
    answer = controller.call("PATCH", "/v1/hosts/host0", json={"labels": labels})
    assert answer.status_code == 400, answer.text
    assert "[A-Z" not in answer.json()["error"]["message"], "the reason is a regular expression"
    assert controller.hosts()["host0"]["label_overrides"] == {}


def test_more_overrides_than_a_host_may_have_are_refused(controller: Controller) -> None:
    label(controller, "host0", **{f"key{n}": "x" for n in range(32)})
    answer = controller.call("PATCH", "/v1/hosts/host0", json={"labels": {"more": "x"}})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "labels")


def test_a_vm_goes_to_a_host_with_the_required_labels(controller: Controller) -> None:
    for number in range(2):
        body = controller.deploy(f"fast{number}", 1, 1.0, require={"disk": "nvme"}).json()
        assert body["host"] == "host0"
    label(controller, "host1", zone="b")
    assert controller.deploy("b", 1, 1.0, require={"zone": "b"}).json()["host"] == "host1"
    refused = controller.deploy("c", 1, 1.0, require={"zone": "c"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "labels_not_matched")
    label(controller, "host1", zone="c")
    assert controller.deploy("c", 1, 1.0, require={"zone": "c"}).json()["host"] == "host1"
    assert replayed(controller.operations).vms == {"host0": {"fast0", "fast1"}, "host1": {"b", "c"}}


def test_labels_of_a_vm_are_kept_searched_and_filtered(controller: Controller) -> None:
    shop = {"app": "shop", "tier": "web"}
    assert controller.deploy("web", 1, 1.0, labels=shop).json()["labels"] == shop
    assert controller.deploy("db", 1, 1.0, labels={"app": "shop"}).status_code == 201
    assert controller.deploy("other", 1, 1.0).status_code == 201
    for query, expected in (
        ("label=app=shop", ["db", "web"]),
        ("label=app=shop,tier=web", ["web"]),
        ("label=app=none", []),
        ("search=TIER=WEB", ["web"]),
        ("search=shop", ["db", "web"]),
    ):
        assert names(controller, query) == expected
    controller.end(signal.SIGKILL)
    controller.start()
    # Also before its host has replied.
    assert controller.vms()["web"]["labels"] == shop
    controller.wait_ready(2)
    wait_until(lambda: controller.vms()["web"]["state"] == "running")
    assert controller.vms()["web"]["labels"] == shop


def test_the_same_request_has_the_same_labels(controller: Controller) -> None:
    """What it requires of its host is no part of the VM."""
    shop = {"app": "shop"}
    assert controller.deploy("web", 1, 1.0, labels=shop).status_code == 201
    again = controller.deploy("web", 1, 1.0, labels=shop, require={"zone": "elsewhere"})
    assert again.status_code == 200
    for labels in ({}, {"app": "other"}):
        answer = controller.deploy("web", 1, 1.0, labels=labels)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name_taken")


def test_labels_of_a_host_that_is_down_are_known_after_a_restart(tmp_path: Path) -> None:
    """So that it is refused for what will pass, and the log can be decided again."""
    host = make_host(tmp_path, "host0", SCL_LABELS="zone=a")
    controller = make_controller(tmp_path, [])
    try:
        host.start()
        controller.start()
        controller.call("POST", "/v1/hosts", json={"url": host.url})
        controller.wait_ready(1)
        host.end(signal.SIGKILL)
        controller.end(signal.SIGKILL)
        controller.start()
        wait_until(lambda: controller.call("GET", "/readyz").status_code == 200)
        assert controller.hosts()["host0"]["labels"] == {"zone": "a"}
        refused = controller.deploy("web", 1, 1.0, require={"zone": "a"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "host_unreachable")
        replayed(controller.operations)
    finally:
        for daemon in (controller, host):
            end(daemon)
