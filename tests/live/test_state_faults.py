"""The daemon on real libvirt with a state that is damaged, lost, or on a disk that is full."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from signal import SIGKILL

import pytest

from libvirt_hosts.hosts import LibvirtHost
from live.places import NewHost, Place, metrics
from live.rigs import Rig
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]


@pytest.fixture
def place(libvirt_host: LibvirtHost, tmp_path: Path) -> Place:
    return Place(libvirt_host, tmp_path)


def changed(state: Path, change: Callable[[str], str]) -> None:
    state.write_text(change(state.read_text()))


def test_an_unusable_state_file_loses_no_vm(place: Place) -> None:
    """It costs the order of the CPUs, the log tells so, and the VMs run on."""
    state = place.state / "state.json"
    damages: list[Callable[[], object]] = [
        state.unlink,
        lambda: state.write_bytes(b""),
        lambda: state.write_bytes(bytes(range(256))),
        lambda: changed(state, lambda text: text[: len(text) // 2]),
        lambda: changed(state, lambda text: text.replace('"readable_by": 1', '"readable_by": 2')),
        lambda: changed(state, lambda text: text.replace('"last": "', '"last": "{}')),
    ]
    with Rig(place.folder / "rig") as rig, place.serving(rig.daemon) as daemon:
        for name, level in (("a", 2.0), ("b", 3.0), ("c", 2.0)):
            assert place.deploy(name, 1, level).status_code == 201
        daemon.remove("a")
        before = daemon.get("/v1/vms")
        for lives, damage in enumerate(damages, start=1):
            daemon.end(SIGKILL)
            damage()
            daemon.start()
            place.settled()
            assert daemon.get("/v1/vms") == before
            assert daemon.operations.read_text().count('"op": "reset"') == lives
        for name in ("b", "c"):
            assert daemon.remove(name).status_code == 200


class SmallDisk:
    """A folder that is a disk of its own."""

    def __init__(self, path: Path, size: str) -> None:
        self._path, self._filler = path, path / "filler"
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        subprocess.run(mount, check=True)

    def fill(self) -> None:
        with suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def make_room(self) -> None:
        self._filler.unlink()

    def umount(self) -> None:
        subprocess.run(["umount", self._path], check=True)


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[SmallDisk, SmallDisk]]:
    """Small disks for state and images; a libvirt host sees them if it comes up later."""
    with ExitStack() as stack:
        found = []
        for name, size in (("state", "1m"), ("images", "8m")):
            (tmp_path / name).mkdir()
            found.append(SmallDisk(tmp_path / name, size))
            stack.callback(found[-1].umount)
        yield found[0], found[1]


def test_full_disks(
    disks: tuple[SmallDisk, SmallDisk], new_libvirt_host: NewHost, tmp_path: Path
) -> None:
    """What needs room says so and leaves nothing; all else goes on, and is written down later."""
    state_disk, image_disk = disks
    place = Place(new_libvirt_host(), tmp_path)
    image = str(place.image)
    with place.serving() as daemon:
        assert place.deploy("a", 1, 2.0).status_code == 201
        place.disk("b")
        place.settled()
        state_disk.fill()

        for _ in range(2):
            refused = place.deploy("clone", 1, 2.0, image=image, clone=True)
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "storage_full"
        assert daemon.get("/listvm") == ["a"]
        assert place.overlays() == set()

        # Without an overlay nothing but the state needs room, and that can wait
        assert place.deploy("b", 1, 2.0).status_code == 201
        assert daemon.remove("a").status_code == 200
        assert place.deploy("a", 9999, 2.0).status_code == 409
        assert metrics(daemon)["state_behind"] == 1
        daemon.end(SIGKILL)
        daemon.start()
        wait_until(place.is_pinned)
        assert daemon.get("/listvm") == ["b"]
        assert metrics(daemon)["state_behind"] == 1

        state_disk.make_room()
        wait_until(lambda: metrics(daemon)["state_behind"] == 0)
        place.settled()
        assert place.deploy("clone", 1, 2.0, image=image, clone=True).status_code == 201
        place.settled()
        image_disk.fill()
        assert place.deploy("another", 1, 2.0, image=image, clone=True).status_code == 201
        daemon.end(SIGKILL)
        daemon.start()
        place.settled()
        assert set(daemon.get("/listvm")) == {"b", "clone", "another"}
        assert place.overlays() != set()
        for name in ("clone", "another"):
            assert daemon.remove(name).status_code == 200
        assert place.overlays() == set()
