"""What a host offers, and what of it is left for the cluster's VMs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from slackvm.api.hosts import NOT_READY, OVERCOMMITTED, READY, UNKNOWN, HostReply
from slackvm.model.codes import Code
from slackvm.model.labels import Labels
from slackvm.model.refusal import Refusal
from slackvm.model.summary import HostSummary, LevelSummary
from slackvm.model.vm import VM, milli_level, size_in_cpus


@dataclass(frozen=True)
class HostResources:
    """A host as placements see it, apart from the cluster's VMs on it.

    Attributes:
        state: whether it takes VMs: only a host that is `ready` does. A later release may use
            other words.
        reason: why not, where it cannot be asked.
        cpus: CPUs that it offers.
        memory_mib: memory that it offers.
        unmanaged_cpus: CPUs that VMs which SlackVM does not manage have.
        unmanaged_mib: memory that they have.
        offered: levels that it offers; None: any.
        unmanaged: names of those VMs.
    """

    state: str = UNKNOWN
    reason: str = field(default="not asked yet", compare=False)
    cpus: int = 0
    memory_mib: int = 0
    unmanaged_cpus: int = 0
    unmanaged_mib: int = 0
    offered: frozenset[float] | None = None
    unmanaged: frozenset[str] = frozenset()

    @classmethod
    def from_report(cls, host: HostReply, vms: Iterable[VM]) -> "HostResources":
        """Return what a host reports: what is neither free nor of these VMs is unmanaged."""
        owned = sum(level.owned for level in host.levels.values())
        used_mib = sum(vm.memory_mib for vm in vms)
        return cls(
            state=host.state,
            reason=host.reason,
            cpus=host.cpus,
            memory_mib=host.memory_mib,
            unmanaged_cpus=host.cpus - host.cpus_free - owned,
            unmanaged_mib=host.memory_mib - host.memory_free_mib - used_mib,
            offered=None if host.offered is None else frozenset(host.offered),
            unmanaged=frozenset(vm.name for vm in host.foreign),
        )

    def summary(
        self, name: str, vms: Iterable[VM], labels: Labels, *, cordoned: bool
    ) -> HostSummary:
        """Return the host in numbers, as it would report them itself with these VMs."""
        vcpus_of: dict[float, list[int]] = {}
        used_mib = 0
        for vm in vms:
            vcpus_of.setdefault(vm.level, []).append(vm.vcpus)
            used_mib += vm.memory_mib
        levels = {}
        for level, vcpus in vcpus_of.items():
            allocation, largest = sum(vcpus), max(vcpus)
            size = size_in_cpus(allocation, largest, milli_level(level))
            levels[level] = LevelSummary(size, allocation, largest)
        owned = sum(level.owned for level in levels.values())
        return HostSummary(
            name=name,
            cpus=self.cpus,
            memory_mib=self.memory_mib,
            cpus_free=self.cpus - self.unmanaged_cpus - owned,
            memory_free_mib=self.memory_mib - self.unmanaged_mib - used_mib,
            levels=levels,
            offered=self.offered,
            unschedulable=self.unschedulable(cordoned=cordoned),
            labels=labels,
        )

    def unschedulable(self, *, cordoned: bool) -> Refusal | None:
        """Return why the host takes no VM at all; None where it does."""
        if self.state == READY:
            return Refusal(Code.CORDONED) if cordoned else None
        if self.state == UNKNOWN:
            return Refusal(Code.HOST_UNREACHABLE, reason=self.reason)
        if cordoned:
            return Refusal(Code.CORDONED)
        if self.state == OVERCOMMITTED:
            return Refusal(Code.OVERCOMMITTED)
        if self.state == NOT_READY:
            return Refusal(Code.NOT_READY, reason=self.reason)
        # A word of a later release.
        return Refusal(Code.NOT_READY, reason=self.reason or f"its state is {self.state}")

    def facts(self, vms: Iterable[VM], labels: Labels) -> dict[str, Any]:
        """Return all that placements depend on, as the operations log has it."""
        return {
            "state": self.state,
            "cpus": self.cpus,
            "memory_mib": self.memory_mib,
            "withheld_cpus": self.unmanaged_cpus,
            "withheld_mib": self.unmanaged_mib,
            "offered": None if self.offered is None else sorted(self.offered),
            "foreign": sorted(self.unmanaged),
            "labels": dict(sorted(labels.items())),
            "vms": sorted([vm.name, vm.vcpus, vm.memory_mib, vm.level] for vm in vms),
        }
