"""Listing libvirt's domains, and finding one of SlackVM's."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import libvirt
import structlog
from lxml import etree

from schedulerlocal.backends.libvirt.connection.errors import is_of_connection, number_of
from schedulerlocal.backends.libvirt.connection.session import LibvirtOperation
from schedulerlocal.backends.libvirt.metadata import finished_text, metadata_of
from schedulerlocal.backends.libvirt.observed import observed_vm, read_domain
from schedulerlocal.hypervisor import (
    CRASHED,
    PAUSED,
    RUNNING,
    STOPPED,
    HypervisorError,
    ObservedVM,
    PowerState,
    VMSpec,
)
from slackvm.model.codes import Code
from slackvm.topologies.cpu_list import format_cpu_list, parse_cpu_list
from slackvm.topologies.errors import TopologyError

log = structlog.get_logger()

_ONLINE_HERE = Path("/sys/devices/system/cpu/online")
_STATES: dict[int, PowerState] = {
    libvirt.VIR_DOMAIN_PAUSED: PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: STOPPED,
    libvirt.VIR_DOMAIN_CRASHED: CRASHED,
}
"""All others count as running, a domain that shuts down included."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of SlackVM's.

    Attributes:
        vm: the domain as a VM.
        spec: what it was created as.
        metadata: SlackVM's metadata once its creation has ended, for `power.finish`.
        is_active: whether it runs, or is paused.
        is_persistent: whether it stays defined after it has stopped.
        run: libvirt's number of this run; -1: it does not run.
    """

    vm: ObservedVM
    spec: VMSpec
    metadata: str
    is_active: bool
    is_persistent: bool
    run: int


def list_domains(
    connection: libvirt.virConnect,
) -> list[tuple[libvirt.virDomain, PowerState, etree._Element]]:
    """Return all domains with their states and descriptions: one call, and one per domain."""
    found = []
    for handle, values in connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE):
        try:
            tree = read_domain(handle.XMLDesc())
        except libvirt.libvirtError as error:
            if number_of(error) == libvirt.VIR_ERR_NO_DOMAIN:  # it is gone meanwhile
                continue
            raise
        found.append((handle, _state(values["state.state"], values["state.reason"]), tree))
    return found


def list_vms(operation: LibvirtOperation) -> list[ObservedVM]:
    """Return all VMs.

    The pins of managed VMs are the kernel's affinities, unless libvirt has other CPUs than this
    machine: then it describes another machine, or a simulated one.
    """

    def ask(connection: libvirt.virConnect) -> list[ObservedVM]:
        online = _online(connection)
        here = online == _online_here()
        vms = []
        for handle, state, tree in list_domains(connection):
            vm = observed_vm(tree, state)
            if here and vm.spec and state == RUNNING and vm.vcpu_pins:
                vm = observed_vm(tree, state, _affinity(handle), online)
            vms.append(vm)
        return vms

    return operation.ask("list VMs", ask)


def find_managed(operation: LibvirtOperation, name: str) -> Domain | None:
    """Return the domain of a managed VM; None: there is no domain of this name.

    Raises:
        HypervisorError: the VM is unmanaged.
    """

    def ask(connection: libvirt.virConnect) -> Domain | ObservedVM | None:
        try:
            handle = connection.lookupByName(name)
            tree = read_domain(handle.XMLDesc())
            vm = observed_vm(tree, _state(*handle.state()))
            metadata = metadata_of(tree)
            if vm.spec is None or metadata is None:
                return vm
            active, persistent = bool(handle.isActive()), bool(handle.isPersistent())
            return Domain(vm, vm.spec, finished_text(metadata), active, persistent, handle.ID())
        except libvirt.libvirtError as error:
            if number_of(error) == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    found = operation.ask(f"look for VM {name}", ask)
    if isinstance(found, ObservedVM):
        raise HypervisorError(Code.VM_NOT_FOUND, f"VM {name} was not created by SlackVM")
    return found


def get_managed(operation: LibvirtOperation, name: str) -> Domain:
    """Return the domain of a managed VM.

    Raises:
        HypervisorError: there is no VM of this name, or it is unmanaged.
    """
    domain = find_managed(operation, name)
    if domain is None:
        raise HypervisorError(Code.VM_NOT_FOUND, f"there is no VM {name}")
    return domain


def cpu_map(operation: LibvirtOperation, cpu_ids: Collection[int]) -> tuple[bool, ...]:
    """Return CPUs as libvirt wants them.

    libvirt ignores CPUs that do not exist, so they are checked here.

    Raises:
        HypervisorError: a CPU does not exist, or none is given.
    """
    online = operation.ask("list CPUs", _online)
    missing = set(cpu_ids) - online
    if missing or not cpu_ids:
        raise HypervisorError(
            Code.HYPERVISOR_FAILED,
            f"cannot pin to CPU {format_cpu_list(missing) or 'none'}: libvirt has CPUs "
            f"{format_cpu_list(online)}",
        )
    return tuple(cpu_id in cpu_ids for cpu_id in range(max(online) + 1))


def _state(state: int, reason: int) -> PowerState:
    if state == libvirt.VIR_DOMAIN_SHUTOFF and reason == libvirt.VIR_DOMAIN_SHUTOFF_CRASHED:
        return CRASHED
    return _STATES.get(state, RUNNING)


def _affinity(handle: libvirt.virDomain) -> Sequence[Sequence[int]]:
    """Return the CPUs that each vCPU may use; nothing if libvirt cannot say, as when it ends."""
    try:
        _, maps = handle.vcpus()
    except libvirt.libvirtError as error:
        if is_of_connection(error):
            raise
        log.info("affinity_unknown", vm=handle.name(), error=str(error))
        return ()
    return [_cpu_ids(cpus) for cpus in maps]


def _online(connection: libvirt.virConnect) -> set[int]:
    _, cpus, _ = connection.getCPUMap()
    return set(_cpu_ids(cpus))


def _online_here() -> set[int]:
    try:
        return set(parse_cpu_list(_ONLINE_HERE.read_text(encoding="ascii")))
    except (OSError, TopologyError) as error:
        log.debug("online_cpus_unknown", error=str(error))
        return set()


def _cpu_ids(cpus: Sequence[bool]) -> tuple[int, ...]:
    return tuple(cpu_id for cpu_id, is_in in enumerate(cpus) if is_in)
