"""The domains that libvirt has, and finding one among them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import libvirt
import structlog
from lxml import etree

from schedulerlocal.backends.libvirt.errors import is_of_connection, number_of
from schedulerlocal.backends.libvirt.guest import guest_of, read_domain
from schedulerlocal.backends.libvirt.session import LibvirtOperation
from schedulerlocal.hypervisor import (
    CRASHED,
    PAUSED,
    RUNNING,
    STOPPED,
    HypervisorError,
    ObservedVM,
    VMSpec,
)
from slackvm.api.vms import GuestState
from slackvm.model.codes import Code
from slackvm.topologies.cpu_list import format_cpu_list, parse_cpu_list
from slackvm.topologies.errors import TopologyError

log = structlog.get_logger()

_ONLINE_HERE = Path("/sys/devices/system/cpu/online")
_STATES: dict[int, GuestState] = {
    libvirt.VIR_DOMAIN_PAUSED: PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: STOPPED,
    libvirt.VIR_DOMAIN_CRASHED: CRASHED,
}
"""All others are kinds of running, the shutting down included."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of ours.

    Attributes:
        guest: the VM that it is.
        order: what was ordered.
        is_active: whether it runs, or is paused.
        is_persistent: whether it would outlive its end.
        run: libvirt's number of this run; -1: it does not run.
    """

    guest: ObservedVM
    order: VMSpec
    is_active: bool
    is_persistent: bool
    run: int


def described(
    connection: libvirt.virConnect,
) -> list[tuple[libvirt.virDomain, GuestState, etree._Element]]:
    """Return all domains, their states and descriptions: one call, and one more for each."""
    found = []
    for handle, values in connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE):
        try:
            tree = read_domain(handle.XMLDesc())
        except libvirt.libvirtError as error:
            if number_of(error) == libvirt.VIR_ERR_NO_DOMAIN:  # gone since
                continue
            raise
        found.append((handle, _state(values["state.state"], values["state.reason"]), tree))
    return found


def list_guests(talk: LibvirtOperation) -> list[ObservedVM]:
    """Return all VMs.

    The affinity of the vCPUs of ours is the kernel's own, unless libvirt tells of other CPUs than
    this machine has: then it speaks of another machine, or of a made-up one.
    """

    def ask(connection: libvirt.virConnect) -> list[ObservedVM]:
        online = _online(connection)
        here = online == _online_here()
        guests = []
        for handle, state, tree in described(connection):
            guest = guest_of(tree, state)
            if here and guest.order and state == RUNNING and guest.vcpu_pins:
                guest = guest_of(tree, state, _affinity(handle), online)
            guests.append(guest)
        return guests

    return talk.ask("list VMs", ask)


def find_ours(talk: LibvirtOperation, name: str) -> Domain | None:
    """Return the domain of a VM of ours; None: there is no domain of this name.

    Raises:
        HypervisorError: it is somebody else's.
    """

    def ask(connection: libvirt.virConnect) -> tuple[ObservedVM, bool, bool, int] | None:
        try:
            handle = connection.lookupByName(name)
            guest = guest_of(read_domain(handle.XMLDesc()), _state(*handle.state()))
            return guest, bool(handle.isActive()), bool(handle.isPersistent()), handle.ID()
        except libvirt.libvirtError as error:
            if number_of(error) == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    found = talk.ask(f"look for VM {name}", ask)
    if found is None:
        return None
    guest, is_active, is_persistent, run = found
    if guest.order is None:
        raise HypervisorError(Code.VM_NOT_FOUND, f"VM {name} was not made by SlackVM")
    return Domain(guest, guest.order, is_active, is_persistent, run)


def get_ours(talk: LibvirtOperation, name: str) -> Domain:
    """Return the domain of a VM of ours.

    Raises:
        HypervisorError: there is none, or it is somebody else's.
    """
    domain = find_ours(talk, name)
    if domain is None:
        raise HypervisorError(Code.VM_NOT_FOUND, f"there is no VM {name}")
    return domain


def cpu_map(talk: LibvirtOperation, cpu_ids: Collection[int]) -> tuple[bool, ...]:
    """Return CPUs as libvirt wants them; it would drop those that are not there and say nothing.

    Raises:
        HypervisorError: one is not there, or none is given.
    """
    online = talk.ask("list CPUs", _online)
    missing = set(cpu_ids) - online
    if missing or not cpu_ids:
        raise HypervisorError(
            Code.HYPERVISOR_FAILED,
            f"cannot pin to CPU {format_cpu_list(missing) or 'none'}: libvirt has CPUs "
            f"{format_cpu_list(online)}",
        )
    return tuple(cpu_id in cpu_ids for cpu_id in range(max(online) + 1))


def _state(state: int, reason: int) -> GuestState:
    if state == libvirt.VIR_DOMAIN_SHUTOFF and reason == libvirt.VIR_DOMAIN_SHUTOFF_CRASHED:
        return CRASHED
    return _STATES.get(state, RUNNING)


def _affinity(handle: libvirt.virDomain) -> Sequence[Sequence[int]]:
    """Return the CPUs that each vCPU may use; nothing if that cannot be told, as when it ends."""
    try:
        _, maps = handle.vcpus()
    except libvirt.libvirtError as error:
        if is_of_connection(error):
            raise
        log.info("affinity of a VM not known", vm=handle.name(), error=str(error))
        return ()
    return [_cpu_ids(cpus) for cpus in maps]


def _online(connection: libvirt.virConnect) -> set[int]:
    _, cpus, _ = connection.getCPUMap()
    return set(_cpu_ids(cpus))


def _online_here() -> set[int]:
    try:
        return set(parse_cpu_list(_ONLINE_HERE.read_text(encoding="ascii")))
    except (OSError, TopologyError) as error:
        log.debug("online CPUs not known", error=str(error))
        return set()


def _cpu_ids(cpus: Sequence[bool]) -> tuple[int, ...]:
    return tuple(cpu_id for cpu_id, is_in in enumerate(cpus) if is_in)
