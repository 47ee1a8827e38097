"""What a host has and who takes what of it: all that placements are decided on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slackvm.api.hosts import HostReply, HostState
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal
from slackvm.model.summary import HostSummary, LevelSummary
from slackvm.model.vm import VM, milli_level, size_in_cpus

UNKNOWN: HostState = "unknown"


@dataclass(frozen=True)
class HostResources:
    """A host as placements see it; a changed one is a new object.

    Attributes:
        state: whether VMs can be deployed on it.
        reason: why not, where it cannot be asked.
        cpus: CPUs that it offers.
        memory_mib: memory that it offers.
        withheld_cpus: CPUs that VMs of somebody else have.
        withheld_mib: memory that they have.
        offered: levels that it offers; None: any.
        foreign: names of those VMs.
        vms: VMs of the cluster that are or shall be on it, by name.
    """

    state: HostState = UNKNOWN
    reason: str = field(default="not asked yet", compare=False)
    cpus: int = 0
    memory_mib: int = 0
    withheld_cpus: int = 0
    withheld_mib: int = 0
    offered: frozenset[float] | None = None
    foreign: frozenset[str] = frozenset()
    vms: Mapping[str, VM] = field(default_factory=dict)

    @classmethod
    def told(cls, host: HostReply, vms: Mapping[str, VM]) -> "HostResources":
        """Return what a host told: what neither is free nor any of these VMs has is withheld."""
        owned = sum(level.owned for level in host.levels.values())
        taken = sum(vm.memory_mib for vm in vms.values())
        return cls(
            host.state,
            host.reason,
            host.cpus,
            host.memory_mib,
            host.cpus - host.cpus_free - owned,
            host.memory_mib - host.memory_free_mib - taken,
            None if host.offered is None else frozenset(host.offered),
            frozenset(guest.name for guest in host.foreign),
            dict(vms),
        )

    def with_vm(self, vm: VM) -> "HostResources":
        """Return it with one VM more, or with another one of its name."""
        return replace(self, vms={**self.vms, vm.name: vm})

    def without_vm(self, name: str) -> "HostResources":
        """Return it without that VM."""
        return replace(self, vms={key: vm for key, vm in self.vms.items() if key != name})

    def summary(self, name: str, *, cordoned: bool) -> HostSummary:
        """Return the host in numbers, as it would tell them itself with these VMs."""
        members: dict[float, list[int]] = {}
        for vm in self.vms.values():
            members.setdefault(vm.level, []).append(vm.vcpus)
        levels = {}
        for level, vcpus in members.items():
            allocation, largest = sum(vcpus), max(vcpus)
            owned = size_in_cpus(allocation, largest, milli_level(level))
            levels[level] = LevelSummary(owned, allocation, largest)
        owned = sum(level.owned for level in levels.values())
        taken = sum(vm.memory_mib for vm in self.vms.values())
        return HostSummary(
            name,
            self.cpus,
            self.memory_mib,
            self.cpus - self.withheld_cpus - owned,
            self.memory_mib - self.withheld_mib - taken,
            levels,
            self.offered,
            self.unschedulable(cordoned=cordoned),
        )

    def unschedulable(self, *, cordoned: bool) -> Refusal | None:
        """Return why the host takes no VM at all; None where it does."""
        if self.state == UNKNOWN:
            return Refusal(Code.HOST_UNREACHABLE, reason=self.reason)
        if cordoned:
            return Refusal(Code.CORDONED)
        if self.state == "not_ready":
            return Refusal(Code.NOT_READY, reason=self.reason)
        return Refusal(Code.OVERCOMMITTED) if self.state == "overcommitted" else None

    def difference(self, before: "HostResources | None") -> dict[str, Any]:
        """Return what of it is otherwise than before, for the operations log; None: all of it."""
        told = self.parts()
        known = before.parts() if before else {}
        return {name: value for name, value in told.items() if known.get(name, _NEW) != value}

    def parts(self) -> dict[str, Any]:
        """Return all of it, for the operations log."""
        return {
            "state": self.state,
            "cpus": self.cpus,
            "memory_mib": self.memory_mib,
            "withheld_cpus": self.withheld_cpus,
            "withheld_mib": self.withheld_mib,
            "offered": None if self.offered is None else sorted(self.offered),
            "foreign": sorted(self.foreign),
            "vms": [
                [name, vm.vcpus, vm.memory_mib, vm.level] for name, vm in sorted(self.vms.items())
            ],
        }


_NEW = object()
