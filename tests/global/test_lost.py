"""VMs that are gone without a removal: lost, until they are found, rebuilt or let go."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from clusters.processes import LAPTOP, Controller, Running, running
from clusters.replaying import hosts_of_vms, replayed
from waiting import wait_until

ORDER: dict[str, Any] = {
    "image": "/i/db.qcow2",
    "clone": True,
    "labels": {"app": "shop"},
    "anti_affinity": "dbs",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("cluster")
    with running(folder, [LAPTOP] * 2, SCG_TIMEOUT="2", SCG_POLICY="first-fit") as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Running) -> Iterator[Running]:
    """Two hosts, the first of which has the VM `db`."""
    for number, host in enumerate(shared.hosts):
        shutil.rmtree(host.folder / "kept", ignore_errors=True)
        url = {"url": shared.wires[number].url}
        assert shared.controller.call("POST", "/v1/hosts", json=url).ok
    shared.controller.wait_ready(2)
    for name, host in shared.controller.hosts().items():
        assert shared.controller.call("POST", f"/v1/hosts/{name}/uncordon").ok
        for vm in host["vms"]:
            assert shared.by_name[name].remove(vm).ok
    wait_until(lambda: all(vm["state"] == "lost" for vm in shared.controller.vms().values()))
    for name in shared.controller.vms():
        assert shared.controller.call("DELETE", f"/v1/vms/{name}?lost=true").ok
    shared.log_start = len(shared.controller.log.read_text())
    assert shared.controller.deploy("db", 2, 1.0, **ORDER).json()["host"] == "host0"
    yield shared
    shared.restart_dead()
    for wire in shared.wires:
        wire.mend()
    if shared.controller.process is None or shared.controller.process.poll() is not None:
        shared.controller.start()


def logged(cluster: Running) -> str:
    """Return what the controller has logged since the test began."""
    return cluster.controller.log.read_text()[cluster.log_start :]


def reinstall(cluster: Running, number: int = 0) -> Path:
    """Let a host come back without anything that it had; return where that is now."""
    host = cluster.hosts[number]
    host.end(signal.SIGKILL)
    kept = Path(shutil.move(host.folder / "state", host.folder / "kept"))
    cluster.restart(number)
    return kept


def restore(cluster: Running, kept: Path, number: int = 0) -> None:
    """Give a host back what it had."""
    host = cluster.hosts[number]
    host.end(signal.SIGKILL)
    shutil.rmtree(host.folder / "state")
    shutil.move(kept, host.folder / "state")
    cluster.restart(number)


def state(cluster: Running, name: str = "db") -> str | None:
    return cluster.controller.vms().get(name, {}).get("state")


def metric(cluster: Running, name: str) -> float:
    text = cluster.controller.call("GET", "/metrics").text
    [line] = [line for line in text.splitlines() if line.startswith(f"slackvm_cluster_vms_{name} ")]
    return float(line.split()[1])


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class TestLost:
    """A host that comes back empty."""

    def test_its_vms_are_lost_with_all_that_they_were(self, cluster: Running) -> None:
        before = cluster.controller.get("/v1/vms/db")
        assert metric(cluster, "lost") == 0
        reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        vm = cluster.controller.get("/v1/vms/db")
        changed = {"state", "state_reason", "cpu_list", "lost"}
        assert {**before, **{name: vm[name] for name in changed}} == vm
        assert vm["lost"] > vm["created"]
        assert vm["host"] == "host0"
        assert "host0" in vm["state_reason"]
        assert cluster.controller.get("/v1/vms?state=lost")["vms"] == [vm]
        assert cluster.controller.get("/v1/vms?state=running")["vms"] == []
        assert metric(cluster, "lost") == 1
        assert "event=vm_lost vm=db host=host0" in logged(cluster)
        assert "/i/db.qcow2" in cluster.controller.operations.read_text()
        assert hosts_of_vms(cluster.controller.operations) == {}

    def test_the_name_is_taken_and_the_error_says_what_to_do(self, cluster: Running) -> None:
        reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        answer = cluster.controller.deploy("db", 2, 1.0, **ORDER)
        assert error(answer) == (409, "vm_lost")
        assert "slackvm rebuild db" in answer.json()["error"]["message"]
        assert error(cluster.controller.remove("db")) == (409, "vm_lost")
        assert error(cluster.controller.call("POST", "/v1/vms/db/stop")) == (409, "vm_lost")
        size = {"name": "db", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/i/db.qcow2"}
        plan = cluster.controller.call("POST", "/v1/plan", json=size).json()
        assert (plan["accepted"], plan["code"]) == (False, "vm_lost")

    def test_a_rebuild_makes_it_again_as_it_was(self, cluster: Running) -> None:
        before = cluster.controller.get("/v1/vms/db")
        reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        cluster.controller.call("POST", "/v1/hosts/host0/cordon")
        rebuilt = cluster.controller.call("POST", "/v1/vms/db/rebuild")
        assert (rebuilt.status_code, rebuilt.json()["host"]) == (201, "host1")
        after = cluster.controller.get("/v1/vms/db")
        same = before.keys() - {"host", "created"}
        assert {name: before[name] for name in same} == {name: after[name] for name in same}
        assert metric(cluster, "lost") == 0
        again = cluster.controller.call("POST", "/v1/vms/db/rebuild")
        assert error(again) == (409, "name_taken")
        assert hosts_of_vms(cluster.controller.operations) == {"db": ["host1"]}
        restart_controller(cluster)
        assert state(cluster) == "running"

    def test_a_rebuild_that_is_refused_leaves_it_lost(self, cluster: Running) -> None:
        reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        for host in ("host0", "host1"):
            cluster.controller.call("POST", f"/v1/hosts/{host}/cordon")
        assert error(cluster.controller.call("POST", "/v1/vms/db/rebuild")) == (409, "cordoned")
        assert state(cluster) == "lost"

    def test_what_is_let_go_is_forgotten(self, cluster: Running) -> None:
        reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        let_go = cluster.controller.call("DELETE", "/v1/vms/db?lost=true")
        assert (let_go.status_code, let_go.json()["name"]) == (200, "host0")
        assert cluster.controller.vms() == {}
        assert error(cluster.controller.call("DELETE", "/v1/vms/db?lost=true"))[0] == 404
        assert cluster.controller.deploy("db", 1, 1.0).status_code == 201
        assert error(cluster.controller.call("DELETE", "/v1/vms/db?lost=true"))[0] == 409
        assert state(cluster) == "running"
        assert hosts_of_vms(cluster.controller.operations) == {"db": ["host0"]}

    def test_it_ends_when_the_host_has_the_vm_again(self, cluster: Running) -> None:
        kept = reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        restore(cluster, kept)
        wait_until(lambda: state(cluster) == "running")
        assert metric(cluster, "lost") == 0
        assert "event=vm_found vm=db host=host0" in logged(cluster)
        assert hosts_of_vms(cluster.controller.operations) == {"db": ["host0"]}

    def test_it_ends_when_another_host_has_the_vm(self, cluster: Running) -> None:
        """As after its disk was put into another server."""
        kept = reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        cluster.hosts[1].end(signal.SIGKILL)
        shutil.copy(kept / "guests.json", cluster.hosts[1].folder / "state/guests.json")
        cluster.restart(1)
        wait_until(lambda: state(cluster) == "running")
        assert cluster.controller.get("/v1/vms/db")["host"] == "host1"

    def test_it_stays_when_the_controller_restarts(self, cluster: Running) -> None:
        reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        vm = cluster.controller.get("/v1/vms/db")
        restart_controller(cluster)
        assert cluster.controller.get("/v1/vms/db") == vm
        assert error(cluster.controller.deploy("db", 2, 1.0, **ORDER)) == (409, "vm_lost")

    def test_a_host_that_is_emptied_while_no_controller_runs(self, cluster: Running) -> None:
        cluster.controller.end(signal.SIGKILL)
        reinstall(cluster)
        cluster.controller.start()
        cluster.controller.wait_ready(2)
        assert state(cluster) == "lost"
        assert hosts_of_vms(cluster.controller.operations) == {}

    def test_a_vm_on_a_host_that_does_not_answer_is_not_lost(self, cluster: Running) -> None:
        cluster.hosts[0].end(signal.SIGKILL)
        wait_until(lambda: state(cluster) == "unknown")
        answer = cluster.controller.call("POST", "/v1/vms/db/rebuild")
        assert error(answer) == (503, "host_unreachable")
        assert error(cluster.controller.call("DELETE", "/v1/vms/db?lost=true"))[0] == 503
        assert metric(cluster, "lost") == 0


class TestRemoved:
    """A VM that was removed is not lost."""

    def gone(self, cluster: Running) -> None:
        wait_until(lambda: not cluster.controller.vms())
        cluster.controller.wait_ready(2)
        assert cluster.controller.vms() == {}

    def test_at_the_host(self, cluster: Running) -> None:
        assert cluster.hosts[0].remove("db").status_code == 200
        self.gone(cluster)
        assert "event=vm_removed_at_host vm=db host=host0" in logged(cluster)

    def test_at_the_host_which_then_starts_again(self, cluster: Running) -> None:
        for request in ("GET", "POST"):
            cluster.wires[0].on(request, "hold")
        assert cluster.hosts[0].remove("db").status_code == 200
        cluster.hosts[0].end(signal.SIGKILL)
        cluster.restart(0)
        cluster.wires[0].mend()
        self.gone(cluster)

    def test_at_the_host_while_no_controller_runs(self, cluster: Running) -> None:
        cluster.controller.end(signal.SIGKILL)
        assert cluster.hosts[0].remove("db").status_code == 200
        cluster.hosts[0].end(signal.SIGKILL)
        cluster.restart(0)
        cluster.controller.start()
        cluster.controller.wait_ready(2)
        self.gone(cluster)
        assert hosts_of_vms(cluster.controller.operations) == {}

    def test_by_a_client_whose_answer_is_lost_with_the_host(self, cluster: Running) -> None:
        """Nobody remembers the removal but the controller, which is killed too."""
        for request in ("DELETE", "GET"):
            cluster.wires[0].on(request, "hold")
        answer = cluster.controller.remove("db")
        assert error(answer) == (503, "outcome_unknown")
        cluster.controller.end(signal.SIGKILL)
        reinstall(cluster)
        cluster.wires[0].mend()
        cluster.controller.start()
        cluster.controller.wait_ready(2)
        self.gone(cluster)
        assert hosts_of_vms(cluster.controller.operations) == {}


class TestTwice:
    """A VM on two hosts."""

    @pytest.fixture
    def twins(self, cluster: Running) -> Running:
        """`db` on both hosts: it was rebuilt, and its host came back with it."""
        kept = reinstall(cluster)
        wait_until(lambda: state(cluster) == "lost")
        cluster.controller.call("POST", "/v1/hosts/host0/cordon")
        rebuilt = cluster.controller.call("POST", "/v1/vms/db/rebuild")
        assert rebuilt.json()["host"] == "host1"
        assert metric(cluster, "duplicated") == 0
        restore(cluster, kept)
        wait_until(lambda: metric(cluster, "duplicated") == 1)
        return cluster

    def test_both_are_shown_and_each_can_be_chosen(self, twins: Running) -> None:
        controller = twins.controller
        listed = controller.get("/v1/vms")["vms"]
        assert [(vm["host"], vm["duplicates"]) for vm in listed] == [
            ("host0", ["host1"]),
            ("host1", ["host0"]),
        ]
        assert "event=vm_duplicated vm=db hosts=\"['host0', 'host1']\"" in logged(twins)
        assert error(controller.remove("db")) == (409, "name_taken")
        for host in ("host0", "host1"):
            assert controller.get(f"/v1/vms/db?host={host}")["host"] == host
        stopped = controller.call("POST", "/v1/vms/db/stop?host=host1")
        assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
        assert twins.hosts[0].get("/v1/vms/db")["state"] == "running"
        assert controller.call("DELETE", "/v1/vms/db?host=host1").status_code == 200
        assert twins.where() == {"db": ["host0"]}
        assert metric(twins, "duplicated") == 0
        assert "duplicates" not in controller.get("/v1/vms/db")

    @pytest.mark.parametrize("limit", [1, 2, 3, 4])
    def test_no_page_loses_one(self, twins: Running, limit: int) -> None:
        controller = twins.controller
        for name in ("da", "dc"):
            assert controller.deploy(name, 1, 1.0).status_code == 201
        found, after = [], ""
        while after is not None:
            page = controller.call(
                "GET", "/v1/vms", params={"limit": limit, **({"after": after} if after else {})}
            ).json()
            assert page["total"] == 4
            found += [(vm["name"], vm["host"]) for vm in page["vms"]]
            after = page["after"]
        assert found == [("da", "host1"), ("db", "host0"), ("db", "host1"), ("dc", "host1")]


class TestForgottenHosts:
    """Hosts that are removed from the cluster."""

    def test_the_reply_and_the_log_say_which_vms_go(self, cluster: Running) -> None:
        cluster.controller.call("POST", "/v1/hosts/host0/cordon")
        assert cluster.controller.deploy("own", 1, 1.0, **ORDER).json()["host"] == "host1"
        refused = cluster.controller.call("DELETE", "/v1/hosts/host1")
        assert error(refused) == (409, "has_vms")
        assert "own (/i/db.qcow2)" in refused.json()["error"]["message"]
        answer = cluster.controller.call("DELETE", "/v1/hosts/host1?force=true")
        assert [(vm["name"], vm["image"]) for vm in answer.json()["forgotten"]] == [
            ("own", "/i/db.qcow2")
        ]
        [line] = [each for each in logged(cluster).splitlines() if "forgotten" in each]
        assert "'name': 'own', 'image': '/i/db.qcow2'" in line

    def test_a_listed_one_stays_forgotten_until_it_is_added(self, cluster: Running) -> None:
        assert cluster.controller.call("DELETE", "/v1/hosts/host1").status_code == 200
        cluster.controller.end()
        cluster.controller.start()
        cluster.controller.wait_ready(1)
        assert list(cluster.controller.hosts()) == ["host0"]
        assert "event=listed_host_stays_forgotten" in logged(cluster)
        url = {"url": cluster.wires[1].url}
        assert cluster.controller.call("POST", "/v1/hosts", json=url).status_code == 201
        restart_controller(cluster)
        assert sorted(cluster.controller.hosts()) == ["host0", "host1"]


def test_a_host_that_never_answered_is_in_the_log(cluster: Running) -> None:
    """So that what happens to it can be verified."""
    added = cluster.controller.call("POST", "/v1/hosts", json={"url": "127.0.0.1:9", "force": True})
    assert added.status_code == 201
    assert cluster.controller.call("POST", "/v1/hosts/127.0.0.1:9/cordon").status_code == 200
    assert cluster.controller.deploy("web", 1, 1.0).status_code == 201
    assert cluster.controller.call("DELETE", "/v1/hosts/127.0.0.1:9").status_code == 200
    replayed(cluster.controller.operations)


def test_brackets_without_an_address_are_no_host(cluster: Running) -> None:
    answer = cluster.controller.call("POST", "/v1/hosts", json={"url": "[978df2b14]:65531"})
    assert error(answer) == (400, "invalid")


@pytest.mark.parametrize("step", ["set_lost", "reserve", "deploy", "confirm", "drop_lost"])
def test_a_controller_killed_at_a_step_forgets_nothing(tmp_path: Path, step: str) -> None:
    """From the moment when a VM is found missing until it is rebuilt, or let go."""
    with running(tmp_path, [LAPTOP] * 2, SCG_TIMEOUT="2") as cluster:
        assert cluster.controller.deploy("db", 2, 1.0, **ORDER).status_code == 201
        cluster.controller.end()
        for number in (0, 1):
            reinstall(cluster, number)
        killed = killed_controller(cluster, step)
        with suppress(AssertionError):
            killed.start()
        method, path = ("DELETE", "?lost=true") if step == "drop_lost" else ("POST", "/rebuild")
        assert killed.process
        while killed.process.poll() is None:
            with suppress(requests.RequestException):
                killed.call(method, f"/v1/vms/db{path}")
        assert killed.process.wait() == -signal.SIGKILL
        restart_controller(cluster)
        hosts = cluster.controller.hosts
        wait_until(lambda: not any(host["pending"] for host in hosts().values()))
        there = cluster.where()
        assert hosts_of_vms(cluster.controller.operations) == there
        if step == "confirm":
            assert state(cluster) == "running"
            assert len(there["db"]) == 1
            assert metric(cluster, "lost") == 0
        else:
            assert (state(cluster), there) == ("lost", {})
            assert cluster.controller.call("POST", "/v1/vms/db/rebuild").status_code == 201


def killed_controller(cluster: Running, step: str) -> Controller:
    """Return a controller on the same store that kills itself at a step."""
    steps = cluster.controller.folder / "steps"
    steps.touch()
    urls = [wire.url for wire in cluster.wires]
    own = {"STEPS": str(steps), "KILL_NAME": step, "SCG_TIMEOUT": "2"}
    return KilledController(cluster.controller.folder, urls, **own)


class KilledController(Controller):
    """A controller that kills itself at a step."""

    def __init__(self, folder: Path, urls: list[str], **environment: str) -> None:
        tests = Path(__file__).parents[1]
        super().__init__(folder, urls, PYTHONPATH=path_of(tests), **environment)
        self._command = [sys.executable, "-m", "clusters.killed_controller"]


def path_of(tests: Path) -> str:
    """Return where Python finds modules, those of the tests too."""
    return os.pathsep.join(filter(None, [str(tests), os.environ.get("PYTHONPATH", "")]))


def restart_controller(cluster: Running) -> None:
    if cluster.controller.process and cluster.controller.process.poll() is None:
        cluster.controller.end(signal.SIGKILL)
    cluster.controller.start()
    cluster.controller.wait_ready(2)
