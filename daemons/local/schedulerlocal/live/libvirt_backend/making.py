"""Making, unmaking and pinning domains, step by step.

A crash may come between any two steps, and a step that gets no answer may be done later. What is
left then is what libvirt tells, and overlays that `Overlays.sweep` deletes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import libvirt
import structlog

from schedulerlocal.live.hypervisor import HypervisorError, Order, UnavailableError
from schedulerlocal.live.libvirt_backend import power
from schedulerlocal.live.libvirt_backend.deadline import Deadline
from schedulerlocal.live.libvirt_backend.domains import Domain
from schedulerlocal.live.libvirt_backend.errors import LibvirtError
from schedulerlocal.live.libvirt_backend.overlays import Overlays
from schedulerlocal.live.libvirt_backend.session import Conversation
from schedulerlocal.live.libvirt_backend.storage import Storage, StorageHungError

log = structlog.get_logger()

CLEAR_UP_S = 2.0
"""How long clearing up may take at least, after the operation's deadline if need be."""

_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
)


class Maker:
    """Makes, unmakes and pins domains.

    Args:
        overlays: disks of clones.
        storage: does the work on files.
        step: called with the name of each step, before it, and once more at the end.
    """

    def __init__(self, overlays: Overlays, storage: Storage, step: Callable[[str], None]) -> None:
        self._overlays = overlays
        self._storage = storage
        self._step = step

    def make(self, talk: Conversation, order: Order, description: str) -> None:
        """Make the disk of a clone, define a domain, have it start with the host, start it.

        Raises:
            UnavailableError: no answer: something of it may be there, or come.
            HypervisorError: it could not be made; nothing of it is left.
        """
        name = order.vm.name
        undo: list[Callable[[Conversation], None]] = []
        with self._undone_on_failure(talk, name, undo):
            if order.clone:
                self._step("create overlay")
                undo.append(lambda talk: self._settle(order.uuid, talk.deadline))
                self._make_overlay(order, talk.deadline)
                undo.append(lambda talk: self._delete_overlay(order.uuid, talk.deadline))
            self._step("create define")
            talk.ask(f"define VM {name}", lambda asked: asked.defineXML(description).name())
            undo.append(lambda talk: self._undefine(talk, order.uuid, name))
            self._step("create autostart")
            power.autostart(talk, order.uuid, name)
            self._step("create start")
            power.power_on(talk, order.uuid, name)
        if order.clone:
            self._settle(order.uuid, _with_time_left(talk).deadline)
        self._step("created")

    def unmake(self, talk: Conversation, domain: Domain) -> None:
        """Destroy and undefine a domain and delete the overlay of a clone.

        Raises:
            HypervisorError: a step failed; those before it are done. Doing it again is no error.
        """
        name, uuid = domain.guest.name, domain.order.uuid
        if domain.order.clone:
            self._mark(uuid, talk.deadline)
        self._step("remove destroy")
        power.destroy(talk, uuid, name)
        talk = _with_time_left(talk)
        self._step("remove undefine")
        self._undefine(talk, uuid, name)
        if domain.order.clone:
            self._step("remove overlay")
            self._delete_overlay(uuid, talk.deadline)
            self._settle(uuid, talk.deadline)
        self._step("removed")

    def pin(self, talk: Conversation, domain: Domain, cpus: tuple[bool, ...]) -> None:
        """Pin all vCPUs and the emulator of a domain, now and for its next starts."""
        name, uuid = domain.guest.name, domain.guest.uuid
        flags = 0
        if domain.is_active:
            flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
        if domain.is_persistent:
            flags |= libvirt.VIR_DOMAIN_AFFECT_CONFIG
        for vcpu in range(domain.guest.vcpus):
            self._step(f"pin {name} vcpu {vcpu}")
            pin = partial(_pin_vcpu, vcpu=vcpu, cpus=cpus, flags=flags)
            talk.act(f"pin VM {name}", uuid, pin)
        self._step(f"pin {name} emulator")
        talk.act(f"pin VM {name}", uuid, lambda handle: handle.pinEmulator(cpus, flags))

    @contextmanager
    def _undone_on_failure(
        self, talk: Conversation, name: str, undo: list[Callable[[Conversation], None]]
    ) -> Iterator[None]:
        try:
            yield
        except (UnavailableError, StorageHungError):
            # What was asked for last may still be done: nothing can be taken back safely now
            raise
        except HypervisorError:
            talk = _with_time_left(talk)
            for action in reversed(undo):
                try:
                    action(talk)
                except HypervisorError as error:
                    log.error("VM not undone", vm=name, error=str(error))
                    break
            raise

    def _undefine(self, talk: Conversation, uuid: str, name: str) -> None:
        try:
            talk.act(f"undefine VM {name}", uuid, lambda domain: domain.undefineFlags(_UNDEFINE))
        except LibvirtError as error:
            if error.number != power.GONE:
                raise

    def _make_overlay(self, order: Order, deadline: Deadline) -> None:
        def make() -> None:
            self._overlays.mark(order.uuid)
            self._overlays.create(order.uuid, order.image, deadline)

        self._storage.run("overlay", make, deadline)

    def _delete_overlay(self, uuid: str, deadline: Deadline) -> None:
        self._storage.run("overlay", lambda: self._overlays.remove(uuid), deadline)

    def _mark(self, uuid: str, deadline: Deadline) -> None:
        try:
            self._storage.run("overlay", lambda: self._overlays.mark(uuid), deadline)
        except HypervisorError as error:  # on a full disk, removing must work all the same
            log.warning("overlay not marked", uuid=uuid, error=str(error))

    def _settle(self, uuid: str, deadline: Deadline) -> None:
        try:
            self._storage.run("overlay", lambda: self._overlays.settle(uuid), deadline)
        except HypervisorError as error:  # the mark stays until the next sweep, no harm done
            log.warning("overlay not settled", uuid=uuid, error=str(error))


def _with_time_left(talk: Conversation) -> Conversation:
    return talk.until(Deadline(max(talk.deadline.left, CLEAR_UP_S)))


def _pin_vcpu(domain: libvirt.virDomain, vcpu: int, cpus: tuple[bool, ...], flags: int) -> None:
    domain.pinVcpuFlags(vcpu, cpus, flags)
