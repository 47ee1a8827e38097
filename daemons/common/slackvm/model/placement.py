"""Placing a VM on one of many hosts, from summaries that suffice to decide as the host would."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackvm.model.refusal import Refusal, size_checks
from slackvm.model.vm import VM, cpus_for, milli_level


@dataclass(frozen=True, slots=True)
class LevelSummary:
    """One vNode in numbers: CPUs owned, vCPUs allocated, vCPUs of its largest VM."""

    owned: int
    allocation: int
    largest: int


@dataclass(frozen=True, slots=True)
class HostSummary:
    """One host in numbers; enough to compute what it would answer to any request."""

    name: str
    cpus: int
    memory_mib: int
    cpus_free: int
    memory_free_mib: int
    levels: Mapping[float, LevelSummary]


@dataclass(frozen=True)
class Candidates:
    """All hosts of a fleet considered for one VM; every array has shape (hosts,).

    Attributes:
        vm: the request.
        added_cpus: CPUs that the VM's vNode would gain on each host.
        refused_by: index into `refusals` of the check that refuses, -1 where the host takes it.
        owned_cpus: CPUs owned by the host's vNodes.
        owned_memory_mib: MiB of its VMs.
        cpus: all CPUs of the host.
        memory_mib: all MiB of the host.
    """

    vm: VM
    added_cpus: NDArray[np.int64]
    refused_by: NDArray[np.int64]
    owned_cpus: NDArray[np.int64]
    owned_memory_mib: NDArray[np.int64]
    cpus: NDArray[np.int64]
    memory_mib: NDArray[np.int64]

    @property
    def fits(self) -> NDArray[np.bool_]:
        """True for each host that takes the VM."""
        fits: NDArray[np.bool_] = self.refused_by < 0
        return fits

    def refusal(self, host: int) -> Refusal | None:
        """Return why the host refuses the VM, exactly as it would say itself; None if it fits."""
        which = int(self.refused_by[host])
        if which < 0:
            return None
        free = self.cpus - self.owned_cpus, self.memory_mib - self.owned_memory_mib
        check = size_checks(self.vm, self.added_cpus, *free, self.cpus, self.memory_mib)[which]
        needed = np.broadcast_to(check.needed, self.cpus.shape)
        return Refusal(check.code, int(needed[host]), int(check.free[host]), check.unit)


@dataclass(frozen=True)
class Placement:
    """Where a VM goes: the index of the best host (None: no host takes it), and every score."""

    host: int | None
    scores: NDArray[np.float64]
    candidates: Candidates


class Fleet:
    """The summaries of many hosts as arrays: considering a VM costs O(hosts), not O(VMs)."""

    def __init__(self, summaries: Iterable[HostSummary]) -> None:
        hosts = list(summaries)
        self.names = [host.name for host in hosts]
        self._capacity = np.zeros((4, len(hosts)), dtype=np.int64)
        self._levels: dict[float, NDArray[np.int64]] = {}
        for index, host in enumerate(hosts):
            self.update(index, host)

    def update(self, index: int, summary: HostSummary) -> None:
        """Replace what is known of one host."""
        self.names[index] = summary.name
        self._capacity[:, index] = (
            summary.cpus,
            summary.memory_mib,
            summary.cpus_free,
            summary.memory_free_mib,
        )
        for numbers in self._levels.values():
            numbers[:, index] = 0
        for level, vnode in summary.levels.items():
            numbers = self._levels.setdefault(level, np.zeros((3, len(self.names)), dtype=np.int64))
            numbers[:, index] = vnode.owned, vnode.allocation, vnode.largest

    def consider(self, vm: VM) -> Candidates:
        """Return for every host whether it takes the VM, and what that would add."""
        cpus, memory, cpus_free, memory_free = self._capacity
        nothing = np.zeros((3, len(self.names)), dtype=np.int64)
        owned, allocation, largest = self._levels.get(vm.level, nothing)
        needed = cpus_for(allocation + vm.vcpus, milli_level(vm.level))
        growth = np.maximum(needed, np.maximum(largest, vm.vcpus)) - owned
        checks = size_checks(vm, growth, cpus_free, memory_free, cpus, memory)
        refuses = [np.broadcast_to(check.needed > check.free, cpus.shape) for check in checks]
        refused_by = np.select(refuses, range(len(checks)), default=-1)
        return Candidates(
            vm,
            growth,
            refused_by,
            cpus - cpus_free,
            memory - memory_free,
            cpus.copy(),
            memory.copy(),
        )


def place(fleet: Fleet, vm: VM, policy: Callable[[Candidates], NDArray[np.float64]]) -> Placement:
    """Return the host with the highest score among those that take the VM; the first wins a tie."""
    candidates = fleet.consider(vm)
    scores = np.where(candidates.fits, policy(candidates), -np.inf)
    best = int(np.argmax(scores)) if candidates.fits.any() else None
    return Placement(best, scores, candidates)
