"""A controller that ends, at any moment: nothing is forgotten, nothing is done twice."""

import signal
import sys
from pathlib import Path

import pytest
import requests

from clusters.processes import Controller, Running, end, running
from clusters.replaying import hosts_of_vms
from waiting import wait_until


class KilledController(Controller):
    """A controller that kills itself at a step."""

    def __init__(self, folder: Path, urls: list[str], at: int) -> None:
        self.steps = folder / "steps"
        super().__init__(folder, urls, STEPS=str(self.steps), KILL_AT=str(at))
        self._command = [sys.executable, "-m", "clusters.killed_controller"]
        tests = Path(__file__).parents[1]
        self._environment = {**self._environment, "PYTHONPATH": str(tests)}


def settled(cluster: Running, controller: Controller) -> None:
    """Wait until the controller tells what the hosts have, and check that all agree."""
    controller.wait_ready(len(cluster.hosts))

    def agree() -> bool:
        hosts = controller.hosts()
        own = {name: host.get("/v1/host") for name, host in cluster.by_name.items()}
        return not any(host["pending"] for host in hosts.values()) and own == {
            name: {key: hosts[name][key] for key in own[name]} for name in own
        }

    wait_until(agree)
    where = cluster.where()
    assert all(len(hosts) == 1 for hosts in where.values())
    assert {name: [vm["host"]] for name, vm in controller.vms().items()} == where
    assert hosts_of_vms(controller.operations) == where


def test_a_controller_killed_at_any_step_forgets_nothing_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    """At every step of a deploy, a refusal and a removal, life after life on one store."""
    with running(tmp_path, ["i7-1185g7"] * 2) as cluster:
        cluster.controller.end()
        urls = [wire.url for wire in cluster.wires]
        folder = cluster.controller.folder
        steps = [""]
        at = 0
        while at < len(steps):
            controller = KilledController(folder, urls, at)
            controller.start()
            try:
                settled(cluster, controller)
                for name in controller.vms():
                    assert controller.remove(name).status_code == 200
                assert controller.deploy("old", 1, 1.0).status_code == 201
                controller.steps.touch()
                if at:
                    with pytest.raises(requests.ConnectionError):
                        change(controller)
                    assert controller.process
                    assert controller.process.wait(30) == -signal.SIGKILL
                else:
                    change(controller)
                    steps = controller.steps.read_text().splitlines()
                controller.steps.unlink()
            finally:
                end(controller)
            at += 1
        in_store = {"reserve", "confirm", "write_lines", "set_vms"}
        assert in_store | {"append", "deploy", "remove"} <= set(steps)
        controller = Controller(folder, urls)
        controller.start()
        settled(cluster, controller)
        end(controller)


def change(controller: Controller) -> None:
    """Deploy a VM that fits and one that does not, and remove one."""
    assert controller.deploy("new", 2, 2.0).status_code == 201
    assert controller.deploy("huge", 200, 1.0).status_code == 409
    assert controller.remove("old").status_code == 200
