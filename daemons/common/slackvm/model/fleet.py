"""Many hosts as arrays: considering a VM costs a few operations on whole arrays.

What a fleet knows of a host is its summary and the VMs that were taken for it since. So a VM can be
reserved on a host before the host itself has it, and hosts that exist on paper only can be filled.
Every number changes as that of the host would (see `slackvm.model.Host`).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slackvm.model.hosts import HostArrays
from slackvm.model.refusal import Refusal, size_refusal
from slackvm.model.summary import HostSummary
from slackvm.model.vm import VM, size_in_cpus

_ANY_LEVEL = None
_NO_LEVEL: frozenset[float] = frozenset()

_NO_VNODE = 0
"""Index of the level that stands for all those of which no host has a vNode: zeros."""


class Candidates(NamedTuple):
    """All hosts of a fleet considered for one VM; every array has shape (hosts,).

    The last four are the fleet's own numbers and no copies: they hold until the fleet changes, and
    cannot be written to.

    Attributes:
        vm: the request.
        fits: True for each host that takes the VM.
        added_cpus: CPUs that the VM's vNode would gain on each host.
        cpus: all CPUs of the host.
        memory_mib: all MiB of the host.
        cpus_free: CPUs that no vNode owns and that are not withheld.
        memory_free_mib: MiB that nobody has.
    """

    vm: VM
    fits: NDArray[np.bool_]
    added_cpus: NDArray[np.int64]
    cpus: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    cpus_free: NDArray[np.int64]
    memory_free_mib: NDArray[np.int64]

    def part(self, start: int, stop: int) -> "Candidates":
        """Return the hosts from one index up to another."""
        part = slice(start, stop)
        numbers = (self.cpus, self.memory_mib, self.cpus_free, self.memory_free_mib)
        return Candidates(
            self.vm,
            self.fits[part],
            self.added_cpus[part],
            *(each[part] for each in numbers),
        )

    @property
    def owned_cpus(self) -> NDArray[np.int64]:
        """CPUs that are not free."""
        return self.cpus - self.cpus_free

    @property
    def owned_memory_mib(self) -> NDArray[np.int64]:
        """MiB that are not free."""
        return self.memory_mib - self.memory_free_mib


class Fleet:
    """Hosts, each known by its index: 0 for the first, and so on."""

    def __init__(self, summaries: Iterable[HostSummary]) -> None:
        self._summaries = list(summaries)
        self._taken: list[dict[str, VM]] = [{} for _ in self._summaries]
        # What hosts offer, each different offer once; a host that is unschedulable offers no level.
        self._offers: list[frozenset[float] | None] = [_ANY_LEVEL]
        self._offer = np.zeros(len(self), dtype=np.int64)
        self._levels: dict[float, int] = {}
        self._become(HostArrays((len(self),), _NO_VNODE + 1))
        for index in range(len(self)):
            self._write(index)

    def __len__(self) -> int:
        """Return the number of hosts."""
        return len(self._summaries)

    @property
    def names(self) -> list[str]:
        """The hosts' names, by index."""
        return [summary.name for summary in self._summaries]

    def add(self, summary: HostSummary) -> int:
        """Take in one more host and return its index, which is the last."""
        self._summaries.append(summary)
        self._taken.append({})
        self._offer = np.append(self._offer, 0)
        self._become(self._hosts.with_hosts(1))
        self._write(len(self) - 1)
        return len(self) - 1

    def remove(self, index: int) -> None:
        """Forget a host; the indexes of those behind it go down by one."""
        del self._summaries[index], self._taken[index]
        self._offer = np.delete(self._offer, index)
        self._become(self._hosts.without_host(index))

    def update(self, index: int, summary: HostSummary) -> None:
        """Replace what is known of one host; what was taken stays taken on top of it."""
        self._summaries[index] = summary
        self._write(index)

    def consider(self, vm: VM) -> Candidates:
        """Return for every host whether it takes the VM, and what that would add."""
        growth, fits = self._hosts.consider(self._levels.get(vm.level, _NO_VNODE), vm)
        if len(self._offers) > 1:
            offered = np.array([_includes(offer, vm.level) for offer in self._offers])
            fits &= offered[self._offer]
        return Candidates(vm, fits, growth, *self._shown)

    def refusal(self, index: int, vm: VM) -> Refusal | None:
        """Return why a host refuses a VM, in its own words; None where it takes it.

        Names do not count: a fleet does not know which VMs its hosts have.
        """
        summary = self._summaries[index]
        if not _includes(summary.offered, vm.level):
            return Refusal("level_not_offered")
        if summary.unschedulable:
            return summary.unschedulable
        vnode = (self._levels.get(vm.level, _NO_VNODE), index)
        owned, allocation, largest = (
            numbers.item(vnode)
            for numbers in (self._hosts.owned, self._hosts.allocation, self._hosts.largest)
        )
        size = size_in_cpus(allocation + vm.vcpus, max(largest, vm.vcpus), vm.milli)
        free = self._hosts.cpus_free.item(index), self._hosts.memory_free_mib.item(index)
        return size_refusal(vm, size - owned, *free, summary.cpus, summary.memory_mib)

    def take(self, index: int, vm: VM) -> int:
        """Put a VM on a host, which must take it, and return the CPUs that its vNode gains.

        Raises:
            ValueError: a VM of this name was taken for that host already.
        """
        taken = self._taken[index]
        if vm.name in taken:
            raise ValueError(f"{vm.name} is taken already for host {self.names[index]}")
        taken[vm.name] = vm
        return self._put(index, vm)

    def give_back(self, index: int, vm: VM) -> int:
        """Undo `take`, in any order, and return the CPUs that the VM's vNode loses.

        Raises:
            ValueError: the VM was not taken for that host, or was given back already.
        """
        taken = self._taken[index]
        if taken.get(vm.name) != vm:
            raise ValueError(f"{vm.name} is not taken for host {self.names[index]}")
        del taken[vm.name]
        vnode = (self._levels[vm.level], index)
        largest = self._hosts.largest.item(vnode)
        if vm.vcpus == largest:
            others = [other.vcpus for other in taken.values() if other.level == vm.level]
            largest = max(self._largest_in_summary(index, vm.level), *others, 0)
        allocation = self._hosts.allocation.item(vnode) - vm.vcpus
        return -self._resize(index, vm, allocation, largest, -vm.memory_mib)

    def _put(self, index: int, vm: VM) -> int:
        vnode = (self._level(vm.level), index)
        largest = max(self._hosts.largest.item(vnode), vm.vcpus)
        allocation = self._hosts.allocation.item(vnode) + vm.vcpus
        return self._resize(index, vm, allocation, largest, vm.memory_mib)

    def _resize(self, index: int, vm: VM, allocation: int, largest: int, memory_mib: int) -> int:
        level = self._levels[vm.level]
        return int(self._hosts.resize(level, (index,), vm.milli, allocation, largest, memory_mib))

    def _largest_in_summary(self, index: int, level: float) -> int:
        vnode = self._summaries[index].levels.get(level)
        return vnode.largest if vnode else 0

    def _level(self, level: float) -> int:
        """Return the index of a level's vNodes, to be written to."""
        if level not in self._levels:
            self._levels[level] = len(self._levels) + 1
            if self._levels[level] == len(self._hosts.owned):
                self._become(self._hosts.with_levels(len(self._hosts.owned)))
        return self._levels[level]

    def _write(self, index: int) -> None:
        """Write a host's numbers: those of its summary, then the VMs taken since."""
        summary = self._summaries[index]
        offer = _NO_LEVEL if summary.unschedulable else summary.offered
        if offer not in self._offers:
            self._offers.append(offer)
        self._offer[index] = self._offers.index(offer)
        for level in summary.levels:
            self._level(level)
        hosts = self._hosts
        hosts.cpus[index] = summary.cpus
        hosts.memory_mib[index] = summary.memory_mib
        hosts.cpus_free[index] = summary.cpus_free
        hosts.memory_free_mib[index] = summary.memory_free_mib
        for numbers in (hosts.owned, hosts.allocation, hosts.largest):
            numbers[:, index] = 0
        for level, vnode in summary.levels.items():
            where = (self._levels[level], index)
            hosts.owned[where] = vnode.owned
            hosts.allocation[where] = vnode.allocation
            hosts.largest[where] = vnode.largest
        for vm in self._taken[index].values():
            self._put(index, vm)

    def _become(self, hosts: HostArrays) -> None:
        self._hosts = hosts
        shown = (hosts.cpus, hosts.memory_mib, hosts.cpus_free, hosts.memory_free_mib)
        self._shown = [_read_only(numbers) for numbers in shown]
        # Once so large a block was freed, glibc keeps what arrays of this size give back, where it
        # would return it to the kernel and take it again at every placement: for 100,000 hosts,
        # that is half of the time and more.
        np.empty(16 * len(self))


def _read_only(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    view = numbers.view()
    view.flags.writeable = False
    return view


def _includes(offered: frozenset[float] | None, level: float) -> bool:
    return offered is _ANY_LEVEL or level in offered
