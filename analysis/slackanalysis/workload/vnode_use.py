"""What the vNodes of a generated trace own and use, summed up from their VMs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackanalysis.workload.arrivals import Population
from slackanalysis.workload.host import Workload
from slackanalysis.workload.usage import DECIMALS, UsageBlock
from slackvm.model.vm import cpus_for, milli_level


@dataclass(frozen=True)
class VNodeUse:
    """The vNodes of one host over the timestamps of a block.

    Attributes:
        bounds: where each vNode's cells begin in the block, by timestamp, then level, and the
            number of cells, shape (steps * levels + 1,).
        owned_cpus: CPUs that a vNode owns, shape (steps, levels).
        used_cpus: CPUs that it uses, shape (steps, levels).
        owned_mib: memory of all VMs, shape (steps,).
        used_mib: memory that they use, shape (steps,).
    """

    bounds: NDArray[np.int64]
    owned_cpus: NDArray[np.int64]
    used_cpus: NDArray[np.float64]
    owned_mib: NDArray[np.int64]
    used_mib: NDArray[np.float64]


def sum_up(workload: Workload, population: Population, block: UsageBlock) -> VNodeUse:
    """Return what the vNodes own and use at each timestamp of a block.

    A vNode owns the CPUs of the model's rule and uses what its VMs use, at most what it owns. VMs
    that are more than fit the host get what is left of it, the levels in ascending order.
    """
    steps, levels = block.stop - block.start, len(workload.levels)
    vnode = block.step * levels + population.level[block.vm]
    vcpus, memory = population.vcpus[block.vm], population.memory_mib[block.vm]

    def per_vnode(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        summed = np.bincount(vnode, weights, steps * levels).astype(np.float64)
        return summed.reshape(steps, levels)

    allocation = per_vnode(vcpus.astype(np.float64)).astype(np.int64)
    largest = np.zeros(steps * levels, dtype=np.int64)
    np.maximum.at(largest, vnode, vcpus)
    sizes = np.maximum(
        np.stack(
            [
                cpus_for(column, milli_level(level))
                for level, column in zip(workload.levels, allocation.T, strict=True)
            ],
            axis=1,
        ),
        largest.reshape(steps, levels),
    )
    taken = np.minimum(np.cumsum(sizes, axis=1), workload.cpus)
    owned = np.diff(taken, axis=1, prepend=0)
    counts = np.bincount(vnode, minlength=steps * levels)
    return VNodeUse(
        bounds=np.concatenate([[0], np.cumsum(counts)]),
        owned_cpus=owned,
        used_cpus=np.round(np.minimum(per_vnode(block.cpu * vcpus), owned), DECIMALS),
        owned_mib=np.minimum(
            per_vnode(memory.astype(np.float64)).sum(axis=1), workload.memory_mib
        ).astype(np.int64),
        used_mib=np.minimum(per_vnode(block.memory * memory).sum(axis=1), workload.memory_mib),
    )
