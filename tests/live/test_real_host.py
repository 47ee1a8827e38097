"""The daemon on real libvirt and QEMU, driven by HTTP alone; what is broken comes back whole."""

import itertools
import os
import signal
import time
from pathlib import Path

import pytest

from libvirt_hosts.hosts import guest_xml, overlay
from live.places import (
    NEXT,
    NOW,
    NewHost,
    Place,
    kernel_affinity,
    needs_two_cpus,
)
from slackvm.topologies import parse_description, write_json
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]


@pytest.fixture
def place(new_libvirt_host: NewHost, guest_image: Path, tmp_path: Path) -> Place:
    """A host that the test may break, on the real CPUs of this machine."""
    return Place(new_libvirt_host(), tmp_path, guest_image)


@needs_two_cpus
def test_levels_two_at_a_time_on_the_real_cpus(place: Place) -> None:
    """What the kernel says of every thread is what the API says of its VM."""
    with place.serving() as daemon:
        for pair in itertools.permutations((1.0, 2.0, 3.0), 2):
            for number, level in enumerate(pair):
                created = place.deploy(f"vm{number}-{pair[0]}-{pair[1]}", 1, level)
                assert created.status_code == 201, created.text
            for vm in daemon.get("/v1/vms")["vms"]:
                assert kernel_affinity(vm["name"]) == {tuple(vm["cpu_list"])}
                assert vm["state"] == "running"
            place.settled()
            for vm in daemon.get("/v1/vms")["vms"]:
                assert daemon.remove(vm["name"]).status_code == 200
            assert daemon.get("/v1/host")["cpus_free"] == daemon.get("/v1/host")["cpus"]


def test_three_levels_on_a_simulated_host(
    new_libvirt_host: NewHost, guest_image: Path, tmp_path: Path
) -> None:
    """SIMULATED CPUs: 32 in two NUMA nodes; the pins are read back from libvirt."""
    topology = tmp_path / "topology.json"
    described = "sockets=2 cores=8 threads=2 l3=4 distances=10,20 memory=16384"
    write_json(parse_description(described).build(), topology)
    place = Place(new_libvirt_host(made_up_cpus=32), tmp_path, guest_image, topology)
    with place.serving() as daemon:
        for number, level in enumerate((1.0, 2.0, 3.0, 3.0, 1.0)):
            assert place.deploy(f"vm{number}", 2, level).status_code == 201
        place.settled()
        daemon.remove("vm1")
        place.settled()
        assert daemon.get("/v1/host")["levels"]["2.0"]["owned"] == 0


def test_a_vm_stops_and_starts_and_is_shown_as_it_is(place: Place) -> None:
    with place.serving(SCL_DELAY="0.5") as daemon:
        assert place.deploy("a", 1, 1.0).status_code == 201
        again = daemon.deploy("a", 1, 1.0, memory_gib=0.125, image=str(place.images / "a.qcow2"))
        assert again.status_code == 200
        same_image = daemon.deploy(
            "b", 1, 1.0, memory_gib=0.125, image=str(place.images / "a.qcow2")
        )
        assert (same_image.status_code, same_image.json()["error"]["code"]) == (
            409,
            "image_in_use",
        )
        for verb, expected in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
            answer = daemon.call("POST", f"/v1/vms/a/{verb}")
            assert (answer.status_code, answer.json()["state"]) == (200, expected), answer.text
        place.settled()


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("missing.qcow2", "image_not_found"),
        ("../outside.qcow2", "image_invalid"),
        ("link.qcow2", "image_outside"),
        ("text.qcow2", "image_invalid"),
        ("/etc/passwd", "image_outside"),
        ("nbd://localhost/x", "invalid"),
    ],
)
def test_an_image_that_cannot_be_used_is_refused(image: str, code: str, place: Place) -> None:
    overlay(place.image, place.folder / "outside.qcow2")
    (place.images / "link.qcow2").symlink_to(place.folder / "outside.qcow2")
    (place.images / "text.qcow2").write_text("no qcow2")
    path = image if "://" in image else str(place.images / image)
    with place.serving() as daemon:
        answer = daemon.deploy("a", 1, 1.0, memory_gib=0.125, image=path)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["field"] == "image"
        assert answer.json()["error"]["code"] == code
        assert daemon.get("/listvm") == []


