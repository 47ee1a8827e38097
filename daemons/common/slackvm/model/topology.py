"""The CPUs of a host and how far apart they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

CACHE_STEP = 10
"""Distance added for each cache index walked, PAPER: L1d, L1i, L2, L3."""


@dataclass(frozen=True, slots=True)
class CPU:
    """A hardware thread as Linux numbers it.

    Attributes:
        cpu_id: Linux's number.
        core: number of its physical core, unique on the host.
        socket: number of its package.
        numa_node: number of its NUMA node.
        caches: id of the cache at each index, in order (L1d, L1i, L2, L3); equal ids at an
            index mean one shared cache.
        max_freq_khz: highest clock; None: unknown, as in a VM.
    """

    cpu_id: int
    core: int
    socket: int
    numa_node: int
    caches: tuple[int, ...]
    max_freq_khz: int | None = None


@dataclass(frozen=True)
class Topology:
    """The CPUs that a host offers to VMs, in the host's order, and its memory.

    A *position* is an index into `cpus`; the arrays below are indexed by position.

    Attributes:
        cpus: the offered CPUs; CPUs kept for the system are not in it.
        numa_distances: per NUMA node its distances to all nodes, in the order of the keys.
        memory_mib: memory that VMs may take.
        memory_total_mib: all memory of the host.

    Raises:
        ValueError: no CPU, a CPU twice, caches that differ in number between CPUs, a NUMA node
            without distances, or memory out of range.
    """

    cpus: tuple[CPU, ...]
    numa_distances: Mapping[int, Sequence[int]]
    memory_mib: int
    memory_total_mib: int

    def __post_init__(self) -> None:
        if not self.cpus:
            raise ValueError("the topology has no CPU")
        if len({cpu.cpu_id for cpu in self.cpus}) < len(self.cpus):
            raise ValueError("the topology lists a cpu_id twice")
        first = self.cpus[0]
        for cpu in self.cpus:
            if len(cpu.caches) != len(first.caches):
                raise ValueError(
                    f"CPU {cpu.cpu_id} has {len(cpu.caches)} cache indexes and CPU {first.cpu_id} "
                    f"has {len(first.caches)}: a distance needs CPUs with the same number of "
                    "caches; exclude those of one kind"
                )
            if cpu.numa_node not in self.numa_distances:
                raise ValueError(
                    f"CPU {cpu.cpu_id} is on NUMA node {cpu.numa_node}, which has no distances"
                )
        for node, row in self.numa_distances.items():
            if len(row) != len(self.numa_distances):
                raise ValueError(
                    f"NUMA node {node} has {len(row)} distances, but there are "
                    f"{len(self.numa_distances)} nodes"
                )
        if not 0 < self.memory_mib <= self.memory_total_mib:
            raise ValueError(
                f"memory for VMs is {self.memory_mib} MiB of {self.memory_total_mib} MiB: "
                "it must be above 0 and at most all"
            )

    def __len__(self) -> int:
        """Return the number of offered CPUs."""
        return len(self.cpus)

    @cached_property
    def cpu_ids(self) -> NDArray[np.int64]:
        """Linux's number of each CPU, shape (n,)."""
        return np.array([cpu.cpu_id for cpu in self.cpus], dtype=np.int64)

    @cached_property
    def position(self) -> Mapping[int, int]:
        """The position of each CPU's number."""
        return {cpu.cpu_id: position for position, cpu in enumerate(self.cpus)}

    @cached_property
    def cores(self) -> NDArray[np.int64]:
        """Physical core of each CPU, numbered from 0 in order of appearance, shape (n,)."""
        return _renumbered([cpu.core for cpu in self.cpus])

    @cached_property
    def last_level_caches(self) -> NDArray[np.int64]:
        """Group of CPUs with one last-level cache (L3 where there is one), shape (n,)."""
        return _renumbered([(cpu.caches or (cpu.core,))[-1] for cpu in self.cpus])

    @cached_property
    def numa_nodes(self) -> NDArray[np.int64]:
        """NUMA node of each CPU, numbered from 0 in order of appearance, shape (n,)."""
        return _renumbered([cpu.numa_node for cpu in self.cpus])

    @cached_property
    def distances(self) -> NDArray[np.int64]:
        """Distance between any two CPUs, shape (n, n), 0 on the diagonal.

        Ten for each cache index up to the first shared cache; if no cache is shared, ten for each
        index plus the NUMA distance (SlackVM, IEEE Cluster 2024, local scheduler).
        """
        count = len(self.cpus)
        column = {node: place for place, node in enumerate(self.numa_distances)}
        numa = np.array(list(self.numa_distances.values()), dtype=np.int64)
        nodes = np.array([column[cpu.numa_node] for cpu in self.cpus])
        caches = np.array([cpu.caches for cpu in self.cpus], dtype=np.int64).reshape(count, -1)
        indexes = caches.shape[1]
        distances: NDArray[np.int64] = numa[nodes[:, None], nodes[None, :]] + CACHE_STEP * indexes
        for index in reversed(range(indexes)):
            shared = caches[:, None, index] == caches[None, :, index]
            distances[shared] = CACHE_STEP * (index + 1)
        np.fill_diagonal(distances, 0)
        return distances


def _renumbered(labels: Sequence[object]) -> NDArray[np.int64]:
    """Return `labels` as numbers from 0 in order of first appearance."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)
