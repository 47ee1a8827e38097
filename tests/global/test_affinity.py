"""VMs that must be apart from each other, and VMs that must be on a certain host."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from clusters.processes import LAPTOP, Controller, Running, running
from clusters.replaying import hosts_of_vms
from waiting import wait_until

APART = {"anti_affinity": "db"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Three hosts of 8 CPUs; requests without a level get 3:1."""
    folder = tmp_path_factory.mktemp("cluster")
    with running(folder, [LAPTOP] * 3, SCG_DEFAULT_LEVEL="3") as started:
        yield started


@pytest.fixture
def controller(cluster: Running) -> Controller:
    """The controller of these hosts, without VMs and cordons."""
    cluster.restart_dead()
    for name in cluster.by_name:
        cluster.controller.call("POST", f"/v1/hosts/{name}/uncordon")
    cluster.empty()
    return cluster.controller


def refusal(answer: requests.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def deployed(controller: Controller, name: str, **more: Any) -> str:
    answer = controller.deploy(name, 1, 1.0, **more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["host"])


def plan(controller: Controller, name: str, **more: Any) -> Any:
    size = {"vcpus": 1, "memory_gib": 1, "level": 1.0, "image": "/images/any.qcow2"}
    return controller.call("POST", "/v1/plan", json={"name": name, **size, **more})


class TestGroups:
    def test_vms_of_a_group_are_on_different_hosts_or_refused(self, controller: Controller) -> None:
        hosts = {f"db{number}": deployed(controller, f"db{number}", **APART) for number in range(3)}
        assert set(hosts.values()) == {"host0", "host1", "host2"}
        status, code, message = refusal(controller.deploy("db3", 1, 1.0, **APART))
        assert (status, code) == (409, "affinity")
        for name, host in hosts.items():
            assert f"{name} of the same group is on host {host}" in message
        assert deployed(controller, "other", anti_affinity="web")
        controller.remove("db1")
        assert deployed(controller, "db3", **APART) == hosts["db1"]
        assert controller.get("/v1/vms/db3")["anti_affinity"] == "db"
        assert len(hosts_of_vms(controller.operations)) == 4

    def test_the_plan_tells_which_host_has_which_vm(self, controller: Controller) -> None:
        host = deployed(controller, "db0", **APART)
        verdicts = {each["host"]: each for each in plan(controller, "db1", **APART).json()["hosts"]}
        assert verdicts[host]["code"] == "affinity"
        assert verdicts[host]["message"] == f"db0 of the same group is on host {host}"
        assert [each for each, verdict in verdicts.items() if verdict["accepted"]] == [
            each for each in verdicts if each != host
        ]

    def test_requests_at_once_are_apart(self, controller: Controller) -> None:
        answers: list[requests.Response] = []

        def deploy(name: str) -> None:
            body = {"name": name, "vcpus": 1, "memory_gib": 0.5, "level": 1.0, **APART}
            answers.append(
                requests.post(f"{controller.url}/v1/vms", json={**body, "image": "/x"}, timeout=60)
            )

        threads = [threading.Thread(target=deploy, args=(f"db{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        placed = [answer.json()["host"] for answer in answers if answer.status_code == 201]
        assert sorted(placed) == ["host0", "host1", "host2"]
        assert {answer.status_code for answer in answers} == {201, 409}

    def test_vms_of_a_host_that_does_not_answer_count_after_a_restart_too(
        self, cluster: Running, controller: Controller
    ) -> None:
        hosts = [deployed(controller, f"db{number}", **APART) for number in range(2)]
        dead = next(host for host in cluster.hosts if host.get("/v1/host")["name"] == hosts[0])
        dead.end(signal.SIGKILL)
        controller.end(signal.SIGKILL)
        controller.start()
        wait_until(lambda: controller.call("GET", "/readyz").status_code == 200)
        last = deployed(controller, "db2", **APART)
        assert last not in hosts
        _, code, message = refusal(controller.deploy("db3", 1, 1.0, **APART))
        assert code == "affinity"
        assert f"db0 of the same group is on host {hosts[0]}" in message
        cluster.restart_dead()
        controller.wait_ready(3)
        assert refusal(controller.deploy("db3", 1, 1.0, **APART))[1] == "affinity"
        hosts_of_vms(controller.operations)

    def test_a_vm_that_was_deployed_at_its_host_counts(
        self, cluster: Running, controller: Controller
    ) -> None:
        assert cluster.hosts[1].deploy("mine", 1, 1.0, **APART).status_code == 201
        wait_until(lambda: "mine" in controller.vms())
        assert {deployed(controller, f"db{number}", **APART) for number in range(2)} == {
            "host0",
            "host2",
        }
        hosts_of_vms(controller.operations)

    @pytest.mark.usefixtures("controller")
    def test_a_host_alone_keeps_a_group_apart_too(self, cluster: Running) -> None:
        host = cluster.hosts[0]
        assert host.deploy("db0", 1, 1.0, **APART).status_code == 201
        assert host.deploy("db0", 1, 1.0, **APART).status_code == 200
        status, code, message = refusal(host.deploy("db1", 1, 1.0, **APART))
        assert (status, code) == (409, "affinity")
        assert message == "db0 of the same group is on this host"
        assert host.deploy("db1", 1, 1.0, owner="somebody", **APART).status_code == 201


class TestHosts:
    def test_a_vm_goes_to_the_host_of_its_request(self, controller: Controller) -> None:
        for number in (2, 0, 1):
            assert deployed(controller, f"vm{number}", host=f"host{number}") == f"host{number}"
        reply = plan(controller, "vm", host="host1").json()
        assert (reply["accepted"], reply["host"]) == (True, "host1")
        codes = {each["host"]: each["code"] for each in reply["hosts"]}
        assert codes == {"host0": "not_requested", "host1": None, "host2": "not_requested"}
        assert len(hosts_of_vms(controller.operations)) == 3

    def test_a_host_that_refuses_says_why(self, controller: Controller) -> None:
        controller.call("POST", "/v1/hosts/host1/cordon")
        cordoned = refusal(controller.deploy("vm", 1, 1.0, host="host1"))
        assert cordoned == (409, "cordoned", "host host1 does not take it: the host is cordoned")
        assert plan(controller, "vm", host="host1").json()["code"] == "cordoned"
        assert controller.deploy("large", 7, 1.0, host="host0").status_code == 201
        assert refusal(controller.deploy("vm", 2, 1.0, host="host0"))[:2] == (409, "no_cpu")
        deployed(controller, "db0", host="host2", **APART)
        assert refusal(controller.deploy("db1", 1, 1.0, host="host2", **APART))[1] == "affinity"
        hosts_of_vms(controller.operations)

    def test_a_host_that_is_not_there_is_not_found(self, controller: Controller) -> None:
        for answer in (
            controller.deploy("vm", 1, 1.0, host="host7"),
            plan(controller, "vm", host="host7"),
        ):
            assert refusal(answer)[:2] == (404, "host_not_found")
            assert answer.json()["error"]["field"] == "host"

    def test_a_vm_on_annot_requested_is_not_the_one(self, controller: Controller) -> None:
        assert deployed(controller, "vm", host="host1") == "host1"
        assert controller.deploy("vm", 1, 1.0).status_code == 200
        assert controller.deploy("vm", 1, 1.0, host="host1").status_code == 200
        other = refusal(controller.deploy("vm", 1, 1.0, host="host0"))
        assert other == (409, "name_taken", "the VM exists on host host1, not host0")


class TestLevels:
    def test_a_request_without_a_level_gets_the_controllers(self, controller: Controller) -> None:
        body = {"name": "vm", "vcpus": 3, "memory_gib": 1, "image": "/images/any.qcow2"}
        answer = controller.call("POST", "/v1/vms", json=body)
        assert (answer.status_code, answer.json()["level"]) == (201, 3.0)
        assert answer.json()["cpu_list"]
        assert controller.call("POST", "/v1/plan", json={**body, "name": "v"}).json()["accepted"]

    def test_without_a_default_a_request_needs_a_level(self, tmp_path: Path) -> None:
        with running(tmp_path, [LAPTOP]) as started:
            body = {"name": "vm", "vcpus": 3, "memory_gib": 1, "image": "/images/any.qcow2"}
            for path in ("/v1/vms", "/v1/plan"):
                answer = started.controller.call("POST", path, json=body)
                assert refusal(answer) == (400, "invalid", "level is missing")
                assert answer.json()["error"]["field"] == "level"
