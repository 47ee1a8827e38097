"""The libvirt backend on libvirt hosts of our own, with real QEMU guests."""

import os
import re
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("libvirt", reason="the Python module libvirt is missing")
pytest.importorskip("lxml", reason="the Python module lxml is missing")

import libvirt

from libvirt_hosts.hosts import LibvirtHost, guest_xml
from libvirt_hosts.hosts import overlay as overlay_of
from schedulerlocal.backends.libvirt.hypervisor import LibvirtHypervisor
from schedulerlocal.hypervisor import (
    CRASHED,
    PAUSED,
    RUNNING,
    STOPPED,
    HypervisorError,
    ObservedVM,
    UnavailableError,
    VMSpec,
)
from slackvm.model import VM
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]

NewHost = Callable[..., LibvirtHost]
TIMEOUT_S = 10.0
SHORT_S = 3.0
SLACK_S = 10.0
"""How much longer than the timeout a call may take on a busy machine."""


@dataclass
class Site:
    """A host, a folder of images with a bootable one in it, and backends on them."""

    host: LibvirtHost
    folder: Path
    image: Path

    @property
    def overlays(self) -> Path:
        return self.folder / "state" / "overlays"

    @contextmanager
    def backend(self, **options: object) -> Iterator[LibvirtHypervisor]:
        chosen = {"domain_type": "qemu", "timeout_s": TIMEOUT_S, "stop_grace_s": 60, **options}
        hypervisor = LibvirtHypervisor(
            self.host.uri, [self.folder / "images"], self.overlays, **chosen
        )
        try:
            yield hypervisor
        finally:
            hypervisor.close()

    def copy(self, name: str) -> Path:
        return overlay_of(self.image, self.folder / "images" / name)

    def domains(self) -> list[libvirt.virDomain]:
        return libvirt.open(self.host.uri).listAllDomains()

    def leave_nothing(self) -> None:
        for domain in self.domains():
            if domain.isActive():
                domain.destroy()
            if domain.isPersistent():
                domain.undefine()


@pytest.fixture
def site(libvirt_host: LibvirtHost, guest_image: Path, tmp_path: Path) -> Iterator[Site]:
    site = site_on(libvirt_host, guest_image, tmp_path)
    yield site
    site.leave_nothing()


@pytest.fixture
def own_site(new_libvirt_host: NewHost, guest_image: Path, tmp_path: Path) -> Site:
    """One on a host that the test may break."""
    return site_on(new_libvirt_host(), guest_image, tmp_path)


def site_on(host: LibvirtHost, guest_image: Path, folder: Path) -> Site:
    (folder / "images").mkdir()
    image = folder / "images" / "base.qcow2"
    shutil.copy(guest_image, image)
    return Site(host, folder, image)


@pytest.fixture
def hypervisor(site: Site) -> Iterator[LibvirtHypervisor]:
    with site.backend() as hypervisor:
        yield hypervisor


def order(name: str, image: Path, clone: bool = True, vcpus: int = 2) -> VMSpec:
    return VMSpec(VM(name, vcpus, 128, 2.0), str(uuid.uuid4()), image, clone, time.time())


def guest(hypervisor: LibvirtHypervisor, name: str) -> ObservedVM | None:
    return {guest.name: guest for guest in hypervisor.vms()}.get(name)


def state(hypervisor: LibvirtHypervisor, name: str) -> str | None:
    found = guest(hypervisor, name)
    return found.state if found else None


def refusal(function: Callable[..., object], *args: object) -> HypervisorError:
    with pytest.raises(HypervisorError) as refused:
        function(*args)
    return refused.value


