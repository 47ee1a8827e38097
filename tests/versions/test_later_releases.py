"""Peers of a later release, whose replies have fields and words that this one does not know."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import expect

from browsers.chromium import CHROMIUM, chromium, visiting
from client.running import reply, rows, run
from clusters.processes import LAPTOP, Controller, end, make_controller, make_host
from live.daemons import Daemon
from versions.later import ADDED, LaterRelease
from waiting import wait_until


class Cluster:
    """A controller and two hosts, and what stands between the parts.

    Attributes:
        to_hosts: between the controller and each host.
        front: between the controller and its clients.
    """

    def __init__(
        self,
        controller: Controller,
        hosts: list[Daemon],
        to_hosts: list[LaterRelease],
        front: LaterRelease,
    ) -> None:
        self.controller = controller
        self.hosts = hosts
        self.to_hosts = to_hosts
        self.front = front

    def reset(self) -> None:
        """Take unknown words and all VMs away, and wait until every host is ready."""
        for later in (*self.to_hosts, self.front):
            later.words = {}
        for host in self.hosts:
            for vm in host.get("/v1/vms")["vms"]:
                host.remove(vm["name"])
        self.controller.wait_ready(len(self.hosts))
        for name in ("host0", "host1"):
            self.controller.call("POST", f"/v1/hosts/{name}/uncordon")
        wait_until(lambda: not self.controller.vms())

    def has_nothing_pending(self) -> bool:
        return all(not host["pending"] for host in self.controller.hosts().values())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("later")
    with ExitStack() as stack:
        hosts = [make_host(folder, f"host{number}", LAPTOP) for number in range(2)]
        to_hosts = []
        for host in hosts:
            stack.callback(end, host)
            host.start()
            to_hosts.append(LaterRelease(host.url))
            stack.callback(to_hosts[-1].close)
        controller = make_controller(folder, [later.url for later in to_hosts], SCG_DELAY="0.2")
        stack.callback(end, controller)
        controller.start()
        controller.wait_ready(len(hosts))
        front = LaterRelease(controller.url)
        stack.callback(front.close)
        yield Cluster(controller, hosts, to_hosts, front)


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    running.reset()
    return running


class TestBetweenHostAndController:
    """The controller is upgraded first; a host may still be ahead of it after a way back."""

    def test_all_operations_work(self, cluster: Cluster) -> None:
        for later in cluster.to_hosts:
            later.words = {"hypervisor": {"memory": "microvm"}}
        controller = cluster.controller
        for number in range(4):
            created = controller.deploy(f"vm{number}", 1 + number, 1.0 + number % 3)
            assert created.status_code == 201, created.text
        assert len(controller.vms()) == 4
        assert controller.get("/v1/vms/vm1")["state"] == "running"
        for verb, state in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
            answer = controller.call("POST", f"/v1/vms/vm1/{verb}")
            assert (answer.status_code, answer.json()["state"]) == (200, state), answer.text
        size = {"vcpus": 1, "memory_gib": 1, "level": 2}
        body = {"name": "other", "image": "/images/any.qcow2", **size}
        assert controller.call("POST", "/v1/plan", json=body).json()["accepted"] is True
        capacity = controller.call("POST", "/v1/capacity", json={"mix": [size]})
        assert capacity.json()["vms"] > 0
        assert controller.call("POST", "/v1/hosts/host0/cordon").status_code == 200
        assert controller.deploy("uncordoned", 1, 1.0).json()["host"] == "host1"
        for name in [f"vm{number}" for number in range(4)]:
            assert controller.remove(name).status_code == 200
        assert cluster.has_nothing_pending()
        hosts = controller.hosts().values()
        assert {host["state"] for host in hosts} == {"ready"}
        wait_until(
            lambda: {each["hypervisor"] for each in controller.hosts().values()} == {"microvm"}
        )

    def test_fields_that_it_does_not_know_are_handed_on(self, cluster: Cluster) -> None:
        controller = cluster.controller
        created = controller.deploy("web", 2, 2.0).json()
        host = controller.hosts()[created["host"]]
        for shown in (created, controller.vms()["web"], host, host["levels"]["2.0"]):
            assert {name: shown[name] for name in ADDED} == ADDED

    def test_a_vms_state_that_it_does_not_know_is_shown_as_it_is(self, cluster: Cluster) -> None:
        controller = cluster.controller
        host = controller.deploy("web", 2, 2.0).json()["host"]
        for later in cluster.to_hosts:
            later.words = {"state": {"stopped": "hibernated"}}
        stopped = controller.call("POST", "/v1/vms/web/stop")
        assert (stopped.status_code, stopped.json()["state"]) == (200, "hibernated")
        wait_until(lambda: controller.vms()["web"]["state"] == "hibernated")
        assert controller.hosts()[host]["state"] == "ready"
        assert controller.call("POST", "/v1/vms/web/start").json()["state"] == "running"
        assert controller.remove("web").status_code == 200
        assert cluster.has_nothing_pending()

    def test_a_host_in_a_state_that_it_does_not_know_gets_no_vms(self, cluster: Cluster) -> None:
        controller = cluster.controller
        controller.call("POST", "/v1/hosts/host1/cordon")
        assert controller.deploy("web", 1, 1.0).json()["host"] == "host0"
        controller.call("POST", "/v1/hosts/host1/uncordon")
        cluster.to_hosts[0].words = {"state": {"ready": "rebalancing"}}
        # A host is read again once something changes on it.
        assert cluster.hosts[0].deploy("own", 1, 1.0).status_code == 201
        wait_until(lambda: controller.hosts()["host0"]["state"] == "rebalancing")
        assert controller.deploy("elsewhere", 1, 1.0).json()["host"] == "host1"
        assert controller.vms()["web"]["host"] == "host0"
        size = {"vcpus": 1, "memory_gib": 1, "level": 2}
        body = {"name": "other", "image": "/images/any.qcow2", **size}
        verdicts = controller.call("POST", "/v1/plan", json=body).json()["hosts"]
        refused = {each["host"]: each for each in verdicts}["host0"]
        assert refused["accepted"] is False
        assert "rebalancing" in refused["message"]

    def test_a_code_that_it_does_not_know_counts_by_its_status(self, cluster: Cluster) -> None:
        """A host refuses for a reason of a later release: the next host gets the VM."""
        controller = cluster.controller
        for host in cluster.hosts:
            assert host.deploy(f"own-{host.url[-5:]}", 8, 1.0).status_code == 201
        for later in cluster.to_hosts:
            later.words = {"code": {"no_cpu": "no_slot", "image_in_use": "image_reserved"}}
        refused = cluster.controller.deploy("late", 8, 1.0)
        assert refused.status_code == 409, refused.text
        assert cluster.has_nothing_pending()
        assert controller.remove(f"own-{cluster.hosts[0].url[-5:]}").status_code in (200, 404)


class TestBetweenControllerAndClient:
    """A client is older than the controller."""

    def test_every_command_works(self, cluster: Cluster) -> None:
        front = cluster.front
        front.words = {
            "hypervisor": {"memory": "microvm"},
            "state": {"stopped": "hibernated"},
        }
        size = ("--memory=1", "--level=2")
        deploy = ("--image=/images/any.qcow2", *size)
        run(front.url, "deploy", "web", "--vcpus=2", *deploy)
        run(front.url, "deploy", "db", "--vcpus=1", *deploy, "--count=2")
        assert "running" in run(front.url, "show", "web")[0]
        run(front.url, "stop", "web")
        assert "hibernated" in run(front.url, "show", "web")[0]
        assert {row["STATE"] for row in rows(front, "list")} == {"running", "hibernated"}
        run(front.url, "start", "web")
        run(front.url, "restart", "web")
        assert "host" in run(front.url, "plan", "new", "--vcpus=1", *size)[0]
        assert run(front.url, "capacity", "--mix=1:1:2")[0]
        assert {row["STATE"] for row in rows(front, "hosts")} == {"ready"}
        run(front.url, "status")
        run(front.url, "cordon", "host0")
        run(front.url, "uncordon", "host0")
        run(front.url, "remove", "web", "db-1", "db-2")
        assert cluster.controller.vms() == {}

    def test_unknown_fields_are_in_its_json(self, cluster: Cluster) -> None:
        cluster.controller.deploy("web", 1, 1.0)
        shown = reply(cluster.front, "show", "web")
        assert {name: shown[name] for name in ADDED} == ADDED

    def test_an_unknown_state_of_a_host_is_shown(self, cluster: Cluster) -> None:
        cluster.front.words = {"state": {"ready": "rebalancing"}}
        assert {row["STATE"] for row in rows(cluster.front, "hosts")} == {"rebalancing"}
        assert "rebalancing" in run(cluster.front.url, "status")[0]

    def test_an_unknown_code_of_an_error_counts_by_its_status(self, cluster: Cluster) -> None:
        """409: refused, exit code 1; what the controller says is shown."""
        cluster.front.words = {"code": {"too_large": "exceeds_quota"}}
        _, reported = run(
            *(cluster.front.url, "deploy", "huge", "--vcpus=64", "--memory=1", "--level=1"),
            "--image=/images/any.qcow2",
            expect=1,
        )
        assert "huge" in reported


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing (package chromium)")
class TestBetweenControllerAndPage:
    """A page that was loaded before the controller's upgrade goes on."""

    def test_vms_and_hosts_are_shown(self, cluster: Cluster) -> None:
        controller, front = cluster.controller, cluster.front
        for name, vcpus, level in (("web", 2, 2.0), ("db", 2, 1.0)):
            assert controller.deploy(name, vcpus, level).status_code == 201
        controller.call("POST", "/v1/vms/db/stop")
        wait_until(lambda: controller.vms()["db"]["state"] == "stopped")
        front.words = {
            "hypervisor": {"memory": "microvm"},
            "state": {"stopped": "hibernated"},
        }
        with chromium() as browser, visiting(browser, front.url) as visit:
            visit.go()
            page = visit.page
            expect(page.locator("#hosts > li")).to_have_count(2)
            expect(page.locator("#hosts > li").first).to_contain_text("ready")
            for name in ("web", "db"):
                expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
            visit.go("#/vms")
            expect(page.locator("#view-vms tbody")).to_contain_text("hibernated")
            visit.go("#/vms/db")
            expect(page.locator("#view-vm .badge")).to_contain_text("hibernated")
            visit.go(f"#/hosts/{controller.vms()['web']['host']}")
            expect(page.locator("#view-host .badges")).to_contain_text("ready")
            visit.go("#/deploy")
            for label, value in (("Name", "new"), ("vCPUs", "1"), ("Level", "2")):
                page.get_by_role("textbox", name=label, exact=True).fill(value)
            page.get_by_role("textbox", name="Image", exact=True).fill("/images/any.qcow2")
            page.get_by_role("button", name="Show the plan", exact=True).click()
            page.get_by_role("button", name="Deploy new", exact=True).click()
            expect(page.get_by_text(re.compile(r"new runs on host[01]"))).to_be_visible()
        assert front.changed

    def test_an_unknown_state_of_a_host_is_shown(self, cluster: Cluster) -> None:
        cluster.front.words = {"state": {"ready": "rebalancing"}}
        with chromium() as browser, visiting(browser, cluster.front.url) as visit:
            visit.go()
            expect(visit.page.locator("#hosts > li").first).to_contain_text("rebalancing")


def test_the_proxy_changes_what_it_should() -> None:
    """Or else the tests above show nothing."""
    later = LaterRelease("http://127.0.0.1:1")
    try:
        later.words = {"state": {"ready": "rebalancing"}}
        host: dict[str, Any] = {"state": "ready", "levels": {"2.0": {"owned": 1}}, "labels": {}}
        assert later.later(host) == {
            "state": "rebalancing",
            "levels": {"2.0": {"owned": 1, **ADDED}},
            "labels": {},
            **ADDED,
        }
    finally:
        later.close()
