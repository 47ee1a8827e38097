"""Many hosts as arrays: considering a VM costs a few operations on whole arrays.

What a fleet knows of a host is its summary and the VMs that were taken for it since. So a VM can be
reserved on a host before the host itself has it, and hosts that exist on paper only can be filled.
Every number changes as that of the host would (see `slackvm.model.Host`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from slackvm.model.refusal import Refusal, has_room, size_refusal
from slackvm.model.summary import HostSummary, LevelSummary
from slackvm.model.vm import VM, milli_level, size_in_cpus, sizes_in_cpus

_ANY_LEVEL = None
_NO_LEVEL: frozenset[float] = frozenset()
_NO_VNODE = LevelSummary(0, 0, 0)


@dataclass(frozen=True)
class Candidates:
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

    @cached_property
    def owned_cpus(self) -> NDArray[np.int64]:
        """CPUs that are not free."""
        return self.cpus - self.cpus_free

    @cached_property
    def owned_memory_mib(self) -> NDArray[np.int64]:
        """MiB that are not free."""
        return self.memory_mib - self.memory_free_mib


class Fleet:
    """Hosts, each known by its index: 0 for the first, and so on."""

    def __init__(self, summaries: Iterable[HostSummary]) -> None:
        self._summaries = list(summaries)
        self._taken: list[dict[str, VM]] = [{} for _ in self._summaries]
        # What hosts offer, each different offer once; a host that is closed offers no level.
        self._offers: list[frozenset[float] | None] = [_ANY_LEVEL]
        # By row: CPUs, MiB, free CPUs, free MiB, index into `_offers`.
        self._hosts = np.zeros((5, len(self)), dtype=np.int64)
        # By level, then by row: owned CPUs, allocation, largest VM.
        self._vnodes: dict[float, NDArray[np.int64]] = {}
        self._no_vnodes = np.zeros((3, len(self)), dtype=np.int64)
        self._let_read()
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
        self._reshape(lambda numbers: np.pad(numbers, ((0, 0), (0, 1))))
        self._write(len(self) - 1)
        return len(self) - 1

    def remove(self, index: int) -> None:
        """Forget a host; the indexes of those behind it go down by one."""
        del self._summaries[index], self._taken[index]
        self._reshape(lambda numbers: np.delete(numbers, index, axis=1))

    def update(self, index: int, summary: HostSummary) -> None:
        """Replace what is known of one host; what was taken stays taken on top of it."""
        self._summaries[index] = summary
        self._write(index)

    def consider(self, vm: VM) -> Candidates:
        """Return for every host whether it takes the VM, and what that would add."""
        owned, allocation, largest = self._vnodes.get(vm.level, self._no_vnodes)
        growth = sizes_in_cpus(allocation, largest, milli_level(vm.level), vm.vcpus)
        growth -= owned
        cpus, memory, cpus_free, memory_free, offer = self._readable
        fits = has_room(vm, growth, cpus_free, memory_free)
        if len(self._offers) > 1:
            fits &= np.array([_includes(offered, vm.level) for offered in self._offers])[offer]
        return Candidates(vm, fits, growth, cpus, memory, cpus_free, memory_free)

    def refusal(self, index: int, vm: VM) -> Refusal | None:
        """Return why a host refuses a VM, in its own words; None where it takes it.

        Names do not count: a fleet does not know which VMs its hosts have.
        """
        summary = self._summaries[index]
        if not _includes(summary.offered, vm.level):
            return Refusal("level_not_offered")
        if summary.closed:
            return summary.closed
        owned, allocation, largest = self._vnodes.get(vm.level, self._no_vnodes)[:, index].tolist()
        largest = max(largest, vm.vcpus)
        size = size_in_cpus(allocation + vm.vcpus, largest, milli_level(vm.level))
        cpus, memory, cpus_free, memory_free, _ = self._hosts[:, index].tolist()
        return size_refusal(vm, size - owned, cpus_free, memory_free, cpus, memory)

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
        allocation, largest = self._vnodes[vm.level][1:, index].tolist()
        if vm.vcpus == largest:
            others = (other.vcpus for other in taken.values() if other.level == vm.level)
            vnode = self._summaries[index].levels.get(vm.level, _NO_VNODE)
            largest = max(vnode.largest, *others, 0)
        return -self._resize(index, vm.level, allocation - vm.vcpus, largest, -vm.memory_mib)

    def _put(self, index: int, vm: VM) -> int:
        _, allocation, largest = self._numbers(vm.level)[:, index].tolist()
        largest = max(largest, vm.vcpus)
        return self._resize(index, vm.level, allocation + vm.vcpus, largest, vm.memory_mib)

    def _resize(
        self, index: int, level: float, allocation: int, largest: int, memory_mib: int
    ) -> int:
        """Give a vNode other VMs, which have so much more memory; return the CPUs it gains."""
        numbers = self._vnodes[level]
        size = size_in_cpus(allocation, largest, milli_level(level))
        growth = size - int(numbers[0, index])
        numbers[0, index] = size
        numbers[1, index] = allocation
        numbers[2, index] = largest
        self._hosts[2, index] -= growth
        self._hosts[3, index] -= memory_mib
        return growth

    def _write(self, index: int) -> None:
        """Write a host's numbers: those of its summary, then the VMs taken since."""
        summary = self._summaries[index]
        offer = _NO_LEVEL if summary.closed else summary.offered
        if offer not in self._offers:
            self._offers.append(offer)
        self._hosts[:, index] = (
            summary.cpus,
            summary.memory_mib,
            summary.cpus_free,
            summary.memory_free_mib,
            self._offers.index(offer),
        )
        for numbers in self._vnodes.values():
            numbers[:, index] = 0
        for level, vnode in summary.levels.items():
            self._numbers(level)[:, index] = vnode.owned, vnode.allocation, vnode.largest
        for vm in self._taken[index].values():
            self._put(index, vm)

    def _numbers(self, level: float) -> NDArray[np.int64]:
        """Return the numbers of a level's vNodes, to be written to."""
        if level not in self._vnodes:
            self._vnodes[level] = np.zeros_like(self._no_vnodes)
        return self._vnodes[level]

    def _reshape(self, change: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> None:
        self._hosts = change(self._hosts)
        self._no_vnodes = change(self._no_vnodes)
        self._vnodes = {level: change(numbers) for level, numbers in self._vnodes.items()}
        self._let_read()

    def _let_read(self) -> None:
        """Keep the rows of `_hosts` in a form that can be handed out."""
        view = self._hosts.view()
        view.flags.writeable = False
        self._readable = tuple(view)


def _includes(offered: frozenset[float] | None, level: float) -> bool:
    return offered is _ANY_LEVEL or level in offered
