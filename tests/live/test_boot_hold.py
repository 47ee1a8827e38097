"""After the machine's boot, VMs of a host with a controller wait until that controller answers."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libvirt_hosts.hosts import LibvirtHost
from live.places import Place
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]

CLAIM = "4f2a6b 1"


@pytest.fixture
def place(libvirt_host: LibvirtHost, tmp_path: Path) -> Place:
    return Place(libvirt_host, tmp_path)


@pytest.fixture
def obeying(place: Place) -> Iterator[Place]:
    """A host that obeys a controller and has a VM."""
    with place.serving():
        assert place.deploy("web", 1, 1.0).status_code == 201
        assert domain_of(place)["autostart"]
        ask(place, "POST", "/v1/vms/web/start")
        wait_until(lambda: not domain_of(place)["autostart"])
        yield place
        assert place.daemon.remove("web").status_code == 200


def ask(place: Place, method: str, path: str, claim: str = CLAIM) -> None:
    headers = {"SlackVM-Controller": claim} if claim else {}
    assert place.daemon.call(method, path, headers=headers).status_code == 200


def domain_of(place: Place) -> dict[str, Any]:
    with place.libvirt() as connection:
        domain = connection.lookupByName("web")
        return {"runs": bool(domain.isActive()), "autostart": bool(domain.autostart())}


def boot(place: Place, wait_s: str = "300") -> None:
    """Do to the daemon what a boot of the machine does: no VM runs, and the boot is another one."""
    place.daemon.end()
    with place.libvirt() as connection:
        connection.lookupByName("web").destroy()
    file = place.state / "boot.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "boot": "another"}))
    place.daemon.set(SCL_BOOT_WAIT=wait_s)
    place.daemon.start()


def stays_off(place: Place) -> None:
    """Some reconciliations, of one each second, start nothing."""
    for _ in range(6):
        assert not domain_of(place)["runs"]
        time.sleep(0.5)


def test_vms_wait_for_the_controller(obeying: Place) -> None:
    boot(obeying)
    ask(obeying, "GET", "/v1/host", claim="")
    ask(obeying, "GET", "/v1/host", claim="5e5e5e 7")
    ask(obeying, "GET", "/v1/host", claim=f"{CLAIM} hold")
    stays_off(obeying)
    ask(obeying, "GET", "/v1/host")
    wait_until(lambda: domain_of(obeying)["runs"])
    wait_until(lambda: not domain_of(obeying)["autostart"])
    # Another start of the daemon is no boot: a VM that was stopped stays so.
    obeying.daemon.call("POST", "/v1/vms/web/stop")
    obeying.daemon.end()
    obeying.daemon.start()
    ask(obeying, "GET", "/v1/host")
    stays_off(obeying)


def test_they_wait_only_so_long(obeying: Place) -> None:
    boot(obeying, wait_s="2")
    wait_until(lambda: domain_of(obeying)["runs"])


def test_libvirt_starts_them_where_no_controller_is_obeyed(obeying: Place) -> None:
    ask(obeying, "DELETE", "/v1/controller")
    wait_until(lambda: domain_of(obeying)["autostart"])


def test_a_container_that_boots_on_a_kernel_that_runs_on_is_noticed(
    place: Place, tmp_path: Path
) -> None:
    """Its kernel's boot ID stays; the unit's runtime folder is empty after the boot."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    with place.serving(RUNTIME_DIRECTORY=str(runtime)):
        assert place.deploy("web", 1, 1.0).status_code == 201
        ask(place, "POST", "/v1/vms/web/start")
        wait_until(lambda: not domain_of(place)["autostart"])
        place.daemon.end()
        with place.libvirt() as connection:
            connection.lookupByName("web").destroy()
        (runtime / "boot").unlink()
        place.daemon.start()
        stays_off(place)
        ask(place, "GET", "/v1/host")
        wait_until(lambda: domain_of(place)["runs"])
        assert place.daemon.remove("web").status_code == 200