def test_clones_share_an_image_and_leave_no_overlay(place: Place) -> None:
    base = overlay(place.image, place.images / "base.qcow2")
    with place.serving() as daemon:
        for name in ("a", "b"):
            created = daemon.deploy(name, 1, 2.0, memory_gib=0.125, image=str(base), clone=True)
            assert created.status_code == 201, created.text
        for name in ("a", "b"):
            daemon.remove(name)
        assert base.exists()
        assert list((place.folder / "state" / "overlays").iterdir()) == []


def test_all_vms_are_back_after_a_loss_of_power(place: Place) -> None:
    with place.serving() as daemon:
        for number, level in enumerate((1.0, 2.0)):
            place.deploy(f"vm{number}", 1, level)
        before = daemon.get("/v1/vms")
        daemon.end(signal.SIGKILL)
        place.host.power_loss()
        place.host.up()
        daemon.start()
        place.settled()
        assert daemon.get("/v1/vms") == before


def test_libvirtd_killed_hung_and_restarted(place: Place) -> None:
    """Meanwhile the host is not ready, changes nothing, and answers in time; then it goes on."""
    with place.serving() as daemon:
        assert place.deploy("a", 1, 2.0).status_code == 201
        for breaks, mends in (
            (place.host.kill9, place.host.start),
            (place.host.pause, place.host.resume),
            (place.host.stop, place.host.start),
        ):
            breaks()
            wait_until(lambda: daemon.call("GET", "/readyz").status_code == 503)
            begin = time.monotonic()
            answer = place.deploy("b", 1, 2.0)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
            assert time.monotonic() - begin < 15
            assert daemon.get("/listvm") == ["a"], "unreachable never means gone"
            mends()
            place.settled()
        assert place.deploy("b", 1, 2.0).status_code == 201
        place.settled()


def test_an_unmanaged_vm_gets_its_cpus_and_is_not_changed(place: Place) -> None:
    with place.serving() as daemon:
        place.deploy("a", 1, 1.0)
        owned = daemon.get("/v1/host")["levels"]["1.0"]["cpu_list"]
        disk = overlay(place.image, place.folder / "foreign.qcow2")
        with place.libvirt() as connection:
            foreign = connection.defineXML(guest_xml("foreign", disk, place.folder / "console"))
            foreign.create()
            wait_until(lambda: daemon.get("/v1/host")["foreign_unpinned"] == 1)
            cpus = daemon.get("/v1/host")["cpus"]
            foreign.pinVcpu(0, tuple(cpu in owned for cpu in range(cpus)))
            if cpus > 1:
                wait_until(lambda: daemon.get("/v1/host")["levels"]["1.0"]["cpu_list"] != owned)
                place.settled()
            assert daemon.call("DELETE", "/v1/vms/foreign").status_code == 404
            assert daemon.deploy("foreign", 1, 1.0, image="/x").status_code in (400, 409)
            assert foreign.isActive()
            foreign.destroy()
            foreign.undefine()
        wait_until(lambda: daemon.get("/v1/host")["foreign"] == [])
        place.settled()


def test_a_pin_that_other_software_changed_is_restored_and_counted(place: Place) -> None:
    with place.serving(SCL_DELAY="0.5") as daemon:
        place.deploy("a", 1, 1.0)
        place.settled()
        with place.libvirt() as connection:
            domain = connection.lookupByName("a")
            domain.pinVcpuFlags(0, (True,) * len(os.sched_getaffinity(0)), NOW | NEXT)
        wait_until(lambda: "slackvm_pins_restored_total 1.0" in daemon.call("GET", "/metrics").text)
        place.settled()


def test_a_guest_killed_from_outside_keeps_its_cpus(place: Place) -> None:
    with place.serving(SCL_DELAY="0.5") as daemon:
        place.deploy("a", 1, 1.0)
        with place.libvirt() as connection:
            connection.lookupByName("a").destroy()
        wait_until(lambda: daemon.get("/v1/vms/a")["state"] != "running")
        assert daemon.get("/v1/host")["levels"]["1.0"]["owned"] == 1
        assert daemon.call("POST", "/v1/vms/a/start").status_code == 200
        place.settled()
