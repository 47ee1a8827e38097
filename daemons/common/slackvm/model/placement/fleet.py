"""Many hosts as arrays: considering a VM costs a few operations on whole arrays.

A fleet knows a host by its summary and by the VMs that were taken for it since. So a VM can be
reserved on a host before the host has it, and simulated hosts can be filled. Every number changes
as that of the host would (see `slackvm.model.Host`).
"""

from collections.abc import Iterable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from slackvm.model.codes import Code
from slackvm.model.labels import Labels, format_labels, missing_labels
from slackvm.model.placement.arrays import HostArrays
from slackvm.model.placement.candidates import (
    Candidates,
    HostLabels,
    HostNames,
    PlacementRequest,
    VNodes,
    read_only,
)
from slackvm.model.refusal import Refusal, size_refusal
from slackvm.model.summary import HostSummary
from slackvm.model.vm import VM, size_in_cpus

_ANY_LEVEL = None
_NO_LEVEL: frozenset[float] = frozenset()

_NO_VNODE = 0
"""Index of the vNodes of every level of which no host has one: zeros."""


class Fleet:
    """Hosts, each identified by its index: 0 for the first, and so on.

    Attributes:
        names: the hosts' names, by index.
        labels: the hosts' labels, by index.
    """

    def __init__(self, summaries: Iterable[HostSummary]) -> None:
        self._summaries = list(summaries)
        self._taken: list[dict[str, VM]] = [{} for _ in self._summaries]
        # Each different set of offered levels once; an unschedulable host offers no level.
        self._offers: list[frozenset[float] | None] = [_ANY_LEVEL]
        self._offer = np.zeros(len(self), dtype=np.int64)
        self._levels: dict[float, int] = {}
        self._names = [summary.name for summary in self._summaries]
        self._label_maps = [_read_only(summary.labels) for summary in self._summaries]
        self.names = HostNames(self._names)
        self.labels = HostLabels(self._label_maps)
        self._become(HostArrays((len(self),), _NO_VNODE + 1))
        for index in range(len(self)):
            self._write(index)

    def __len__(self) -> int:
        """Return the number of hosts."""
        return len(self._summaries)

    @property
    def summaries(self) -> tuple[HostSummary, ...]:
        """The summaries of all hosts as they are now, without the VMs taken since."""
        return tuple(self._summaries)

    def add(self, summary: HostSummary) -> int:
        """Add a host and return its index, which is the last."""
        self._summaries.append(summary)
        self._taken.append({})
        self._names.append(summary.name)
        self._label_maps.append(_read_only(summary.labels))
        self.labels = HostLabels(self._label_maps)
        self._offer = np.append(self._offer, 0)
        self._become(self._hosts.with_hosts(1))
        self._write(len(self) - 1)
        return len(self) - 1

    def remove(self, index: int) -> None:
        """Remove a host; the indexes of the hosts after it go down by one."""
        del self._summaries[index], self._taken[index]
        del self._names[index], self._label_maps[index]
        self.labels = HostLabels(self._label_maps)
        self._offer = np.delete(self._offer, index)
        self._become(self._hosts.without_host(index))

    def update(self, index: int, summary: HostSummary) -> None:
        """Replace the summary of a host; VMs that were taken for it stay taken."""
        before = self._summaries[index]
        self._names[index] = summary.name
        if summary.labels != before.labels:
            self._label_maps[index] = _read_only(summary.labels)
            self.labels = HostLabels(self._label_maps)
        self._summaries[index] = summary
        self._write(index)

    def consider(self, request: PlacementRequest) -> Candidates:
        """Return all hosts: which of them can take the VM, and what it would add to each.

        The result holds until the fleet changes.
        """
        vm = request.vm
        level = self._levels.get(vm.level, _NO_VNODE)
        growth, fits = self._hosts.consider(level, vm)
        if len(self._offers) > 1:
            offered = np.array([_includes(offer, vm.level) for offer in self._offers])
            fits &= offered[self._offer]
        if request.require:
            fits &= self.labels.matching(request.require)
        cpus, memory_mib, cpus_free, memory_free_mib = self._shown
        return Candidates(
            request,
            fits,
            growth,
            cpus,
            memory_mib,
            cpus_free,
            memory_free_mib,
            self.names,
            self.labels,
            VNodes(self._hosts, self._levels, level, ()),
        )

    def consider_some(self, request: PlacementRequest, index: NDArray[np.int64]) -> Candidates:
        """Return what `consider` returns, of some hosts by their indexes, in this order."""
        vm, hosts = request.vm, self._hosts
        level = self._levels.get(vm.level, _NO_VNODE)
        growth, fits = hosts.consider(level, vm, index)
        fits &= np.array(
            [_includes(self._offers[offer], vm.level) for offer in self._offer[index].tolist()]
        )
        cpus, memory_mib, cpus_free, memory_free_mib = (
            read_only(numbers[index]) for numbers in self._shown
        )
        labels = HostLabels([self._label_maps[each] for each in index.tolist()])
        if request.require:
            fits &= labels.matching(request.require)
        return Candidates(
            request,
            fits,
            growth,
            cpus,
            memory_mib,
            cpus_free,
            memory_free_mib,
            HostNames([self._names[each] for each in index.tolist()]),
            labels,
            VNodes(hosts, self._levels, level, (index,)),
        )

    def numbers(self, index: int) -> bytes:
        """Return all numbers of a host; while they are the same, it takes the same VMs."""
        hosts = self._hosts
        own = (self._offer, hosts.cpus, hosts.memory_mib, hosts.cpus_free, hosts.memory_free_mib)
        of_vnodes = (hosts.owned, hosts.allocation, hosts.largest)
        return b"".join(
            [each[index].tobytes() for each in own]
            + [each[:, index].tobytes() for each in of_vnodes]
        )

    def fill(self, index: NDArray[np.int64], vm: VM, count: int = 1) -> None:
        """Put VMs like this one on each of some hosts that can take them, for good.

        Args:
            index: the hosts; none occurs twice.
            vm: the size.
            count: how many on each host, at least one.
        """
        vnodes = (self._level(vm.level), index)
        allocation = self._hosts.allocation[vnodes] + count * vm.vcpus
        largest = np.maximum(self._hosts.largest[vnodes], vm.vcpus)
        self._hosts.resize(
            vnodes[0], (index,), vm.milli, allocation, largest, count * vm.memory_mib
        )

    def refusal(self, index: int, request: PlacementRequest) -> Refusal | None:
        """Return why a host refuses a VM; None if it takes the VM.

        Names of VMs are not considered: a fleet does not know which VMs its hosts have.
        """
        vm, summary = request.vm, self._summaries[index]
        if missing := missing_labels(summary.labels, request.require):
            return Refusal(Code.LABELS_NOT_MATCHED, reason=format_labels(missing))
        if not _includes(summary.offered, vm.level):
            return Refusal(Code.LEVEL_NOT_OFFERED)
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
        """Put a VM on a host that can take it, and return the CPUs that its vNode gains.

        Raises:
            ValueError: a VM of this name is already taken for that host.
        """
        taken = self._taken[index]
        if vm.name in taken:
            raise ValueError(f"{vm.name} is already taken for host {self.names[index]}")
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
        """Return the index of a level's vNodes; add the level if it is new."""
        if level not in self._levels:
            indexes = len(self._hosts.owned)
            if len(self._levels) + 1 == indexes:
                self._drop_unused_levels()
            free = set(range(_NO_VNODE + 1, indexes)) - set(self._levels.values())
            if not free:
                self._become(self._hosts.with_levels(indexes))
            self._levels[level] = min(free, default=indexes)
        return self._levels[level]

    def _drop_unused_levels(self) -> None:
        """Forget levels of which no host has a vNode any more: each costs at every placement."""
        hosts = self._hosts
        in_use = set(np.nonzero((hosts.allocation + hosts.owned).any(axis=-1))[0].tolist())
        self._levels = {level: index for level, index in self._levels.items() if index in in_use}

    def _drop_unused_offers(self) -> None:
        """Forget sets of levels that no host offers any more."""
        kept = sorted({self._offers.index(_ANY_LEVEL), *self._offer.tolist()})
        self._offers = [self._offers[number] for number in kept]
        self._offer = np.searchsorted(kept, self._offer)

    def _write(self, index: int) -> None:
        """Write the numbers of a host: those of its summary, then the VMs taken since."""
        summary = self._summaries[index]
        offer = _NO_LEVEL if summary.unschedulable else summary.offered
        if offer not in self._offers:
            if len(self._offers) > len(self) + 1:
                self._drop_unused_offers()
            self._offers.append(offer)
        self._offer[index] = self._offers.index(offer)
        hosts = self._hosts
        hosts.cpus[index] = summary.cpus
        hosts.memory_mib[index] = summary.memory_mib
        hosts.cpus_free[index] = summary.cpus_free
        hosts.memory_free_mib[index] = summary.memory_free_mib
        for numbers in (hosts.owned, hosts.allocation, hosts.largest):
            numbers[:, index] = 0
        for level, vnode in summary.levels.items():
            where = (self._level(level), index)
            hosts = self._hosts
            hosts.owned[where] = vnode.owned
            hosts.allocation[where] = vnode.allocation
            hosts.largest[where] = vnode.largest
        for vm in self._taken[index].values():
            self._put(index, vm)

    def _become(self, hosts: HostArrays) -> None:
        self._hosts = hosts
        shown = (hosts.cpus, hosts.memory_mib, hosts.cpus_free, hosts.memory_free_mib)
        self._shown = tuple(read_only(numbers) for numbers in shown)
        # After a block of this size was freed once, glibc keeps the memory of freed arrays instead
        # of returning it to the kernel at every placement. For 100,000 hosts that saves half of
        # the time or more.
        np.empty(16 * len(self))


def _includes(offered: frozenset[float] | None, level: float) -> bool:
    return offered is _ANY_LEVEL or level in offered


def _read_only(labels: Labels) -> Labels:
    return MappingProxyType(dict(labels))
