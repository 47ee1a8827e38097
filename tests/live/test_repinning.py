"""Pins on a real host that another VM changes, or that cannot be had: no more is done than must."""

import os
from pathlib import Path

import pytest

from libvirt_hosts.hosts import LibvirtHost
from live.places import Place, metrics, needs_two_cpus
from live.rigs import Rig
from slackvm.topologies import parse_description, write_json

pytest_plugins = ["libvirt_hosts.fixtures"]
pytestmark = needs_two_cpus

VMS = 4


@pytest.fixture
def place(libvirt_host: LibvirtHost, tmp_path: Path) -> Place:
    return Place(libvirt_host, tmp_path)


def test_only_wrong_pins_are_changed(place: Place) -> None:
    with (
        Rig(place.folder / "rig") as rig,
        place.serving(rig.daemon, OVSB_CRITICAL_SIZE="99") as daemon,
    ):
        cpus = daemon.get("/v1/host")["cpus"]
        image = str(place.image)
        pins = sorted(
            f"libvirt, pin {what} of VM vm{number}"
            for number in range(VMS)
            for what in ("vCPU 0", "emulator")
        )

        def pinned(operation: str) -> list[str]:
            steps = [step.partition(": ")[2] for step in rig.steps(operation)]
            rig.forget()
            return sorted(step for step in steps if "pin" in step)

        for number in range(VMS):
            # All may use every CPU that is free
            assert place.deploy(f"vm{number}", 1, 50.0, image=image, clone=True).ok
        assert pinned("deploy") == []
        # Now all but one of these go, and each VM has to keep off them
        assert place.deploy("large", cpus - 1, 1.0).status_code == 201
        assert pinned("deploy") == pins
        place.settled()
        assert place.deploy("more", 1, 50.0, image=image, clone=True).status_code == 201
        assert daemon.remove("more").status_code == 200
        assert pinned("deploy") + pinned("remove") == []
        assert daemon.remove("large").status_code == 200
        assert pinned("remove") == pins
        place.settled()
        for number in range(VMS):
            assert daemon.remove(f"vm{number}").status_code == 200


def test_pins_that_fail_are_not_retried_forever(place: Place) -> None:
    """The daemon believes in CPUs that the machine has not."""
    with place.serving() as daemon:
        assert place.deploy("a", 1, 3.0).status_code == 201
        daemon.end()
    more = 2 * (max(os.sched_getaffinity(0)) + 1)
    write_json(parse_description(f"cores={more} memory=16384").build(), place.topology)
    with place.serving(SCL_DELAY="3600") as daemon:
        for _ in range(300):
            assert daemon.get("/v1/vms/a")["state"] == "running"
        assert 1 <= metrics(daemon)["pins_failed_total"] < 10
        assert metrics(daemon)["pins_restored_total"] == 0
        refused = place.deploy("b", 1, 1.0)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "hypervisor_failed")
        assert daemon.remove("a").status_code == 200
