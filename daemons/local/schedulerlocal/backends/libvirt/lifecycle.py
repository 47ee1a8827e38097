"""Creating, removing and pinning domains, step by step.

A crash may come between any two steps, and libvirt may do a step later that it did not answer. What
is left then shows in libvirt's list of domains, and `Overlays.sweep` deletes leftover overlays.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import libvirt
import structlog

from schedulerlocal.backends.libvirt import power
from schedulerlocal.backends.libvirt.connection.errors import LibvirtError
from schedulerlocal.backends.libvirt.connection.session import LibvirtOperation
from schedulerlocal.backends.libvirt.domains import Domain
from schedulerlocal.backends.libvirt.metadata import finished_text, unfinished_element
from schedulerlocal.hypervisor import HypervisorError, UnavailableError, VMSpec
from schedulerlocal.images.overlays import Overlays
from schedulerlocal.images.storage import Storage, StorageHungError
from slackvm.deadline import Deadline

log = structlog.get_logger()

_NOW, _NEXT = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
)


class DomainLifecycle:
    """Creates, removes and pins domains.

    Args:
        overlays: disks of clones.
        storage: runs the work on files.
    """

    def __init__(self, overlays: Overlays, storage: Storage) -> None:
        self._overlays = overlays
        self._storage = storage

    def create(self, operation: LibvirtOperation, spec: VMSpec, description: str) -> None:
        """Create a clone's overlay, define a domain, make it start with the host, and start it.

        Until all is done, its metadata say that it is unfinished, and `power.start` finishes it.

        Args:
            operation: asks libvirt.
            spec: the VM.
            description: the domain's XML.

        Raises:
            UncertainError: no answer: parts of it may exist, or appear later.
            HypervisorError: it could not be created; nothing of it is left.
        """
        name = spec.vm.name
        undo: list[Callable[[LibvirtOperation], None]] = []
        with self._undone_on_failure(operation, name, undo):
            if spec.clone:
                undo.append(lambda operation: self._unmark(spec.uuid, operation.deadline))
                self._create_overlay(spec, operation.deadline)
                undo.append(lambda operation: self._delete_overlay(spec.uuid, operation.deadline))
            operation.change(f"define VM {name}", lambda asked: asked.defineXML(description).name())
            undo.append(lambda operation: self._undefine(operation, spec.uuid, name))
            power.autostart(operation, spec.uuid, name)
            power.power_on(operation, spec.uuid, name)
            undo.append(lambda operation: power.destroy(operation, spec.uuid, name))
            operation = operation.with_cleanup_time()
            finished = finished_text(unfinished_element(spec))
            power.finish(operation, spec.uuid, name, finished)
        if spec.clone:
            self._unmark(spec.uuid, operation.deadline)

    def remove(self, operation: LibvirtOperation, domain: Domain) -> None:
        """Destroy and undefine a domain, and delete a clone's overlay.

        Raises:
            UncertainError: libvirt did not answer a step.
            HypervisorError: a step failed; those before it are done. It can be called again.
        """
        name, uuid = domain.vm.name, domain.spec.uuid
        if domain.spec.clone:
            self._mark(uuid, operation.deadline)
        power.destroy(operation, uuid, name)
        operation = operation.with_cleanup_time()
        self._undefine(operation, uuid, name)
        if domain.spec.clone:
            self._delete_overlay(uuid, operation.deadline)
            self._unmark(uuid, operation.deadline)

    def pin(self, operation: LibvirtOperation, domain: Domain, cpus: tuple[bool, ...]) -> None:
        """Pin all vCPUs and the emulator of a domain, now and for its next starts."""
        name, uuid = domain.vm.name, domain.vm.uuid
        flags = (_NOW if domain.is_active else 0) | (_NEXT if domain.is_persistent else 0)
        for vcpu in range(domain.vm.vcpus):
            what = f"pin vCPU {vcpu} of VM {name}"
            try:
                operation.act(what, uuid, partial(_pin_vcpu, vcpu=vcpu, cpus=cpus, flags=flags))
            except LibvirtError as error:
                # At its next start the domain has fewer vCPUs than now
                if error.number != libvirt.VIR_ERR_INVALID_ARG or flags != _NOW | _NEXT:
                    raise
                operation.act(what, uuid, partial(_pin_vcpu, vcpu=vcpu, cpus=cpus, flags=_NOW))
        pin_emulator = partial(_pin_emulator, cpus=cpus, flags=flags)
        operation.act(f"pin emulator of VM {name}", uuid, pin_emulator)

    @contextmanager
    def _undone_on_failure(
        self, operation: LibvirtOperation, name: str, undo: list[Callable[[LibvirtOperation], None]]
    ) -> Iterator[None]:
        try:
            yield
        except (UnavailableError, StorageHungError):
            # libvirt may still do the last step, so nothing can be undone safely
            raise
        except HypervisorError:
            operation = operation.with_cleanup_time()
            for action in reversed(undo):
                try:
                    action(operation)
                except HypervisorError as error:
                    log.error("undo_failed", vm=name, error=str(error))
                    break
            raise

    def _undefine(self, operation: LibvirtOperation, uuid: str, name: str) -> None:
        try:
            operation.act(
                f"undefine VM {name}", uuid, lambda domain: domain.undefineFlags(_UNDEFINE)
            )
        except LibvirtError as error:
            if error.number != power.GONE:
                raise

    def _create_overlay(self, spec: VMSpec, deadline: Deadline) -> None:
        def create() -> None:
            self._overlays.mark(spec.uuid)
            self._overlays.create(spec.uuid, spec.image, deadline)

        self._storage.run("create overlay", create, deadline)

    def _delete_overlay(self, uuid: str, deadline: Deadline) -> None:
        self._storage.run("delete overlay", lambda: self._overlays.remove(uuid), deadline)

    def _mark(self, uuid: str, deadline: Deadline) -> None:
        try:
            self._storage.run("mark overlay", lambda: self._overlays.mark(uuid), deadline)
        except HypervisorError as error:  # on a full disk, removing must still work
            log.warning("overlay_not_marked", uuid=uuid, error=str(error))

    def _unmark(self, uuid: str, deadline: Deadline) -> None:
        try:
            self._storage.run("remove overlay mark", lambda: self._overlays.unmark(uuid), deadline)
        except HypervisorError as error:  # the next sweep removes the mark
            log.warning("overlay_mark_not_removed", uuid=uuid, error=str(error))


def _pin_vcpu(domain: libvirt.virDomain, vcpu: int, cpus: tuple[bool, ...], flags: int) -> None:
    domain.pinVcpuFlags(vcpu, cpus, flags)


def _pin_emulator(domain: libvirt.virDomain, cpus: tuple[bool, ...], flags: int) -> None:
    domain.pinEmulator(cpus, flags)
