"""Names and paths that mean something to XML, QEMU, shells or libvirt, on a real host over HTTP."""

import shutil
from pathlib import Path
from typing import Any

from libvirt_hosts.hosts import LibvirtHost, overlay
from live.places import Place
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]

BOOTED = {
    "plain": "a b,readonly=on'\"&<]]><disk>.qcow2",
    "shell": "-drive ü-日本-😀 $(id);`id`\\x%s.qcow2",
    "clone": ",backing.driver=raw\"' ]]>&\\\\.qcow2",
    "protocol": 'json:{"driver":"raw"}:nbd:localhost:1.qcow2',
}
REFUSED = [
    "a\n.qcow2",
    "a\x00.qcow2",
    "a\x1b[1m.qcow2",
    "a\u202e.qcow2",
    "../outside.qcow2",
    "x/../../outside.qcow2",
    "a" * 300,
    "a" * 5000,
    "",
    ".",
]
NAMES = [
    "..", ".a", "-a", "_a", "a/b", "../a", "a b", "a'b", 'a"b', "a<b>", "a&b", "a,b", "a\n",
    "a\x00",
    "]]>", "é", "😀", "a" * 64, "a" * 5000, "", "$(id)",
]  # fmt: skip
ALLOWED = ["a" * 62 + "x", "a" * 62 + "y", "A.-_", "a.-_", "0"]


def test_an_image_boots_whatever_its_name(
    libvirt_host: LibvirtHost, guest_image: Path, tmp_path: Path
) -> None:
    place = Place(libvirt_host, tmp_path, guest_image)
    with place.serving() as daemon, place.libvirt() as connection:
        for name, file in BOOTED.items():
            image = place.images / file
            shutil.copy(guest_image, image)
            clone = name in ("clone", "protocol")
            created = place.deploy(name, 1, 2.0, image=str(image), clone=clone)
            assert created.status_code == 201, created.text
            assert created.json()["image"] == str(image)
        place.settled()
        for name in BOOTED:
            domain = connection.lookupByName(name)
            # A disk without a boot loader is read no further than its first sectors
            wait_until(lambda: bytes_read(domain) > 4 * 2**20, 120)  # noqa: B023
            assert daemon.remove(name).status_code == 200
        place.settled()


def bytes_read(domain: Any) -> int:
    _, read, *_ = domain.blockStats("vda")
    return int(read)


def test_which_paths_and_names_are_refused(libvirt_host: LibvirtHost, tmp_path: Path) -> None:
    place = Place(libvirt_host, tmp_path)
    overlay(place.image, tmp_path / "outside.qcow2")
    with place.serving() as daemon:
        for file in REFUSED:
            refused = place.deploy("a", 1, 1.0, image=f"{place.images}/{file}")
            assert refused.status_code == 400, (file[:60], refused.text)
            assert refused.json()["error"].get("field") == "image", (file[:60], refused.text)
        for name in NAMES:
            refused = place.deploy(name, 1, 1.0, image=str(place.image))
            assert refused.status_code == 400, (name[:60], refused.text)
            assert refused.json()["error"]["field"] == "name", refused.text
        assert daemon.get("/listvm") == []
        with place.libvirt() as connection:
            assert connection.listAllDomains() == []
        for name in ALLOWED:
            assert place.deploy(name, 1, 5.0).status_code == 201
        place.settled()
        assert daemon.get("/listvm") == ALLOWED
        daemon.end()
        daemon.start()
        place.settled()
        for name in ALLOWED:
            assert daemon.remove(name).status_code == 200
        place.settled()
