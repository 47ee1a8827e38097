"""Use and network addresses of running domains."""

import libvirt
import structlog

from schedulerlocal.backends.libvirt.connection.errors import LibvirtError, is_of_connection
from schedulerlocal.backends.libvirt.connection.session import LibvirtOperation
from schedulerlocal.hypervisor import HypervisorError, Usage
from slackvm.model.codes import Code

log = structlog.get_logger()

NS_PER_S = 10**9
KIB_PER_MIB = 1024


def list_usage(operation: LibvirtOperation) -> list[Usage]:
    """Return the use of the running VMs, in one call."""
    kinds = (
        libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
        | libvirt.VIR_DOMAIN_STATS_VCPU
        | libvirt.VIR_DOMAIN_STATS_BALLOON
    )
    # Do not wait for a busy VM; libvirt then returns fewer of its values
    flags = (
        libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
        | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    )

    def ask(connection: libvirt.virConnect) -> list[Usage]:
        return [
            _usage(handle.UUIDString(), values)
            for handle, values in connection.getAllDomainStats(kinds, flags)
        ]

    return operation.ask("use of VMs", ask)


def list_addresses(operation: LibvirtOperation, name: str) -> list[str]:
    """Return the network addresses of a VM, from libvirt's leases or else from the ARP table.

    Raises:
        HypervisorError: there is no VM of this name.
    """
    sources = (
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
    )

    def ask(connection: libvirt.virConnect) -> list[str]:
        handle = connection.lookupByName(name)
        for source in sources if handle.isActive() else ():
            try:
                interfaces = handle.interfaceAddresses(source)
            except libvirt.libvirtError as error:
                if is_of_connection(error):
                    raise
                log.debug("addresses_unknown", vm=name, source=source, error=str(error))
                continue
            found = {
                address["addr"]
                for interface in interfaces.values()
                for address in interface["addrs"] or ()
            }
            if found:
                return sorted(found)
        return []

    try:
        return operation.ask(f"addresses of VM {name}", ask)
    except LibvirtError as error:
        if error.number == libvirt.VIR_ERR_NO_DOMAIN:
            raise HypervisorError(Code.VM_NOT_FOUND, f"there is no VM {name}") from error
        raise


def _usage(uuid: str, values: dict[str, int]) -> Usage:
    vcpus = range(values.get("vcpu.maximum", 0))
    times = [values[f"vcpu.{n}.time"] for n in vcpus if f"vcpu.{n}.time" in values]
    # Both are the time in the run queue: `delay` comes from schedstat, `wait` from a file that is
    # empty in many kernels.
    found = [values.get(f"vcpu.{n}.delay") or values.get(f"vcpu.{n}.wait") for n in vcpus]
    waits = [each for each in found if each is not None]
    # The resident memory is that of the whole QEMU process, whose own part does not belong to the
    # VM: a guest that has touched all of its memory would use more than it has.
    current_kib = values.get("balloon.current", 0)
    resident_kib = values.get("balloon.rss") or current_kib
    memory_kib = min(resident_kib, current_kib) if current_kib else resident_kib
    return Usage(
        uuid=uuid,
        cpu_s=(sum(times) if times else values.get("cpu.time", 0)) / NS_PER_S,
        wait_s=sum(waits) / NS_PER_S if waits else None,
        memory_mib=memory_kib / KIB_PER_MIB,
    )
