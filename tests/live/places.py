"""A libvirt host with a daemon on it, driven by HTTP, and what libvirt and the kernel tell."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from libvirt_hosts.hosts import LibvirtHost, overlay
from live.daemons import Daemon, check_consistent, running
from slackvm.model import Host
from slackvm.topologies import read_json, read_sysfs, write_json
from slackvm.verification import verify
from waiting import wait_until

libvirt = pytest.importorskip("libvirt", reason="the Python module libvirt is missing")

NOW, NEXT = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
MOST = libvirt.VIR_DOMAIN_VCPU_MAXIMUM

NewHost = Callable[..., LibvirtHost]

needs_two_cpus = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="pinning two levels apart needs two CPUs"
)


class Place:
    """A libvirt host, the daemon of it, and folders for images and state.

    Args:
        host: where libvirt is.
        folder: of this place alone.
        image: the disk that VMs begin with; None: an empty one, from which nothing boots.
        topology: a topology file; None: that of this machine is written.
    """

    def __init__(
        self,
        host: LibvirtHost,
        folder: Path,
        image: Path | None = None,
        topology: Path | None = None,
    ) -> None:
        self.host, self.folder = host, folder
        self.memory_gib = 0.125 if image else 0.0625
        self.topology = topology or folder / "topology.json"
        if topology is None:
            write_json(read_sysfs(), self.topology)
        self.images, self.state = folder / "images", folder / "state"
        self.images.mkdir(exist_ok=True)
        self.image = self.images / "guest.qcow2"
        if image:
            shutil.copy(image, self.image)
        else:
            empty_disk(self.image)
        self.daemon: Daemon

    @contextmanager
    def serving(
        self, kind: Callable[..., Daemon] = Daemon, *options: str, **environment: str
    ) -> Iterator[Daemon]:
        settings = {
            "SCL_HYPERVISOR": "libvirt",
            "QEMU_URL": self.host.uri,
            "QEMU_DOMAIN_TYPE": "qemu",
            "QEMU_NETWORK": "",
            "SCL_IMAGE_DIRS": str(self.images),
            "SCL_DELAY": "1",
            **environment,
        }
        topology = f"--topology={self.topology}"
        with running(kind(self.folder, topology, *options, **settings)) as daemon:
            self.daemon = daemon
            yield daemon

    def deploy(self, name: str, vcpus: int, level: float, **more: Any) -> Any:
        """Create a VM on a disk of its own, or on the `image` given."""
        if "image" not in more:
            more["image"] = str(self.disk(name))
        return self.daemon.deploy(name, vcpus, level, **{"memory_gib": self.memory_gib, **more})

    def disk(self, name: str) -> Path:
        """Return the disk of a VM's own; it is made when it is not there."""
        disk = self.images / f"{name}.qcow2"
        return disk if disk.exists() else overlay(self.image, disk)

    @contextmanager
    def libvirt(self) -> Iterator[Any]:
        connection = libvirt.open(self.host.uri)
        try:
            yield connection
        finally:
            connection.close()

    def settled(self, seconds: float = 60) -> None:
        """Wait until the daemon is ready and everything is as the rule says."""
        wait_until(lambda: self.daemon.call("GET", "/readyz").status_code == 200, seconds)
        wait_until(self.is_pinned, seconds)
        self.check()

    def is_pinned(self) -> bool:
        """Return whether libvirt has every VM pinned as the daemon tells."""
        with self.libvirt() as connection:
            return all(
                pins_of(connection.lookupByName(vm["name"])) == {tuple(vm["cpu_list"])}
                for vm in self.daemon.get("/v1/vms")["vms"]
            )

    def check(self) -> None:
        """API, metrics, libvirt, overlays and log agree, and all keep the rules."""
        host, vms = self.daemon.get("/v1/host"), self.daemon.get("/v1/vms")["vms"]
        check_consistent(host, vms)
        assert all(len(vm["cpu_list"]) >= vm["vcpus"] for vm in vms), "oversubscribed with itself"
        message = metrics(self.daemon)
        assert (message["host_ready"], message["host_overcommitted"]) == (1, 0)
        assert message["host_cpus_free"] == host["cpus_free"]
        assert message["host_memory_free_bytes"] == host["memory_free_mib"] * 2**20
        assert (message["host_vms"], message["foreign_vms"]) == (len(vms), len(host["foreign"]))
        for level, vnode in host["levels"].items():
            assert message.get(f'vnode_cpus{{level="{level}"}}', 0) == vnode["owned"]
        model = Host(read_json(self.topology))
        _, difference = verify(self.daemon.operations, model)
        assert difference is None, str(difference)
        assert {str(level): list(model.cpu_ids(level)) for level in model.vnodes} == {
            level: vnode["cpu_list"] for level, vnode in host["levels"].items()
        }
        assert {vm["name"] for vm in vms} == set(model.vms)
        clones = set()
        with self.libvirt() as connection:
            foreign = {guest["name"] for guest in host["foreign"]}
            there = {domain.name() for domain in connection.listAllDomains()}
            assert there - foreign == {vm["name"] for vm in vms}
            for vm in vms:
                domain = connection.lookupByName(vm["name"])
                assert domain.isActive() == (vm["state"] == "running")
                # A host that obeys a controller starts its VMs itself, once it may.
                assert domain.autostart() or host["controller"]
                if vm["clone"]:
                    clones.add(f"{domain.UUIDString()}.qcow2")
        assert self.overlays() == clones

    def overlays(self) -> set[str]:
        """Return what is in the folder of overlays."""
        folder = self.state / "overlays"
        return {path.name for path in folder.iterdir()} if folder.exists() else set()


def empty_disk(path: Path) -> Path:
    """Make a disk from which nothing boots."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", str(path), "1M"]
    subprocess.run(command, check=True)
    return path


def metrics(daemon: Daemon) -> dict[str, float]:
    """Return the metrics, without the `slackvm_` in front."""
    message = daemon.call("GET", "/metrics").text
    lines = re.findall(r"^slackvm_(.*) (\S+)$", message, re.MULTILINE)
    return {name: float(value) for name, value in lines}


def pins_of(domain: Any) -> set[tuple[int, ...]]:
    """Return the different sets of CPUs that a domain is pinned to, now and at its next start."""
    masks = []
    for flags in (NEXT, NOW) if domain.isActive() else (NEXT,):
        vcpus = domain.vcpuPinInfo(flags)[: domain.vcpusFlags(flags)]
        masks += [*vcpus, domain.emulatorPinInfo(flags)]
    return {tuple(cpu for cpu, allowed in enumerate(mask) if allowed) for mask in masks}


def threads(name: str) -> dict[str, int]:
    """Return the id of each thread of a VM that is pinned: `main` and one for each vCPU."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"qemu-system" in command and f"guest={name},".encode() in command:
            found = {"main": int(process.name)}
            for task in (process / "task").iterdir():
                if vcpu := re.match(r"CPU (\d+)/", (task / "comm").read_text()):
                    found[f"vcpu {vcpu[1]}"] = int(task.name)
            return found
    raise AssertionError(f"no process of VM {name}")


def kernel_affinity(name: str) -> set[tuple[int, ...]]:
    """Return the different sets of CPUs that the kernel lets a guest's vCPUs and emulator use."""
    return {tuple(sorted(os.sched_getaffinity(thread))) for thread in threads(name).values()}
