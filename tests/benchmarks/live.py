"""The cost of the live daemon: beside the bare libvirt calls, under load, and doing nothing."""

import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import Cost, Result, pairs, ratio, timed
from benchmarks.load import goodput
from libvirt_hosts.hosts import LibvirtHost, why_not
from live.daemons import Daemon, serving

EPYC = "--topology=epyc-7662"
PAIRS = 7
VCPUS = 2
MEMORY_GIB = 0.0625
IDLE_S = 60.0
FORGET_S = 60.0
HOUR_S = 3600
"""A measurement of one minute is reported per hour."""

MOST_OF_A_CPU = 0.01

XML = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu>{vcpus}</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='{image}'/><target dev='vda' bus='virtio'/>
    </disk>
    <controller type='usb' model='none'/>
    <serial type='pty'/><console type='pty'/>
    <memballoon model='virtio'/>
  </devices>
</domain>
"""


def benchmark() -> Iterator[Result]:
    """Measure the daemon on the `memory` hypervisor and, where there is one, on libvirt."""
    yield from _under_load()
    yield from _idle_on_memory()
    reason = why_not()
    if reason:
        yield Result(f"real guests: not measured: {reason}", 0.0, "")
        return
    with LibvirtHost() as host, tempfile.TemporaryDirectory(prefix="slackvm-bench-") as folder:
        yield from _real_guests(host, Path(folder))


def _under_load() -> Iterator[Result]:
    with _serving(EPYC) as daemon:
        yield from goodput(daemon.url, "on one host on `memory`")


def _idle_on_memory() -> Iterator[Result]:
    with _serving(EPYC, SCL_DELAY="15") as daemon:
        for number in range(100):
            answer = daemon.deploy(f"vm{number}", 1, 2.0)
            assert answer.status_code == 201, answer.text
        yield from _idle(daemon, "100 VMs on `memory`")


def _real_guests(host: LibvirtHost, folder: Path) -> Iterator[Result]:
    import libvirt

    connection = libvirt.open(host.uri)
    settings = {
        "SCL_HYPERVISOR": "libvirt",
        "SCL_DELAY": "15",
        "SCL_IMAGE_DIRS": str(folder),
        "QEMU_URL": host.uri,
        "QEMU_DOMAIN_TYPE": "qemu",
        "QEMU_NETWORK": "",
    }
    with _serving(**settings) as daemon:
        plain_image, our_image = (_image(folder / name) for name in ("plain", "ours"))
        plain, ours = pairs(
            PAIRS,
            lambda: timed(lambda: _plain(connection, plain_image)),
            lambda: _ours(daemon, our_image),
        )
        name = "deploy and remove a real guest through REST / the bare libvirt calls, by the clock"
        yield ratio(name, ours, plain, goal=1.1, limit=1.1)
        for number in range(10):
            _deploy(daemon, f"idle{number}", _image(folder / f"idle{number}"), 1, 10.0)
        yield from _idle(daemon, "10 real guests")
    connection.close()


def _idle(daemon: Daemon, what: str) -> Iterator[Result]:
    assert daemon.process is not None
    process = psutil.Process(daemon.process.pid)
    before = process.cpu_times()
    time.sleep(IDLE_S)
    after = process.cpu_times()
    share = (after.user + after.system - before.user - before.system) / IDLE_S
    yield Result(
        f"CPU of the idle daemon with {what}, per hour",
        share * HOUR_S,
        "s",
        goal=MOST_OF_A_CPU * HOUR_S,
        limit=MOST_OF_A_CPU * HOUR_S,
    )
    yield Result(f"memory of that daemon with {what}", process.memory_info().rss / 2**20, "MiB")


def _plain(connection: Any, image: Path) -> None:
    """Make and unmake a guest with as few calls as it takes."""
    subprocess.run(
        ["qemu-img", "info", "--output=json", str(image)], check=True, capture_output=True
    )
    name = f"plain-{uuid.uuid4().hex[:8]}"
    memory_mib = round(1024 * MEMORY_GIB)
    domain = connection.defineXML(
        XML.format(name=name, image=image, vcpus=VCPUS, memory_mib=memory_mib)
    )
    domain.create()
    cpus = (True,) * connection.getInfo()[2]
    for vcpu in range(VCPUS):
        domain.pinVcpu(vcpu, cpus)
    domain.pinEmulator(cpus)
    domain.destroy()
    domain.undefine()


def _ours(daemon: Daemon, image: Path) -> Cost:
    """Return what `_through_rest` takes, once the daemon knows that the plain guest is gone."""
    deadline = time.monotonic() + FORGET_S
    while (host := daemon.get("/v1/host"))["cpus_free"] < host["cpus"]:
        assert time.monotonic() < deadline, host
        time.sleep(0.05)
    return timed(lambda: _through_rest(daemon, image))


def _through_rest(daemon: Daemon, image: Path) -> None:
    name = f"ours-{uuid.uuid4().hex[:8]}"
    _deploy(daemon, name, image, VCPUS, 1.0)
    answer = daemon.remove(name)
    assert answer.status_code == 200, answer.text


def _deploy(daemon: Daemon, name: str, image: Path, vcpus: int, level: float) -> None:
    answer = daemon.deploy(name, vcpus, level, memory_gib=MEMORY_GIB, image=str(image))
    assert answer.status_code == 201, answer.text


def _image(path: Path) -> Path:
    """Return a disk with nothing on it: such a guest stays in its firmware."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "1M"], check=True)
    return path


@contextmanager
def _serving(*options: str, **environment: str) -> Iterator[Daemon]:
    with (
        tempfile.TemporaryDirectory(prefix="slackvm-bench-") as folder,
        serving(Path(folder), *options, **environment) as daemon,
    ):
        yield daemon
