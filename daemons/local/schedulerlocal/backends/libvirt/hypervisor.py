"""The VMs of this host, on libvirt."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import libvirt
import structlog

from schedulerlocal.backends.libvirt import disks, domains, power, usage
from schedulerlocal.backends.libvirt.connection.errors import LibvirtError
from schedulerlocal.backends.libvirt.connection.pool import Connection
from schedulerlocal.backends.libvirt.connection.session import LibvirtOperation
from schedulerlocal.backends.libvirt.domain_xml import Platform, domain_xml, platform_of
from schedulerlocal.backends.libvirt.lifecycle import DomainLifecycle
from schedulerlocal.hypervisor import ObservedVM, UnavailableError, Usage, VMSpec
from schedulerlocal.images import images
from schedulerlocal.images.overlays import Overlays
from schedulerlocal.images.storage import Storage
from slackvm.deadline import Deadline

log = structlog.get_logger()

MAX_PINNED_AT_ONCE = 4
"""VMs; each uses one of `pool.MAX_SESSIONS` connections."""


class LibvirtHypervisor:
    """The VMs of this host, on libvirt.

    Args:
        uri: libvirt's URI.
        image_dirs: folders that images may be in.
        overlay_dir: folder of the overlays of clones; QEMU must be able to enter it.
        domain_type: `kvm`, `qemu`, or `auto`: what libvirt offers.
        machine: machine type; empty: QEMU's default.
        emulator: QEMU's binary; empty: libvirt's choice.
        network: libvirt network of VMs; empty, or not defined: VMs have none.
        timeout_s: seconds that an operation may take; a libvirt that hangs is noticed sooner. `pin`
            may take as long for each VM, and `stop` the grace time in addition. If libvirt answers
            and QEMU is slow, starting may take `power.START_S` and cutting the power
            `power.DESTROY_S` instead.
        stop_grace_s: seconds that a VM may take to shut down.
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
        self._creating = threading.Lock()
        self._connection = Connection(uri, timeout_s)

    def vms(self) -> list[ObservedVM]:
        """Return all VMs, and delete overlays that a crash has left."""
        leftovers = self._overlays.leftovers()
        with self._connection.operation() as operation:
            vms = domains.list_vms(operation)
        self._overlays.sweep(leftovers, {vm.uuid for vm in vms})
        return vms

    def check_image(self, image: str, clone: bool) -> Path:
        """Return the image, links resolved, if a VM may have it."""

        def look() -> Path:
            path = images.find_image(image, self._image_dirs)
            images.check_format(path, self._image_dirs, deadline)
            return path

        deadline = Deadline(self._timeout_s)
        path = self._storage.run(f"image {image!r}", look, deadline)
        with self._connection.operation(deadline.left) as operation:
            self._check_use(operation, path, clone)
        return path

    def create(self, spec: VMSpec, cpu_ids: Sequence[int]) -> None:
        """Create a VM that outlives the host's restart, pinned to these CPUs, and start it."""
        # Until the VM is defined, only this lock keeps others from its image
        with self._connection.operation() as operation, self._one_at_a_time(operation.deadline):
            domains.cpu_map(operation, cpu_ids)
            self._check_use(operation, spec.image, spec.clone)
            disk = self._overlays.path(spec.uuid) if spec.clone else spec.image
            platform, network = self._platform(operation), self._present_network(operation)
            description = domain_xml(spec, cpu_ids, disk, platform, network)
            with self._overlays.held(spec.uuid):
                self._lifecycle.create(operation, spec, description)

    def remove(self, name: str) -> None:
        """Stop a managed VM at once and delete it, with its overlay if it is a clone."""
        with self._connection.operation() as operation:
            domain = domains.find_managed(operation, name)
            if domain is not None:
                with self._overlays.held(domain.spec.uuid):
                    self._lifecycle.remove(operation, domain)

    def pin(self, pins: Mapping[str, Sequence[int]]) -> None:
        """Pin every vCPU and the emulator of managed VMs, now and for their next starts."""

        def pin(name: str) -> None:
            with self._connection.operation() as operation:
                cpus = domains.cpu_map(operation, pins[name])
                domain = domains.find_managed(operation, name)
                if domain is not None:
                    self._lifecycle.pin(operation, domain, cpus)

        # libvirt writes files for each vCPU and waits for the disk, so VMs are pinned in parallel
        with ThreadPoolExecutor(MAX_PINNED_AT_ONCE, "libvirt-pin") as pool:
            list(pool.map(pin, pins))

    def start(self, name: str) -> None:
        """Start a stopped VM, resume a paused one, finish an unfinished one."""
        power.start(self._connection, name)

    def stop(self, name: str) -> None:
        """Ask a managed VM to shut down, and cut its power after the grace time."""
        power.stop(self._connection, name, self._stop_grace_s)

    def restart(self, name: str) -> None:
        """Stop and start a managed VM."""
        self.stop(name)
        self.start(name)

    def autostarting(self) -> set[str]:
        """Return the UUIDs of the domains that libvirt starts when the machine boots."""
        flag = libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART
        with self._connection.operation() as operation:
            return operation.ask(
                "list VMs that start with the host",
                lambda asked: {domain.UUIDString() for domain in asked.listAllDomains(flag)},
            )

    def set_autostart(self, uuid: str, name: str, *, starts: bool) -> None:
        """Let libvirt start a domain when the machine boots, or not."""
        with self._connection.operation() as operation:
            power.autostart(operation, uuid, name, starts=starts)

    def usage(self) -> list[Usage]:
        """Return the use of the running VMs, managed or not."""
        with self._connection.operation() as operation:
            return usage.list_usage(operation)

    def addresses(self, name: str) -> list[str]:
        """Return the network addresses of a VM, from leases or else from the ARP table."""
        with self._connection.operation() as operation:
            return usage.list_addresses(operation, name)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after each change of a VM or of the connection."""
        self._connection.watch(changed)

    def close(self) -> None:
        """End the connections; the VMs keep running."""
        self._connection.close()

    @contextmanager
    def _one_at_a_time(self, deadline: Deadline) -> Iterator[None]:
        if not self._creating.acquire(timeout=deadline.left):
            raise UnavailableError("other VMs are being created, which takes too long")
        try:
            yield
        finally:
            self._creating.release()

    def _check_use(self, operation: LibvirtOperation, image: Path, clone: bool) -> None:
        uses = disks.list_uses(operation)
        self._storage.run(
            f"image {image}", lambda: images.check_use(image, clone, uses), operation.deadline
        )

    def _platform(self, operation: LibvirtOperation) -> Platform:
        domain_type = None if self._domain_type == "auto" else self._domain_type
        return platform_of(
            operation.ask(
                "domain capabilities",
                lambda connection: connection.getDomainCapabilities(
                    self._emulator or None, None, self._machine or None, domain_type
                ),
            )
        )

    def _present_network(self, operation: LibvirtOperation) -> str:
        """Return the network's name; empty if libvirt has no network of this name."""
        if self._network:
            try:
                operation.ask(
                    "look for a network",
                    lambda connection: connection.networkLookupByName(self._network).name(),
                )
            except LibvirtError as error:
                if error.number != libvirt.VIR_ERR_NO_NETWORK:
                    raise
                log.warning("network_not_found", network=self._network)
                return ""
        return self._network
