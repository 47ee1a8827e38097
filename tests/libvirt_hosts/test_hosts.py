"""The hosts and guests that other tests rely on."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from libvirt_hosts.hosts import GUEST_IS_UP, HOST_SH, LibvirtHost, guest_xml, overlay, wait_for
from libvirt_hosts.remains import Remains, processes_that_name

libvirt = pytest.importorskip("libvirt", reason="the Python module libvirt is missing")

pytest_plugins = ["libvirt_hosts.fixtures"]

NewHost = Callable[..., LibvirtHost]


class Guests:
    """Guests, each with a disk and a console in a folder."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.image = image
        self.folder = folder

    def start(self, host: LibvirtHost, name: str, vcpus: int = 1):
        disk = overlay(self.image, self.folder / f"{host.directory.name}-{name}.qcow2")
        domain = libvirt.open(host.uri).defineXML(guest_xml(name, disk, self.console(name), vcpus))
        domain.create()
        return domain

    def console(self, name: str) -> Path:
        return self.folder / f"{name}.console"


@pytest.fixture
def guests(guest_image: Path, tmp_path: Path) -> Guests:
    return Guests(guest_image, tmp_path)


def running(host: LibvirtHost) -> dict[str, bool]:
    """Return whether each domain of a host runs, as a new connection tells."""
    domains = libvirt.open(host.uri).listAllDomains()
    return {domain.name(): bool(domain.isActive()) for domain in domains}


def qemu_processes(host: LibvirtHost) -> list[str]:
    """Return the ids of the host's QEMU processes, as seen on the host."""
    return host.run("bash", "-c", "pgrep -f ^/usr/bin/qemu-system || true").split()


# A host -----------------------------------------------------------------------------------------


def test_a_new_host_has_no_domain(libvirt_host: LibvirtHost) -> None:
    assert running(libvirt_host) == {}
    virsh = ["virsh", "--connect", libvirt_host.uri, "list", "--all", "--name"]
    assert subprocess.run(virsh, capture_output=True, check=True).stdout.strip() == b""


def test_a_host_has_a_name_and_a_network_of_its_own(libvirt_host: LibvirtHost) -> None:
    assert libvirt.open(libvirt_host.uri).getHostname() == "host"
    interfaces = libvirt_host.run("ip", "-brief", "link", "show", "up").splitlines()
    assert [line.split()[0] for line in interfaces] == ["lo"]


def test_a_host_may_share_the_machines_network_and_have_no_cgroups(
    new_libvirt_host: NewHost,
) -> None:
    host = new_libvirt_host(private_network=False, cgroups=False)
    network = str(Path("/proc/self/ns/net").readlink())
    assert host.run("readlink", "/proc/self/ns/net").strip() == network
    assert "cgroup" not in host.run("cat", "/proc/mounts")


def test_the_error_of_a_failed_command_says_why(libvirt_host: LibvirtHost) -> None:
    with pytest.raises(RuntimeError, match="failed with 3: no"):
        libvirt_host.run("bash", "-c", "echo no >&2; exit 3")


def test_a_paused_libvirtd_hangs_until_it_is_resumed(libvirt_host: LibvirtHost) -> None:
    virsh = ["virsh", "--connect", libvirt_host.uri, "list"]
    libvirt_host.pause()
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(virsh, capture_output=True, check=False, timeout=1)
    libvirt_host.resume()
    assert running(libvirt_host) == {}


# Guests -----------------------------------------------------------------------------------------


def test_a_guest_boots_and_shuts_down_when_asked(libvirt_host: LibvirtHost, guests: Guests) -> None:
    domain = guests.start(libvirt_host, "guest", vcpus=2)
    assert " vcpus=2 " in wait_for(GUEST_IS_UP, guests.console("guest"))
    domain.shutdown()
    end = time.monotonic() + 20
    while domain.isActive():
        assert time.monotonic() < end
        time.sleep(0.05)
    domain.undefine()


def test_two_hosts_run_guests_of_the_same_name(new_libvirt_host: NewHost, guests: Guests) -> None:
    both = [new_libvirt_host("alpha"), new_libvirt_host("beta")]
    domains = [guests.start(host, "guest") for host in both]
    assert domains[0].UUIDString() != domains[1].UUIDString()
    assert [len(qemu_processes(host)) for host in both] == [1, 1]
    domains[0].destroy()
    assert [running(host) for host in both] == [{"guest": False}, {"guest": True}]


