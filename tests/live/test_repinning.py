"""VMs that another one has pinned otherwise, on a real host: no more is done than must be."""

from pathlib import Path

import pytest

from libvirt_hosts.hosts import LibvirtHost
from live.places import Place, needs_two_cpus
from live.rigs import Rig

pytest_plugins = ["libvirt_hosts.fixtures"]
pytestmark = needs_two_cpus

VMS = 4


@pytest.fixture
def place(libvirt_host: LibvirtHost, tmp_path: Path) -> Place:
    return Place(libvirt_host, tmp_path)


def test_only_what_is_not_right_is_pinned(place: Place) -> None:
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
