"""The daemon on real libvirt, killed before, amid and after every step of what it does.

The steps are those that a run without a kill takes, so that a new one is tried too. After each kill
no VM is lost, the one that was being made or removed is wholly there or wholly gone, everything
keeps the rules, and the same request again does what it should have done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import requests

from libvirt_hosts.hosts import LibvirtHost
from live.daemons import START_S
from live.places import Place, needs_two_cpus
from live.rigs import Rig

pytest_plugins = ["libvirt_hosts.fixtures"]
pytestmark = needs_two_cpus

Ask = Callable[[], requests.Response]


class DeathRow:
    """A place where VM b comes and goes beside another one, and its daemon is killed meanwhile."""

    def __init__(self, place: Place, rig: Rig) -> None:
        self.place, self.rig, self.daemon = place, rig, place.daemon

    def deploy(self, *, level: float, clone: bool) -> requests.Response:
        image = {"image": str(self.place.image)} if clone else {}
        answer: requests.Response = self.place.deploy("b", 1, level, clone=clone, **image)
        return answer

    def remove(self) -> requests.Response:
        return self.daemon.remove("b")

    def steps(self, operation: str, ask: Ask) -> list[str]:
        """Return the steps that a request takes when nothing happens to it."""
        self.rig.forget()
        assert ask().status_code in (200, 201)
        self.place.settled()
        return self.rig.steps(operation)

    @contextmanager
    def dead(self, what: str, step: str, ask: Ask) -> Iterator[None]:
        """Kill the daemon at a step of a request, and start it at the end of the `with`."""
        self.rig.tell(what, step)
        with pytest.raises(requests.ConnectionError):
            ask()
        assert self.daemon.process
        assert self.daemon.process.wait(START_S) == -SIGKILL
        self.rig.release()
        yield
        self.daemon.start()
        self.place.settled()

    @contextmanager
    def killed(self, what: str, step: str, ask: Ask) -> Iterator[dict[str, Any]]:
        """Kill the daemon at a step of a request; give the VMs that are there after its start."""
        try:
            before = self.vms()
            with self.dead(what, step, ask):
                pass
            after = self.vms()
            assert after.keys() | {"b"} == before.keys() | {"b"}
            assert after["a"]["state"] == "running"
            if "b" in after and after["b"]["state"] != "running":
                # Its power was cut, for it was to be removed; it can still be started
                assert step.startswith("remove: ")
                assert self.daemon.call("POST", "/v1/vms/b/start").status_code == 200
                self.place.settled()
            yield after
            self.place.settled()
        except BaseException as error:
            error.add_note(f"{what} {step}")
            raise

    def vms(self) -> dict[str, Any]:
        return {vm["name"]: vm for vm in self.daemon.get("/v1/vms")["vms"]}


@pytest.fixture
def row(libvirt_host: LibvirtHost, tmp_path: Path) -> Iterator[DeathRow]:
    place = Place(libvirt_host, tmp_path)
    with Rig(tmp_path / "rig") as rig, place.serving(rig.daemon) as daemon:
        # It may use the free CPU until another vNode needs it
        assert place.deploy("a", 1, 3.0).status_code == 201
        yield DeathRow(place, rig)
        for name in daemon.get("/listvm"):
            assert daemon.remove(name).status_code == 200


def kills(steps: list[str]) -> list[tuple[str, str]]:
    """Return all ways to be killed at these steps."""
    amid = [step for step in steps if "libvirt" in step and "pin" not in step]
    return [("kill", step) for step in steps] + [("kill amid", step) for step in amid]


@pytest.mark.parametrize(
    ("level", "clone"),
    [pytest.param(1.0, True, id="clone, others are pinned"), pytest.param(3.0, False, id="plain")],
)
def test_killed_while_it_deploys(row: DeathRow, level: float, clone: bool) -> None:
    def ask() -> requests.Response:
        return row.deploy(level=level, clone=clone)

    steps = row.steps("deploy", ask)
    assert "deploy: libvirt, define VM b" in steps
    assert ("deploy: libvirt, pin vCPU 0 of VM a" in steps) == (level == 1.0)
    assert ("deploy: create overlay" in steps) == clone
    if not clone:
        # Writing state and log is the same and has been tried
        steps = [step for step in steps if "libvirt" in step]
    row.remove()
    for what, step in kills(steps):
        with row.killed(what, step, ask) as vms:
            assert ask().status_code == (200 if "b" in vms else 201)
            assert row.vms()["b"]["state"] == "running"
        assert row.remove().status_code == 200


def test_killed_while_it_removes(row: DeathRow) -> None:
    row.deploy(level=1.0, clone=True)
    steps = row.steps("remove", row.remove)
    assert "remove: libvirt, undefine VM b" in steps
    assert "remove: libvirt, pin vCPU 0 of VM a" in steps
    assert "remove: delete overlay" in steps
    for what, step in kills(steps):
        assert row.deploy(level=1.0, clone=True).status_code == 201
        with row.killed(what, step, row.remove) as vms:
            assert row.remove().status_code == (200 if "b" in vms else 404)
            assert "b" not in row.vms()


def test_killed_while_it_recovers(row: DeathRow) -> None:
    """Killed while it makes a VM, and once more while it finds out after its start what is."""

    def ask() -> requests.Response:
        return row.deploy(level=1.0, clone=True)

    with row.dead("kill", "deploy: libvirt, start VM b", ask):
        row.rig.forget()
    steps = row.rig.steps("reconcile")
    steps = steps[: steps.index("reconcile: answer")]
    assert "reconcile: libvirt, start VM b" in steps
    assert "reconcile: write state" in steps
    for step in steps:
        row.remove()
        with row.dead("kill", "deploy: libvirt, start VM b", ask):
            row.rig.tell("kill", step)
            row.daemon.launch()
            assert row.daemon.process.wait(START_S) == -SIGKILL, step
            row.rig.release()
        assert row.vms()["b"]["state"] == "running", step