def threads(name: str) -> dict[str, Path]:
    """Return the folder in /proc of each thread of a VM: `main` and one for each vCPU."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"qemu-system" in command and f"guest={name},".encode() in command:
            found = {"main": process}
            for task in (process / "task").iterdir():
                if vcpu := re.match(r"CPU (\d+)/", (task / "comm").read_text()):
                    found[f"vcpu {vcpu[1]}"] = task
            return found
    raise AssertionError(f"no process of VM {name}")


def affinity(thread: Path) -> str:
    return re.search(r"Cpus_allowed_list:\s*(\S+)", (thread / "status").read_text())[1]


# The life of a VM -------------------------------------------------------------------------------


def test_the_life_of_a_vm(site: Site, hypervisor: LibvirtHypervisor) -> None:
    image = site.copy("web.qcow2")
    asked = order("web", hypervisor.check_image(str(image), False), clone=False)
    hypervisor.create(asked, [1])

    there = guest(hypervisor, "web")
    assert (there.spec, there.state, there.memory_mib) == (asked, RUNNING, 128)
    assert there.is_pinned_to([1])
    assert {name: affinity(thread) for name, thread in threads("web").items()} == {
        "main": "1",
        "vcpu 0": "1",
        "vcpu 1": "1",
    }
    (domain,) = site.domains()
    assert domain.autostart()
    assert domain.isPersistent()

    hypervisor.pin({"web": [0]})
    assert guest(hypervisor, "web").is_pinned_to([0])
    assert set(map(affinity, threads("web").values())) == {"0"}
    hypervisor.start("web")

    hypervisor.pin({"web": [0, 1]})
    hypervisor.stop("web")
    assert state(hypervisor, "web") == STOPPED
    assert domain.state()[1] == libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN, "the guest was to do it"
    hypervisor.stop("web")
    hypervisor.pin({"web": [0]})
    assert guest(hypervisor, "web").is_pinned_to([0])

    hypervisor.start("web")
    assert state(hypervisor, "web") == RUNNING
    assert set(map(affinity, threads("web").values())) == {"0"}

    hypervisor.remove("web")
    hypervisor.remove("web")
    assert hypervisor.vms() == []
    assert image.exists()


def test_a_vm_that_does_not_shut_down_is_stopped_after_the_grace_time(site: Site) -> None:
    with site.backend(stop_grace_s=1) as hypervisor:
        hypervisor.create(order("busy", site.image), [0])
        # At once, the guest has not booted yet and hears nothing
        began = time.monotonic()
        hypervisor.stop("busy")
        assert 1 <= time.monotonic() - began < 1 + TIMEOUT_S
        assert state(hypervisor, "busy") == STOPPED
        hypervisor.restart("busy")
        began = site.domains()[0].ID()
        hypervisor.restart("busy")
        assert state(hypervisor, "busy") == RUNNING
        assert site.domains()[0].ID() != began


def test_a_paused_vm_resumes(site: Site, hypervisor: LibvirtHypervisor) -> None:
    hypervisor.create(order("paused", site.image), [0])
    site.domains()[0].suspend()
    assert state(hypervisor, "paused") == PAUSED
    hypervisor.start("paused")
    assert state(hypervisor, "paused") == RUNNING


def test_a_vm_whose_qemu_dies_has_crashed_and_starts_again(
    site: Site, hypervisor: LibvirtHypervisor
) -> None:
    hypervisor.create(order("crash", site.image), [0])
    os.kill(int(threads("crash")["main"].name), 9)
    wait_until(lambda: state(hypervisor, "crash") == CRASHED)
    hypervisor.start("crash")
    assert state(hypervisor, "crash") == RUNNING


def test_use_is_reported(site: Site, hypervisor: LibvirtHypervisor) -> None:
    asked = order("used", site.image)
    stopped = order("stopped", site.image)
    hypervisor.create(asked, [0])
    hypervisor.create(stopped, [0])
    next(domain for domain in site.domains() if domain.name() == "stopped").destroy()
    time.sleep(1)
    (first,) = hypervisor.usage()
    wait_until(lambda: hypervisor.usage()[0].cpu_s > first.cpu_s)
    (second,) = hypervisor.usage()
    assert first.uuid == second.uuid == asked.uuid
    assert second.cpu_s < first.cpu_s + 2 * 60
    assert second.wait_s >= first.wait_s > 0, "two vCPUs had one CPU"
    assert 10 < second.memory_mib < 1024
    assert hypervisor.addresses("used") == []
    assert hypervisor.addresses("stopped") == []
    assert refusal(hypervisor.addresses, "nobody").code == "vm_not_found"


def test_affinity_that_other_software_changed_is_reported_and_repaired(
    new_libvirt_host: NewHost, guest_image: Path, tmp_path: Path
) -> None:
    # a cgroup would hold the vCPU where it is; without one there is nothing but the affinity
    site = site_on(new_libvirt_host(cgroups=False), guest_image, tmp_path)
    with site.backend() as hypervisor:
        hypervisor.create(order("mispinned", site.image), [0])
        assert guest(hypervisor, "mispinned").is_pinned_to([0])
        thread = threads("mispinned")["vcpu 1"]
        os.sched_setaffinity(int(thread.name), {0, 1})
        assert guest(hypervisor, "mispinned").vcpu_pins == ((0,), (0, 1))
        hypervisor.pin({"mispinned": [0]})
        assert affinity(thread) == "0"
        assert guest(hypervisor, "mispinned").is_pinned_to([0])


def test_on_a_simulated_host_libvirts_pins_count(
    new_libvirt_host: NewHost, guest_image: Path, tmp_path: Path
) -> None:
    """SIMULATED: 64 CPUs that are not there; pins are read back from libvirt, not the kernel."""
    site = site_on(new_libvirt_host(made_up_cpus=64), guest_image, tmp_path)
    with site.backend() as hypervisor:
        hypervisor.create(order("far", site.image), [40, 41, 63])
        assert guest(hypervisor, "far").is_pinned_to([40, 41, 63])
        hypervisor.pin({"far": [12]})
        assert guest(hypervisor, "far").is_pinned_to([12])


# Who gets which image ---------------------------------------------------------------------------


def test_an_image_is_for_one_vm_or_for_clones(site: Site, hypervisor: LibvirtHypervisor) -> None:
    for name in ("one", "two"):
        hypervisor.check_image(str(site.image), True)
        hypervisor.create(order(name, site.image), [0])
    assert refusal(hypervisor.check_image, str(site.image), False).code == "image_in_use"
    alone = order("alone", site.image, clone=False)
    assert refusal(hypervisor.create, alone, [0]).code == "image_in_use"

    own = site.copy("own.qcow2")
    hypervisor.create(order("owner", own, clone=False), [0])
    for clone in (False, True):
        assert refusal(hypervisor.check_image, str(own), clone).code == "image_in_use"
        assert refusal(hypervisor.create, order("x", own, clone), [0]).code == "image_in_use"

    next(domain for domain in site.domains() if domain.name() == "owner").destroy()
    assert refusal(hypervisor.check_image, str(own), True).code == "image_in_use"
    hypervisor.remove("owner")
    hypervisor.check_image(str(own), True)

    assert len(list(site.overlays.iterdir())) == 2
    for name in ("one", "two"):
        hypervisor.remove(name)
    assert list(site.overlays.iterdir()) == []
    hypervisor.check_image(str(site.image), False)


def test_images_of_stopped_unmanaged_vms_are_in_use(
    site: Site, hypervisor: LibvirtHypervisor
) -> None:
    top = site.copy("top.qcow2")
    connection = libvirt.open(site.host.uri)
    connection.defineXML(guest_xml("foreign", top, site.folder / "console"))
    assert refusal(hypervisor.check_image, str(top), True).code == "image_in_use"
    assert refusal(hypervisor.check_image, str(site.image), False).code == "image_in_use"
    hypervisor.check_image(str(site.image), True)


def test_of_two_at_once_one_gets_the_image(site: Site, hypervisor: LibvirtHypervisor) -> None:
    outcomes = []

    def create(name: str) -> None:
        try:
            hypervisor.create(order(name, site.image, clone=False), [0])
            outcomes.append("created")
        except HypervisorError as error:
            outcomes.append(error.code)

    racers = [threading.Thread(target=create, args=(f"racer-{n}",)) for n in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == ["created"] + ["image_in_use"] * 3
    assert len(hypervisor.vms()) == 1


# What fails leaves nothing ----------------------------------------------------------------------


@pytest.fixture
def small_disk(site: Site) -> Iterator[Path]:
    """A full disk where the overlays would lie."""
    site.overlays.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(site.overlays)]
    subprocess.run(mount, check=True)
    yield site.overlays
    subprocess.run(["umount", site.overlays], check=True)


def test_a_full_disk_leaves_nothing(
    site: Site, hypervisor: LibvirtHypervisor, small_disk: Path
) -> None:
    assert refusal(hypervisor.create, order("full", site.image), [0]).code == "storage_full"
    assert hypervisor.vms() == []
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("clone", [True, False])
def test_a_vm_that_cannot_start_leaves_nothing(site: Site, clone: bool) -> None:
    # more memory than any machine has: QEMU ends at once
    asked = VMSpec(
        VM("huge", 1, 10**9, 1.0), str(uuid.uuid4()), site.copy("huge.qcow2"), clone, 1.0
    )
    with site.backend() as hypervisor:
        failed = refusal(hypervisor.create, asked, [0])
        assert failed.code == "hypervisor_failed"
        assert failed.args[0]
        assert hypervisor.vms() == []
    assert not site.overlays.exists() or list(site.overlays.iterdir()) == []
    assert asked.image.exists()


def test_an_existing_network_is_used(site: Site, hypervisor: LibvirtHypervisor) -> None:
    network = libvirt.open(site.host.uri).networkDefineXML(
        "<network><name>default</name></network>"
    )
    try:
        failed = refusal(hypervisor.create, order("inactive", site.image), [0])
        assert "network 'default' is not active" in str(failed)
        assert hypervisor.vms() == []
        assert list(site.overlays.iterdir()) == []
        try:
            network.create()
        except libvirt.libvirtError as error:
            pytest.skip(f"no network on this machine: {error}")
        hypervisor.create(order("networked", site.image), [0])
        assert "<source network='default'" in site.domains()[0].XMLDesc()
        assert hypervisor.addresses("networked") == []
    finally:
        if network.isActive():
            network.destroy()
        network.undefine()


def test_pinning_to_a_cpu_that_does_not_exist_is_refused(
    site: Site, hypervisor: LibvirtHypervisor
) -> None:
    nowhere = order("nowhere", site.image)
    assert "CPU 4000" in str(refusal(hypervisor.create, nowhere, [0, 4000]))
    assert hypervisor.vms() == []
    hypervisor.create(order("here", site.image), [0])
    assert "CPU 4000" in str(refusal(hypervisor.pin, {"here": [0, 4000]}))
    assert "none" in str(refusal(hypervisor.pin, {"here": []}))
    assert guest(hypervisor, "here").is_pinned_to([0])


def test_a_name_can_be_used_once(site: Site, hypervisor: LibvirtHypervisor) -> None:
    first = order("same", site.image)
    hypervisor.create(first, [0])
    refusal(hypervisor.create, order("same", site.image), [0])
    (there,) = hypervisor.vms()
    assert there.spec == first
    assert [path.stem for path in site.overlays.iterdir()] == [first.uuid]


# VMs of others ----------------------------------------------------------------------------------


def test_an_unmanaged_vm_is_shown_and_not_changed(
    site: Site, hypervisor: LibvirtHypervisor
) -> None:
    connection = libvirt.open(site.host.uri)
    xml = guest_xml("foreign", site.copy("foreign.qcow2"), site.folder / "console", vcpus=2)
    connection.defineXML(xml).create()
    before = connection.lookupByName("foreign").XMLDesc()
    there = guest(hypervisor, "foreign")
    assert (there.spec, there.state, there.vcpus, there.memory_mib) == (None, RUNNING, 2, 128)
    assert (there.vcpu_pins, there.emulator_pins) == (None, None)
    for action in (hypervisor.remove, hypervisor.start, hypervisor.stop, hypervisor.restart):
        assert refusal(action, "foreign").code == "vm_not_found"
    assert refusal(hypervisor.pin, {"foreign": [0]}).code == "vm_not_found"
    refusal(hypervisor.create, order("foreign", site.image), [0])
    assert connection.lookupByName("foreign").XMLDesc() == before
    assert [use.uuid for use in hypervisor.usage()] == [there.uuid]


def test_a_copy_of_a_managed_vm_is_unmanaged(site: Site, hypervisor: LibvirtHypervisor) -> None:
    asked = order("ours", site.image)
    hypervisor.create(asked, [0])
    connection = libvirt.open(site.host.uri)
    xml = connection.lookupByName("ours").XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    uuid_element = f"<uuid>{asked.uuid}</uuid>"
    assert uuid_element in xml
    connection.defineXML(xml.replace(uuid_element, "").replace("<name>ours", "<name>copy"))
    assert guest(hypervisor, "copy").spec is None
    assert refusal(hypervisor.remove, "copy").code == "vm_not_found"
    hypervisor.remove("ours")
    assert [guest.name for guest in hypervisor.vms()] == ["copy"]


# Faults -----------------------------------------------------------------------------------------


class Watcher:
    def __init__(self, hypervisor: LibvirtHypervisor) -> None:
        self.calls = 0
        hypervisor.watch(self.changed)

    def changed(self) -> None:
        self.calls += 1


def timed(function: Callable[..., object], *args: object) -> float:
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        function(*args)
    return time.monotonic() - began


def answers(hypervisor: LibvirtHypervisor) -> bool:
    try:
        hypervisor.vms()
    except UnavailableError:
        return False
    return True


def test_power_loss(own_site: Site) -> None:
    with own_site.backend() as hypervisor:
        asked = [order(f"vm-{n}", own_site.image) for n in range(3)]
        for number, each in enumerate(asked):
            hypervisor.create(each, [number % 2])
        watcher = Watcher(hypervisor)
        own_site.host.power_loss()
        wait_until(lambda: watcher.calls)
        assert timed(hypervisor.vms) < TIMEOUT_S + SLACK_S
        seen = watcher.calls
        own_site.host.up()
        wait_until(lambda: watcher.calls > seen and answers(hypervisor))
        there = {guest.name: guest for guest in hypervisor.vms()}
        assert {name: guest.spec for name, guest in there.items()} == {
            each.vm.name: each for each in asked
        }
        for number, each in enumerate(asked):
            assert there[each.vm.name].is_pinned_to([number % 2])
        hypervisor.start("vm-0")
        assert set(map(affinity, threads("vm-0").values())) == {"0"}


def test_libvirtd_killed_and_started(own_site: Site) -> None:
    with own_site.backend() as hypervisor:
        asked = order("lives", own_site.image)
        hypervisor.create(asked, [0])
        watcher = Watcher(hypervisor)
        for _ in range(2):
            seen = watcher.calls
            own_site.host.kill9()
            wait_until(lambda: watcher.calls > seen)  # noqa: B023 - called before it changes
            for call in (hypervisor.vms, hypervisor.usage):
                assert timed(call) < TIMEOUT_S / 2, "what is refused need not be waited for"
            assert timed(hypervisor.pin, {"lives": [1]}) < TIMEOUT_S / 2
            seen = watcher.calls
            own_site.host.start()
            wait_until(lambda: watcher.calls > seen and answers(hypervisor))  # noqa: B023
        there = guest(hypervisor, "lives")
        assert (there.spec, there.state) == (asked, RUNNING)
        assert there.is_pinned_to([0])
        time.sleep(0.5)
        seen = watcher.calls
        own_site.domains()[0].destroy()
        wait_until(lambda: watcher.calls > seen)


def test_libvirtd_hangs(own_site: Site) -> None:
    with own_site.backend() as hypervisor:
        hypervisor.create(order("lives", own_site.image), [0])
    with own_site.backend(timeout_s=SHORT_S) as hypervisor:
        watcher = Watcher(hypervisor)
        before = threading.active_count()
        own_site.host.pause()
        late = order("late", own_site.image)
        try:
            for call in (hypervisor.vms, hypervisor.usage, hypervisor.vms):
                assert timed(call) < SHORT_S + SLACK_S
            assert timed(hypervisor.create, late, [0]) < SHORT_S + SLACK_S
            assert timed(hypervisor.remove, "lives") < SHORT_S + SLACK_S
            assert timed(hypervisor.stop, "lives") < SHORT_S + SLACK_S
            assert timed(hypervisor.check_image, str(own_site.image), True) < SHORT_S + SLACK_S
            for _ in range(20):
                timed(hypervisor.vms)
            assert threading.active_count() < before + 20
            wait_until(lambda: watcher.calls)
            seen = watcher.calls
        finally:
            own_site.host.resume()
        wait_until(lambda: watcher.calls > seen and answers(hypervisor))
        assert state(hypervisor, "lives") == RUNNING
        hypervisor.create(order("after", own_site.image), [1])
        hypervisor.remove("after")
        wait_until(lambda: threading.active_count() <= before)


def test_many_callers_while_libvirtd_comes_and_goes(own_site: Site) -> None:
    """Every call ends in time, done or unavailable; libvirt's client crashes if it is misused."""
    over = threading.Event()
    unexpected: list[BaseException] = []
    longest = 0.0

    def call_on(hypervisor: LibvirtHypervisor, number: int) -> None:
        nonlocal longest
        calls: list[Callable[[], object]] = [
            hypervisor.vms,
            hypervisor.usage,
            lambda: hypervisor.pin({"vm": [number % 2]}),
        ]
        while not over.is_set():
            began = time.monotonic()
            try:
                calls[number % 3]()
            except UnavailableError:
                pass
            except Exception as error:  # noqa: BLE001 - reported at the end
                unexpected.append(error)
            longest = max(longest, time.monotonic() - began)
            number += 1
            time.sleep(0.02)

    with own_site.backend() as hypervisor:
        hypervisor.create(order("vm", own_site.image, vcpus=1), [0])
    with own_site.backend(timeout_s=SHORT_S) as hypervisor:
        callers = [threading.Thread(target=call_on, args=(hypervisor, n)) for n in range(6)]
        for caller in callers:
            caller.start()
        for _ in range(2):
            own_site.host.kill9()
            own_site.host.start()
            time.sleep(0.5)
            own_site.host.pause()
            time.sleep(SHORT_S + 1)
            own_site.host.resume()
            time.sleep(0.5)
        over.set()
        for caller in callers:
            caller.join()
        assert not unexpected
        assert longest < SHORT_S + SLACK_S
        wait_until(lambda: answers(hypervisor))
        assert state(hypervisor, "vm") == RUNNING


