"""The numbers of hosts as arrays: of one cluster, or of many clusters at once.

Only this module computes how a VM changes the numbers of its host. `Fleet` uses it for one cluster,
sizing for many clusters together. Every array has the shape (..., hosts); with many clusters, the
axis before it stands for the clusters.
"""

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slackvm.model.vm import MILLI, VM, size_in_cpus

Index = int | NDArray[np.int64]
Amount = int | NDArray[np.int64]


class VMs(NamedTuple):
    """Many requests: each field of `VM` as an array of equal shape."""

    name: NDArray[np.object_]
    vcpus: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    level: NDArray[np.float64]
    milli: NDArray[np.int64]

    @classmethod
    def of(cls, vms: Sequence[VM]) -> "VMs":
        """Return requests as arrays of shape (requests,)."""
        return cls(
            np.array([vm.name for vm in vms], dtype=np.object_),
            np.array([vm.vcpus for vm in vms], dtype=np.int64),
            np.array([vm.memory_mib for vm in vms], dtype=np.int64),
            np.array([vm.level for vm in vms], dtype=np.float64),
            np.array([vm.milli for vm in vms], dtype=np.int64),
        )

    def columns(self, index: NDArray[np.int64]) -> "VMs":
        """Return some of the requests; their numbers are columns of shape (requests, 1)."""
        return VMs(
            self.name[index],
            self.vcpus[index, np.newaxis],
            self.memory_mib[index, np.newaxis],
            self.level[index, np.newaxis],
            self.milli[index, np.newaxis],
        )


class HostArrays:
    """CPUs, memory and vNodes of hosts.

    Attributes:
        cpus: all CPUs.
        memory_mib: all MiB.
        cpus_free: CPUs that no vNode owns and that are not reserved for unmanaged VMs.
        memory_free_mib: MiB that no VM has.
        owned: CPUs of the vNodes, shape (levels, ..., hosts); 0 where a host has none.
        allocation: vCPUs of their VMs, likewise.
        largest: vCPUs of their largest VM, likewise.
    """

    def __init__(self, shape: tuple[int, ...], levels: int = 0) -> None:
        self.cpus, self.memory_mib, self.cpus_free, self.memory_free_mib = (
            np.zeros(shape, dtype=np.int64) for _ in range(4)
        )
        self.owned, self.allocation, self.largest = (
            np.zeros((levels, *shape), dtype=np.int64) for _ in range(3)
        )

    def consider(
        self, level: Index, vm: VM | VMs, clusters: Index | EllipsisType = ...
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the CPUs that a VM would add to its vNode on each host, and which have the room.

        Args:
            level: index of the VM's level; an array for many VMs.
            vm: one VM, or many as columns.
            clusters: index of the cluster; an array for many; `...` if there is only one.
        """
        here = (level, clusters)
        growth = _sizes_in_cpus(self.allocation[here], self.largest[here], vm)
        growth -= self.owned[here]
        # What is too large for a host is more than it has free (`refusal.size_refusal`).
        fits = growth <= self.cpus_free[clusters]
        fits &= self.memory_free_mib[clusters] >= vm.memory_mib
        return growth, fits

    def resize(
        self,
        level: Index,
        host: tuple[Index, ...],
        milli: Amount,
        allocation: Amount,
        largest: Amount,
        memory_mib: Amount,
    ) -> Any:
        """Change a vNode and the free memory of its host; return the CPUs that the vNode gains.

        For many hosts all arguments are arrays, in which no host may occur twice.

        Args:
            level: index of the vNode's level.
            host: index of the host.
            milli: the level in thousandths.
            allocation: vCPUs of its VMs after the change.
            largest: vCPUs of its largest VM after the change.
            memory_mib: MiB that its VMs gain.
        """
        vnode = (level, *host)
        size: Amount
        if isinstance(allocation, int) and isinstance(largest, int) and isinstance(milli, int):
            size = size_in_cpus(allocation, largest, milli)
        else:
            size = np.maximum(-(-MILLI * allocation // milli), largest)
        growth = size - self.owned[vnode]
        self.owned[vnode] = size
        self.allocation[vnode] = allocation
        self.largest[vnode] = largest
        self.cpus_free[host] -= growth
        self.memory_free_mib[host] -= memory_mib
        return growth

    def with_hosts(self, more: int) -> "HostArrays":
        """Return the same numbers with more hosts at the end, which are all 0."""
        return self._changed(
            lambda numbers: np.concatenate(
                [numbers, np.zeros((*numbers.shape[:-1], more), dtype=np.int64)], axis=-1
            )
        )

    def without_host(self, index: int) -> "HostArrays":
        """Return the same numbers without one host."""
        return self._changed(lambda numbers: np.delete(numbers, index, axis=-1))

    def with_levels(self, more: int) -> "HostArrays":
        """Return the same numbers with more levels, whose vNodes are empty."""
        changed = self._changed(lambda numbers: numbers)
        for name in _OF_VNODES:
            numbers = getattr(self, name)
            empty = np.zeros((more, *numbers.shape[1:]), dtype=np.int64)
            setattr(changed, name, np.concatenate([numbers, empty]))
        return changed

    def _changed(self, change: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> "HostArrays":
        changed = HostArrays((0,))
        for name in (*_OF_HOSTS, *_OF_VNODES):
            setattr(changed, name, change(getattr(self, name)))
        return changed


_OF_HOSTS = ("cpus", "memory_mib", "cpus_free", "memory_free_mib")
_OF_VNODES = ("owned", "allocation", "largest")


def _sizes_in_cpus(
    allocation: NDArray[np.int64], largest: NDArray[np.int64], vm: VM | VMs
) -> NDArray[np.int64]:
    """Return `size_in_cpus` of many vNodes, each with one VM more.

    With many VMs, each VM has its own row of vNodes. The result is computed in place: for thousands
    of hosts it takes longer to allocate an array than to compute it.
    """
    sizes = allocation + vm.vcpus
    if isinstance(vm, VM) and vm.milli == MILLI:
        return sizes  # a CPU for each vCPU: as many as there are, so also as the largest VM has
    sizes *= MILLI
    sizes += vm.milli - 1
    sizes //= vm.milli
    np.maximum(sizes, largest, out=sizes)
    np.maximum(sizes, vm.vcpus, out=sizes)
    return sizes
