"""The VMs of this host, on libvirt."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import libvirt
import structlog

from schedulerlocal.backends.libvirt import disks, domains, power, usage
from schedulerlocal.backends.libvirt.connection import Connection
from schedulerlocal.backends.libvirt.deadline import Deadline
from schedulerlocal.backends.libvirt.domain import Platform, domain_xml, platform_of
from schedulerlocal.backends.libvirt.errors import LibvirtError
from schedulerlocal.backends.libvirt.lifecycle import DomainLifecycle
from schedulerlocal.backends.libvirt.session import LibvirtOperation
from schedulerlocal.hypervisor import ObservedVM, UnavailableError, Usage, VMSpec
from schedulerlocal.images import images
from schedulerlocal.images.overlays import Overlays
from schedulerlocal.images.storage import Storage

log = structlog.get_logger()

MAX_PINNED_AT_ONCE = 4
"""VMs; each takes one of `connection.MAX_SESSIONS`."""


class LibvirtHypervisor:
    """The VMs of this host, on libvirt.

    Args:
        uri: libvirt's URI.
        image_dirs: folders that images may lie in.
        overlay_dir: folder of the overlays of clones; QEMU must be able to enter it.
        domain_type: `kvm`, `qemu`, or `auto`: what libvirt offers.
        machine: machine type; empty: QEMU's default.
        emulator: QEMU's binary; empty: libvirt's choice.
        network: libvirt network of VMs; empty, or not there: VMs have none.
        timeout_s: how long an operation may take; a libvirt that hangs is noticed sooner. `pin`
            may take as long for each VM, and `stop` has the grace time beside it. Where libvirt is
            well and QEMU slow, starting may take `power.START_S` and cutting the power
            `power.DESTROY_S` instead.
        stop_grace_s: how long a VM may take to shut down.
    """

    def __init__(
        self,
        uri: str,
        image_dirs: Sequence[Path],
        overlay_dir: Path,
        domain_type: str = "auto",
        machine: str = "",
        emulator: str = "",
        network: str = "default",
        timeout_s: float = 10.0,
        stop_grace_s: float = 60.0,
    ) -> None:
        self._image_dirs = list(image_dirs)
        self._overlays = Overlays(overlay_dir)
        self._domain_type = domain_type
        self._machine = machine
        self._emulator = emulator
        self._network = network
        self._timeout_s = timeout_s
        self._stop_grace_s = stop_grace_s
        self._storage = Storage()
        self._lifecycle = DomainLifecycle(self._overlays, self._storage)
        self._making = threading.Lock()
        self._connection = Connection(uri, timeout_s)

    def guests(self) -> list[ObservedVM]:
        """Return all VMs; overlays that a crash has left are deleted on the way."""
        leftovers = self._overlays.leftovers()
        with self._connection.conversation() as talk:
            guests = domains.list_guests(talk)
        self._overlays.sweep(leftovers, {guest.uuid for guest in guests})
        return guests

    def check_image(self, image: str, clone: bool) -> Path:
        """Return the image, links resolved, if a VM may have it."""

        def look() -> Path:
            path = images.find_image(image, self._image_dirs)
            images.check_format(path, self._image_dirs, deadline)
            return path

        deadline = Deadline(self._timeout_s)
        path = self._storage.run(f"image {image!r}", look, deadline)
        with self._connection.conversation(deadline.left) as talk:
            self._check_use(talk, path, clone)
        return path

    def create(self, order: VMSpec, cpu_ids: Sequence[int]) -> None:
        """Make a VM that outlives the host's restart, pinned to these CPUs, and start it."""
        # Until a VM is defined, only this lock tells others that it takes its image
        with self._connection.conversation() as talk, self._one_by_one(talk.deadline):
            domains.cpu_map(talk, cpu_ids)
            self._check_use(talk, order.image, order.clone)
            disk = self._overlays.path(order.uuid) if order.clone else order.image
            platform, network = self._platform(talk), self._present_network(talk)
            description = domain_xml(order, cpu_ids, disk, platform, network)
            with self._overlays.held(order.uuid):
                self._lifecycle.make(talk, order, description)

    def remove(self, name: str) -> None:
        """Stop a VM of ours at once and forget it, with the overlay if it is a clone."""
        with self._connection.conversation() as talk:
            domain = domains.find_ours(talk, name)
            if domain is not None:
                with self._overlays.held(domain.order.uuid):
                    self._lifecycle.unmake(talk, domain)

    def pin(self, pins: Mapping[str, Sequence[int]]) -> None:
        """Pin every vCPU and the emulator of VMs of ours, now and for their next starts."""

        def pin(name: str) -> None:
            with self._connection.conversation() as talk:
                cpus = domains.cpu_map(talk, pins[name])
                domain = domains.find_ours(talk, name)
                if domain is not None:
                    self._lifecycle.pin(talk, domain, cpus)

        # For each vCPU libvirt writes files, and waits for the disk: several VMs can do so at once
        with ThreadPoolExecutor(MAX_PINNED_AT_ONCE, "libvirt-pin") as pool:
            list(pool.map(pin, pins))

    def start(self, name: str) -> None:
        """Start a stopped VM of ours, or finish one; one that runs is no error."""
        power.start(self._connection, name)

    def stop(self, name: str) -> None:
        """Stop a VM of ours: ask it to shut down, and after the grace time insist."""
        power.stop(self._connection, name, self._stop_grace_s)

    def restart(self, name: str) -> None:
        """Stop and start a VM of ours."""
        self.stop(name)
        self.start(name)

    def usage(self) -> list[Usage]:
        """Return the use of the running VMs, ours and others'."""
        with self._connection.conversation() as talk:
            return usage.list_usage(talk)

    def addresses(self, name: str) -> list[str]:
        """Return the network addresses of a VM: leases of libvirt, else ARP."""
        with self._connection.conversation() as talk:
            return usage.list_addresses(talk, name)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when a VM came, went, started or stopped, or the connection did."""
        self._connection.watch(changed)

    def close(self) -> None:
        """End the connection; the VMs go on."""
        self._connection.close()

    @contextmanager
    def _one_by_one(self, deadline: Deadline) -> Iterator[None]:
        if not self._making.acquire(timeout=deadline.left):
            raise UnavailableError("other VMs are being made and it takes too long")
        try:
            yield
        finally:
            self._making.release()

    def _check_use(self, talk: LibvirtOperation, image: Path, clone: bool) -> None:
        uses = disks.list_uses(talk)
        self._storage.run(
            f"image {image}", lambda: images.check_use(image, clone, uses), talk.deadline
        )

    def _platform(self, talk: LibvirtOperation) -> Platform:
        domain_type = None if self._domain_type == "auto" else self._domain_type
        return platform_of(
            talk.ask(
                "domain capabilities",
                lambda connection: connection.getDomainCapabilities(
                    self._emulator or None, None, self._machine or None, domain_type
                ),
            )
        )

    def _present_network(self, talk: LibvirtOperation) -> str:
        """Return the network's name; empty if libvirt has none of this name."""
        if self._network:
            try:
                talk.ask(
                    "look for a network",
                    lambda connection: connection.networkLookupByName(self._network).name(),
                )
            except LibvirtError as error:
                if error.number != libvirt.VIR_ERR_NO_NETWORK:
                    raise
                log.warning("VM has no network: libvirt has none of this name", name=self._network)
                return ""
        return self._network
