"""What a host has and who takes what of it: the numbers that placements are decided on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slackvm.model.placement import HostSummary, LevelSummary
from slackvm.model.vm import VM, milli_level, size_in_cpus
from slackvm.rest.hosts import HostReply


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a host has for the VMs of the cluster.

    Attributes:
        cpus: CPUs that it offers.
        memory_mib: memory that it offers.
        withheld_cpus: CPUs that VMs of somebody else have.
        withheld_mib: memory that they have.
    """

    cpus: int = 0
    memory_mib: int = 0
    withheld_cpus: int = 0
    withheld_mib: int = 0

    @classmethod
    def told(cls, host: HostReply, vms: Mapping[str, VM]) -> "Capacity":
        """Return what a host told: what neither is free nor any of these VMs has is withheld."""
        owned = sum(level.owned for level in host.levels.values())
        taken = sum(vm.memory_mib for vm in vms.values())
        return cls(
            host.cpus,
            host.memory_mib,
            host.cpus - host.cpus_free - owned,
            host.memory_mib - host.memory_free_mib - taken,
        )


@dataclass(slots=True)
class Room:
    """A host's capacity, and the VMs that are or shall be on it, by name."""

    capacity: Capacity = field(default_factory=Capacity)
    vms: dict[str, VM] = field(default_factory=dict)

    def summary(self, name: str) -> HostSummary:
        """Return the host in numbers, as it would tell them itself with these VMs."""
        members: dict[float, list[int]] = {}
        for vm in self.vms.values():
            members.setdefault(vm.level, []).append(vm.vcpus)
        levels = {}
        for level, vcpus in members.items():
            allocation, largest = sum(vcpus), max(vcpus)
            owned = size_in_cpus(allocation, largest, milli_level(level))
            levels[level] = LevelSummary(owned, allocation, largest)
        capacity = self.capacity
        owned = sum(level.owned for level in levels.values())
        taken = sum(vm.memory_mib for vm in self.vms.values())
        return HostSummary(
            name,
            capacity.cpus,
            capacity.memory_mib,
            capacity.cpus - capacity.withheld_cpus - owned,
            capacity.memory_mib - capacity.withheld_mib - taken,
            levels,
        )
