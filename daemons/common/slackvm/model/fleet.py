"""Many hosts as arrays: considering a VM costs a few operations on whole arrays.

What a fleet knows of a host is its summary and the VMs that were taken for it since. So a VM can be
reserved on a host before the host itself has it, and hosts that exist on paper only can be filled.
Every number changes as that of the host would (see `slackvm.model.Host`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slackvm.model.refusal import Refusal, has_room, size_refusal
from slackvm.model.summary import HostSummary
from slackvm.model.vm import MILLI, VM, size_in_cpus

_ANY_LEVEL = None
_NO_LEVEL: frozenset[float] = frozenset()


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


class _Hosts(NamedTuple):
    """The numbers of all hosts, each with shape (hosts,); `offer` is an index into the offers."""

    cpus: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    cpus_free: NDArray[np.int64]
    memory_free_mib: NDArray[np.int64]
    offer: NDArray[np.int64]


class _VNodes(NamedTuple):
    """The numbers of one level's vNodes, each with shape (hosts,); 0 where a host has none."""

    owned: NDArray[np.int64]
    allocation: NDArray[np.int64]
    largest: NDArray[np.int64]


class Fleet:
    """Hosts, each known by its index: 0 for the first, and so on."""

    def __init__(self, summaries: Iterable[HostSummary]) -> None:
        self._summaries = list(summaries)
        self._taken: list[dict[str, VM]] = [{} for _ in self._summaries]
        # What hosts offer, each different offer once; a host that is closed offers no level.
        self._offers: list[frozenset[float] | None] = [_ANY_LEVEL]
        self._become(_Hosts(*_zeros(5, len(self))), {})
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
        self._reshape(lambda numbers: np.append(numbers, 0))
        self._write(len(self) - 1)
        return len(self) - 1

    def remove(self, index: int) -> None:
        """Forget a host; the indexes of those behind it go down by one."""
        del self._summaries[index], self._taken[index]
        self._reshape(lambda numbers: np.delete(numbers, index))

    def update(self, index: int, summary: HostSummary) -> None:
        """Replace what is known of one host; what was taken stays taken on top of it."""
        self._summaries[index] = summary
        self._write(index)

    def consider(self, vm: VM) -> Candidates:
        """Return for every host whether it takes the VM, and what that would add."""
        vnodes = self._vnodes.get(vm.level, self._no_vnodes)
        growth = _sizes_in_cpus(vnodes.allocation, vnodes.largest, vm)
        growth -= vnodes.owned
        fits = has_room(vm, growth, self._hosts.cpus_free, self._hosts.memory_free_mib)
        if len(self._offers) > 1:
            offered = np.array([_includes(offer, vm.level) for offer in self._offers])
            fits &= offered[self._hosts.offer]
        return Candidates(vm, fits, growth, *self._shown)

    def refusal(self, index: int, vm: VM) -> Refusal | None:
        """Return why a host refuses a VM, in its own words; None where it takes it.

        Names do not count: a fleet does not know which VMs its hosts have.
        """
        summary = self._summaries[index]
        if not _includes(summary.offered, vm.level):
            return Refusal("level_not_offered")
        if summary.closed:
            return summary.closed
        vnodes = self._vnodes.get(vm.level, self._no_vnodes)
        owned, allocation, largest = (numbers.item(index) for numbers in vnodes)
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
        vnodes = self._vnodes[vm.level]
        largest = vnodes.largest.item(index)
        if vm.vcpus == largest:
            others = [other.vcpus for other in taken.values() if other.level == vm.level]
            largest = max(self._largest_in_summary(index, vm.level), *others, 0)
        allocation = vnodes.allocation.item(index) - vm.vcpus
        return -self._resize(index, vm, allocation, largest, -vm.memory_mib)

    def _put(self, index: int, vm: VM) -> int:
        vnodes = self._vnodes_of(vm.level)
        largest = max(vnodes.largest.item(index), vm.vcpus)
        allocation = vnodes.allocation.item(index) + vm.vcpus
        return self._resize(index, vm, allocation, largest, vm.memory_mib)

    def _resize(self, index: int, vm: VM, allocation: int, largest: int, memory_mib: int) -> int:
        """Give the VM's vNode new numbers and so much more memory; return the CPUs it gains."""
        vnodes = self._vnodes[vm.level]
        size = size_in_cpus(allocation, largest, vm.milli)
        growth = size - vnodes.owned.item(index)
        vnodes.owned[index] = size
        vnodes.allocation[index] = allocation
        vnodes.largest[index] = largest
        self._hosts.cpus_free[index] -= growth
        self._hosts.memory_free_mib[index] -= memory_mib
        return growth

    def _largest_in_summary(self, index: int, level: float) -> int:
        vnode = self._summaries[index].levels.get(level)
        return vnode.largest if vnode else 0

    def _vnodes_of(self, level: float) -> _VNodes:
        """Return the numbers of a level's vNodes, to be written to."""
        if level not in self._vnodes:
            self._vnodes[level] = _VNodes(*_zeros(3, len(self)))
        return self._vnodes[level]

    def _write(self, index: int) -> None:
        """Write a host's numbers: those of its summary, then the VMs taken since."""
        summary = self._summaries[index]
        offer = _NO_LEVEL if summary.closed else summary.offered
        if offer not in self._offers:
            self._offers.append(offer)
        self._hosts.cpus[index] = summary.cpus
        self._hosts.memory_mib[index] = summary.memory_mib
        self._hosts.cpus_free[index] = summary.cpus_free
        self._hosts.memory_free_mib[index] = summary.memory_free_mib
        self._hosts.offer[index] = self._offers.index(offer)
        for vnodes in self._vnodes.values():
            for numbers in vnodes:
                numbers[index] = 0
        for level, vnode in summary.levels.items():
            vnodes = self._vnodes_of(level)
            vnodes.owned[index] = vnode.owned
            vnodes.allocation[index] = vnode.allocation
            vnodes.largest[index] = vnode.largest
        for vm in self._taken[index].values():
            self._put(index, vm)

    def _reshape(self, change: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> None:
        vnodes = {level: _VNodes(*map(change, each)) for level, each in self._vnodes.items()}
        self._become(_Hosts(*map(change, self._hosts)), vnodes)

    def _become(self, hosts: _Hosts, vnodes: dict[float, _VNodes]) -> None:
        self._hosts = hosts
        self._vnodes = vnodes
        self._no_vnodes = _VNodes(*_zeros(3, len(self)))
        self._shown = [_read_only(numbers) for numbers in hosts[:4]]
        # Once so large a block was freed, glibc keeps what arrays of this size give back, where it
        # would return it to the kernel and take it again at every placement: for 100,000 hosts,
        # that is half of the time and more.
        np.empty(16 * len(self))


def _zeros(rows: int, hosts: int) -> Iterator[NDArray[np.int64]]:
    return (np.zeros(hosts, dtype=np.int64) for _ in range(rows))


def _read_only(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    view = numbers.view()
    view.flags.writeable = False
    return view


def _includes(offered: frozenset[float] | None, level: float) -> bool:
    return offered is _ANY_LEVEL or level in offered


def _sizes_in_cpus(
    allocation: NDArray[np.int64], largest: NDArray[np.int64], vm: VM
) -> NDArray[np.int64]:
    """Return `size_in_cpus` of many vNodes, each with a VM of its level more.

    Computed in place: for thousands of hosts, making an array costs more than computing it.
    """
    sizes = allocation + vm.vcpus
    if vm.milli == MILLI:
        return sizes  # a CPU for each vCPU: as many as there are, so also as the largest VM has
    sizes *= MILLI
    sizes += vm.milli - 1
    sizes //= vm.milli
    np.maximum(sizes, largest, out=sizes)
    np.maximum(sizes, vm.vcpus, out=sizes)
    return sizes