@pytest.mark.parametrize("end", ["kill9", "stop"])
def test_guests_outlive_libvirtd(end: str, new_libvirt_host: NewHost, guests: Guests) -> None:
    host = new_libvirt_host()
    guests.start(host, "guest")
    qemu = qemu_processes(host)
    assert len(qemu) == 1
    getattr(host, end)()
    with pytest.raises(libvirt.libvirtError):
        libvirt.open(host.uri)
    assert qemu_processes(host) == qemu
    host.start()
    assert running(host) == {"guest": True}
    assert qemu_processes(host) == qemu


def test_power_loss_ends_all_guests_and_keeps_their_definitions(
    new_libvirt_host: NewHost, guests: Guests
) -> None:
    host = new_libvirt_host()
    guests.start(host, "manual")
    guests.start(host, "autostarted").setAutostart(True)
    remains = Remains(host.directory)
    assert len(remains.processes()) >= 4  # the first process, libvirtd, two times QEMU
    host.power_loss()
    assert remains.processes() == []
    host.up()
    assert running(host) == {"manual": False, "autostarted": True}


# Made-up CPUs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("cpus", "cpu"), [(32, 20), (256, 200)])
def test_a_host_of_simulated_cpus_has_two_nodes_and_pins_to_them(
    cpus: int, cpu: int, new_libvirt_host: NewHost, guests: Guests
) -> None:
    host = new_libvirt_host(made_up_cpus=cpus)
    _, _, shown, _, nodes, *_ = libvirt.open(host.uri).getInfo()
    assert (shown, nodes) == (cpus, 2)
    pins = tuple(number == cpu for number in range(cpus))
    domain = guests.start(host, "guest")
    domain.pinVcpuFlags(0, pins, libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    host.stop()
    host.start()
    domain = libvirt.open(host.uri).lookupByName("guest")
    assert domain.vcpuPinInfo() == [pins]
    assert domain.vcpuPinInfo(libvirt.VIR_DOMAIN_AFFECT_CONFIG) == [pins]


def test_slackvm_reads_the_topology_of_simulated_cpus(new_libvirt_host: NewHost) -> None:
    host = new_libvirt_host(made_up_cpus=32)
    output = host.run(sys.executable, "-m", "schedulerlocal", "topology")
    assert "node 0      16: 0-15" in output
    assert "node 1      16: 16-31" in output


# Nothing is left --------------------------------------------------------------------------------


@pytest.mark.parametrize("cgroups", [True, False])
def test_nothing_is_left_of_a_host_that_is_down(
    cgroups: bool, new_libvirt_host: NewHost, guests: Guests
) -> None:
    host = new_libvirt_host(cgroups=cgroups)
    guests.start(host, "guest")
    remains = Remains(host.directory)
    assert remains.found()
    host.down()
    assert remains.found() == []


@pytest.mark.usefixtures("libvirt_host")  # hosts work here
def test_a_host_ends_with_the_process_that_made_it() -> None:
    """Even if that is killed, as a test run may be."""
    program = (
        "import sys, time; from libvirt_hosts.hosts import LibvirtHost;"
        "host = LibvirtHost(); host.up(); print(host.directory, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program]
    tests = HOST_SH.parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tests) as owner:
        assert owner.stdout is not None
        remains = Remains(Path(owner.stdout.readline().strip()))
        owner.kill()
    remains.wait_until_gone()


@pytest.mark.usefixtures("libvirt_host")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_start_that_is_cut_short(end: signal.Signals, tmp_path: Path) -> None:
    for step in range(4):
        directory = tmp_path / f"host{step}"
        command = [HOST_SH, "up", directory]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as start:
            time.sleep(0.05 * step)
            start.send_signal(end)
        cleans_up = end == signal.SIGTERM and start.returncode != 0
        limit = time.monotonic() + 60
        while directory.exists() or processes_that_name(directory):
            assert time.monotonic() < limit
            if not cleans_up:
                subprocess.run([HOST_SH, "down", directory], check=False, capture_output=True)
            time.sleep(0.02)
