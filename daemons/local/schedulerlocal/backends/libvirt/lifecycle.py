"""Making, unmaking and pinning domains, step by step.

A crash may come between any two steps, and a step that gets no answer may be done later. What is
left then is what libvirt tells, and overlays that `Overlays.sweep` deletes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import libvirt
import structlog

from schedulerlocal.backends.libvirt import power
from schedulerlocal.backends.libvirt.deadline import Deadline
from schedulerlocal.backends.libvirt.domains import Domain
from schedulerlocal.backends.libvirt.errors import LibvirtError
from schedulerlocal.backends.libvirt.session import LibvirtOperation
from schedulerlocal.hypervisor import HypervisorError, UnavailableError, VMSpec
from schedulerlocal.images.overlays import Overlays
from schedulerlocal.images.storage import Storage, StorageHungError

log = structlog.get_logger()

_NOW, _NEXT = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
)


class DomainLifecycle:
    """Makes, unmakes and pins domains.

    Args:
        overlays: disks of clones.
        storage: does the work on files.
    """

    def __init__(self, overlays: Overlays, storage: Storage) -> None:
        self._overlays = overlays
        self._storage = storage

    def make(self, talk: LibvirtOperation, order: VMSpec, description: str) -> None:
        """Make the disk of a clone, define a domain, have it start with the host, start it.

        Until that is done, its metadata say that it is unfinished, and `power.start` finishes it.

        Raises:
            UncertainError: no answer: something of it may be there, or come.
            HypervisorError: it could not be made; nothing of it is left.
        """
        name = order.vm.name
        undo: list[Callable[[LibvirtOperation], None]] = []
        with self._undone_on_failure(talk, name, undo):
            if order.clone:
                undo.append(lambda talk: self._settle(order.uuid, talk.deadline))
                self._make_overlay(order, talk.deadline)
                undo.append(lambda talk: self._delete_overlay(order.uuid, talk.deadline))
            talk.change(f"define VM {name}", lambda asked: asked.defineXML(description).name())
            undo.append(lambda talk: self._undefine(talk, order.uuid, name))
            power.autostart(talk, order.uuid, name)
            power.power_on(talk, order.uuid, name)
            undo.append(lambda talk: power.destroy(talk, order.uuid, name))
            talk = talk.with_time_left()
            power.finish(talk, order)
        if order.clone:
            self._settle(order.uuid, talk.deadline)

    def unmake(self, talk: LibvirtOperation, domain: Domain) -> None:
        """Destroy and undefine a domain and delete the overlay of a clone.

        Raises:
            UncertainError: no answer to a step.
            HypervisorError: a step failed; those before it are done. Doing it again is no error.
        """
        name, uuid = domain.guest.name, domain.order.uuid
        if domain.order.clone:
            self._mark(uuid, talk.deadline)
        power.destroy(talk, uuid, name)
        talk = talk.with_time_left()
        self._undefine(talk, uuid, name)
        if domain.order.clone:
            self._delete_overlay(uuid, talk.deadline)
            self._settle(uuid, talk.deadline)

    def pin(self, talk: LibvirtOperation, domain: Domain, cpus: tuple[bool, ...]) -> None:
        """Pin all vCPUs and the emulator of a domain, now and for its next starts."""
        name, uuid = domain.guest.name, domain.guest.uuid
        flags = (_NOW if domain.is_active else 0) | (_NEXT if domain.is_persistent else 0)
        for vcpu in range(domain.guest.vcpus):
            what = f"pin vCPU {vcpu} of VM {name}"
            try:
                talk.act(what, uuid, partial(_pin_vcpu, vcpu=vcpu, cpus=cpus, flags=flags))
            except LibvirtError as error:
                # It has been given fewer vCPUs for its next start than it runs with
                if error.number != libvirt.VIR_ERR_INVALID_ARG or flags != _NOW | _NEXT:
                    raise
                talk.act(what, uuid, partial(_pin_vcpu, vcpu=vcpu, cpus=cpus, flags=_NOW))
        pin_emulator = partial(_pin_emulator, cpus=cpus, flags=flags)
        talk.act(f"pin emulator of VM {name}", uuid, pin_emulator)

    @contextmanager
    def _undone_on_failure(
        self, talk: LibvirtOperation, name: str, undo: list[Callable[[LibvirtOperation], None]]
    ) -> Iterator[None]:
        try:
            yield
        except (UnavailableError, StorageHungError):
            # What was asked for last may still be done: nothing can be taken back safely now
            raise
        except HypervisorError:
            talk = talk.with_time_left()
            for action in reversed(undo):
                try:
                    action(talk)
                except HypervisorError as error:
                    log.error("VM not undone", vm=name, error=str(error))
                    break
            raise

    def _undefine(self, talk: LibvirtOperation, uuid: str, name: str) -> None:
        try:
            talk.act(f"undefine VM {name}", uuid, lambda domain: domain.undefineFlags(_UNDEFINE))
        except LibvirtError as error:
            if error.number != power.GONE:
                raise

    def _make_overlay(self, order: VMSpec, deadline: Deadline) -> None:
        def make() -> None:
            self._overlays.mark(order.uuid)
            self._overlays.create(order.uuid, order.image, deadline)

        self._storage.run("make overlay", make, deadline)

    def _delete_overlay(self, uuid: str, deadline: Deadline) -> None:
        self._storage.run("delete overlay", lambda: self._overlays.remove(uuid), deadline)

    def _mark(self, uuid: str, deadline: Deadline) -> None:
        try:
            self._storage.run("mark overlay", lambda: self._overlays.mark(uuid), deadline)
        except HypervisorError as error:  # on a full disk, removing must work all the same
            log.warning("overlay not marked", uuid=uuid, error=str(error))

    def _settle(self, uuid: str, deadline: Deadline) -> None:
        try:
            self._storage.run("settle overlay", lambda: self._overlays.settle(uuid), deadline)
        except HypervisorError as error:  # the mark stays until the next sweep, no harm done
            log.warning("overlay not settled", uuid=uuid, error=str(error))


def _pin_vcpu(domain: libvirt.virDomain, vcpu: int, cpus: tuple[bool, ...], flags: int) -> None:
    domain.pinVcpuFlags(vcpu, cpus, flags)


def _pin_emulator(domain: libvirt.virDomain, cpus: tuple[bool, ...], flags: int) -> None:
    domain.pinEmulator(cpus, flags)
