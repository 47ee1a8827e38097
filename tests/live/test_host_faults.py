"""The daemon on a real host where other things break, or other people change things."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import requests

from libvirt_hosts.hosts import guest_xml, overlay
from live.places import (
    MOST,
    NEXT,
    NOW,
    NewHost,
    Place,
    kernel_affinity,
    metrics,
    needs_two_cpus,
    threads,
)
from live.rigs import Rig
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]

PATIENCE_S = 60.0
"""No request takes longer, whatever hangs: several times what it may take on an idle machine."""


@pytest.fixture
def place(new_libvirt_host: NewHost, tmp_path: Path) -> Place:
    return Place(new_libvirt_host(), tmp_path)


@needs_two_cpus
def test_the_daemon_is_up_before_libvirtd_after_a_loss_of_power(place: Place) -> None:
    """All VMs come back, also the one whose creation no client got a reply for."""
    with Rig(place.folder / "rig") as rig, place.serving(rig.daemon) as daemon:
        for name, level in (("a", 1.0), ("b", 2.0)):
            assert place.deploy(name, 1, level).status_code == 201
        before = daemon.get("/v1/vms")["vms"]
        # It goes in the middle of a deploy
        rig.tell("kill", "deploy: libvirt, finish VM c")
        with pytest.raises(requests.ConnectionError):
            place.deploy("c", 1, 2.0)
        rig.release()
        place.host.power_loss()
        daemon.start()
        assert daemon.call("GET", "/readyz").status_code == 503
        assert place.deploy("c", 1, 2.0).status_code == 503
        place.host.up()
        place.settled()
        *others, unanswered = daemon.get("/v1/vms")["vms"]
        assert others == before
        assert (unanswered["name"], unanswered["state"]) == ("c", "running")
        assert place.deploy("c", 1, 2.0).status_code == 200


def test_libvirtd_hangs_or_dies_in_the_middle_of_a_deploy(place: Place, tmp_path: Path) -> None:
    """The request ends in time; asked again when libvirtd is back, it is done."""
    host, image = place.host, str(place.image)
    with (
        Rig(tmp_path / "rig") as rig,
        place.serving(rig.daemon) as daemon,
        ThreadPoolExecutor() as pool,
    ):

        def timed_deploy(clone: bool) -> tuple[Any, float]:
            begin = time.monotonic()
            more = {"clone": True, "image": image} if clone else {}
            return place.deploy("b", 1, 1.0, **more), time.monotonic() - begin

        for breaks, mends, step, clone in (
            (host.pause, host.resume, "define", True),
            (host.pause, host.resume, "start", False),
            (host.kill9, host.start, "define", True),
            (host.kill9, host.start, "start", False),
        ):
            rig.tell("wait", f"deploy: libvirt, {step} VM b")
            asked = pool.submit(timed_deploy, clone)
            wait_until(lambda: rig.is_waiting)
            breaks()
            rig.release()
            answer, seconds = asked.result(PATIENCE_S)
            assert (answer.status_code, answer.json()["error"]["code"]) == (504, "no_answer")
            assert seconds < PATIENCE_S
            assert daemon.get("/listvm") == []
            mends()
            wait_until(lambda: daemon.call("GET", "/readyz").status_code == 200)
            again, seconds = timed_deploy(clone)
            assert again.status_code in (200, 201), again.text
            assert (again.json()["state"], seconds < PATIENCE_S) == ("running", True)
            # An overlay that may still be asked for late is kept for a while, or until a restart
            daemon.end(SIGKILL)
            daemon.start()
            place.settled()
            assert daemon.remove("b").status_code == 200
            place.settled()


def test_an_unmanaged_vm_that_takes_all_cpus(place: Place) -> None:
    with place.serving() as daemon, place.libvirt() as connection:
        assert place.deploy("a", 1, 1.0).status_code == 201
        everywhere = (True,) * daemon.get("/v1/host")["cpus"]
        disk = overlay(place.image, place.folder / "foreign.qcow2")
        foreign = connection.defineXML(guest_xml("foreign", disk, place.folder / "console"))
        foreign.pinVcpuFlags(0, everywhere, NEXT)
        foreign.create()
        wait_until(lambda: daemon.get("/v1/host")["state"] == "overcommitted")
        assert metrics(daemon)["host_overcommitted"] == 1
        refused = place.deploy("b", 1, 1.0)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "overcommitted")
        assert daemon.get("/v1/vms/a")["state"] == "running"
        foreign.destroy()
        wait_until(lambda: daemon.get("/v1/host")["state"] == "ready")
        assert place.deploy("b", 1, 2.0).status_code in (201, 409)
        place.settled()


@needs_two_cpus
def test_affinity_that_other_software_changed_is_restored_and_counted(
    new_libvirt_host: NewHost, tmp_path: Path
) -> None:
    # A cgroup would keep the thread where it is; without one there is nothing but the affinity
    place = Place(new_libvirt_host(cgroups=False), tmp_path)
    with place.serving() as daemon:
        assert place.deploy("a", 1, 1.0).status_code == 201
        (wanted,) = kernel_affinity("a")
        os.sched_setaffinity(threads("a")["vcpu 0"], os.sched_getaffinity(0))
        wait_until(lambda: metrics(daemon)["pins_restored_total"] >= 1)
        assert kernel_affinity("a") == {wanted}
        place.settled()


@needs_two_cpus
def test_a_vm_with_changed_vcpus_is_never_oversubscribed_with_itself(place: Place) -> None:
    """It counts with the vCPUs that it has; where these find no room, the host says so."""
    with place.serving(OVSB_CRITICAL_SIZE="0") as daemon, place.libvirt() as connection:
        cpus = daemon.get("/v1/host")["cpus"]
        assert place.deploy("a", 1, 1.0).status_code == 201
        domain = connection.lookupByName("a")

        def counted() -> tuple[int, int, str]:
            host = daemon.get("/v1/host")
            return (
                daemon.get("/v1/vms/a")["vcpus"],
                host["levels"]["1.0"]["owned"],
                host["state"],
            )

        def start_again() -> None:
            domain.destroy()  # nothing has booted that could be asked to shut down
            assert daemon.call("POST", "/v1/vms/a/start").status_code == 200

        # It may get a second one while it runs, and that is pinned too
        domain.setVcpusFlags(2, NEXT | MOST)
        start_again()
        assert counted() == (1, 1, "ready")
        place.settled()
        domain.setVcpusFlags(2, NOW)
        wait_until(lambda: counted() == (2, 2, "ready"))
        place.settled()

        # Its next start is with one again, and until then it can be pinned otherwise
        domain.setVcpusFlags(1, NEXT | MOST)
        restored = metrics(daemon)["pins_restored_total"]
        domain.pinVcpuFlags(1, (True, *(False,) * (cpus - 1)), NOW)
        wait_until(lambda: metrics(daemon)["pins_restored_total"] > restored)
        place.settled()
        start_again()
        assert counted() == (1, 1, "ready")

        # Another VM has the CPUs that more vCPUs would need
        assert place.deploy("b", cpus - 1, 1.0).status_code == 201
        domain.setVcpusFlags(2, NEXT | MOST)
        domain.setVcpusFlags(2, NEXT)
        start_again()
        assert counted() == (2, cpus - 1, "overcommitted")
        assert metrics(daemon)["host_overcommitted"] == 1
        refused = place.deploy("c", 1, 2.0)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "overcommitted")
        assert {vm["state"] for vm in daemon.get("/v1/vms")["vms"]} == {"running"}
        logged = daemon.operations.read_bytes()
        daemon.end(SIGKILL)
        daemon.start()
        assert counted() == (2, cpus - 1, "overcommitted")
        assert daemon.operations.read_bytes() == logged, "what does not change need not be logged"
        assert daemon.remove("b").status_code == 200
        assert counted() == (2, 2, "ready")
        place.settled()
