"""CPUs and memory of a host that are kept for the system and not offered to VMs."""

from collections.abc import Collection
from dataclasses import replace

from slackvm.model.topology import Topology
from slackvm.topologies.cpu_list import format_cpu_list
from slackvm.topologies.errors import TopologyError


def reserve_for_system(
    topology: Topology, exclude: Collection[int] = (), memory_reserved_mib: int = 0
) -> Topology:
    """Given a topology, return it without the CPUs in `exclude` and without the reserved memory.

    Raises:
        TopologyError: a CPU to exclude is not among those offered, or no CPU or memory is left.
    """
    unknown = set(exclude) - set(topology.position)
    if unknown:
        raise TopologyError(
            f"cannot exclude CPU {format_cpu_list(unknown)}: the topology offers CPUs "
            f"{format_cpu_list(topology.position)}"
        )
    cpus = tuple(cpu for cpu in topology.cpus if cpu.cpu_id not in exclude)
    if not cpus:
        raise TopologyError("every CPU is excluded: none is left for VMs")
    memory = memory_left(topology.memory_mib, memory_reserved_mib)
    return replace(topology, cpus=cpus, memory_mib=memory)


def memory_left(memory_mib: int, reserved_mib: int) -> int:
    """Return the memory that VMs may take, in MiB.

    Raises:
        TopologyError: less than nothing is reserved, or nothing is left.
    """
    if reserved_mib < 0:
        raise TopologyError(
            f"{reserved_mib} MiB of memory cannot be reserved: a whole number, 0 or more"
        )
    if reserved_mib >= memory_mib:
        raise TopologyError(
            f"{reserved_mib} MiB of memory cannot be reserved: the host has {memory_mib} MiB, "
            "and some must be left for VMs"
        )
    return memory_mib - reserved_mib