def test_a_qemu_that_hangs_does_not_affect_others(
    site: Site, hypervisor: LibvirtHypervisor
) -> None:
    hypervisor.create(order("fine", site.image), [0])
    hypervisor.create(order("hung", site.image), [1])
    hung = int(threads("hung")["main"].name)
    os.kill(hung, 19)
    try:
        try:
            hypervisor.usage()
        except UnavailableError:
            wait_until(lambda: answers(hypervisor))
        assert len(hypervisor.vms()) == 2
        assert len(hypervisor.usage()) == 2
        hypervisor.pin({"fine": [1]})
        assert guest(hypervisor, "fine").is_pinned_to([1])
        hypervisor.remove("hung")
        assert [guest.name for guest in hypervisor.vms()] == ["fine"]
    finally:
        if Path(f"/proc/{hung}").exists():
            os.kill(hung, 18)


def test_an_error_has_its_details_although_libvirt_lost_them(
    site: Site, hypervisor: LibvirtHypervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the garbage collector frees a domain before the binding asks what went wrong."""
    hypervisor.create(order("any", site.image), [0])
    connection = libvirt.open(site.host.uri)
    make_error, lost = libvirt.libvirtError.__init__, []

    def collect_first(error: libvirt.libvirtError, *arguments: object) -> None:
        connection.lookupByName("any")
        make_error(error, *arguments)
        lost.append(error.err is None)

    monkeypatch.setattr(libvirt.libvirtError, "__init__", collect_first)
    hypervisor.remove("none")
    assert refusal(hypervisor.start, "none").code == "vm_not_found"
    assert lost == [True, True]


def test_connections_are_closed(site: Site) -> None:
    with site.backend() as hypervisor:
        hypervisor.vms()
        wait_until(lambda: threading.active_count() < 10)
        files = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(10):
            with site.backend() as another:
                another.vms()
        wait_until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= files)


def test_without_libvirt(tmp_path: Path) -> None:
    uri = f"qemu+unix:///system?socket={tmp_path}/none"
    hypervisor = LibvirtHypervisor(uri, [tmp_path], tmp_path, timeout_s=5)
    try:
        assert timed(hypervisor.vms) < 5
        assert uri in str(refusal(hypervisor.vms))
    finally:
        hypervisor.close()
    assert "closed" in str(refusal(hypervisor.vms))
