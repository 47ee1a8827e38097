"""Sizes of VMs as traces give them, and as whole vCPUs and MiB."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackanalysis.traces.account import Account
from slackanalysis.workload.catalogue import GIB
from slackvm.model.vm import LARGEST

NEARLY_WHOLE = 0.01
"""vCPUs: so near to a whole number, fractions with four decimals are taken as that number."""


@dataclass(frozen=True)
class Units:
    """What numbers of a trace stand for.

    Attributes:
        cpus: CPUs of the machine of which sizes are fractions.
        memory_gib: GiB of that machine.
        above_cpus: vCPUs that a bucket without upper bound (`>24`) stands for.
        above_memory_gib: GiB that such a bucket (`>64`) stands for.

    Raises:
        ValueError: a value is out of range.
    """

    cpus: float = 32
    memory_gib: float = 128
    above_cpus: int = 30
    above_memory_gib: float = 70

    def __post_init__(self) -> None:
        for name, value, largest in (
            ("unit of CPUs", self.cpus, LARGEST),
            ("unit of memory", self.memory_gib, LARGEST / GIB),
            ("vCPUs above the largest bucket", self.above_cpus, LARGEST),
            ("memory above the largest bucket", self.above_memory_gib, LARGEST / GIB),
        ):
            if not 0 < value <= largest:
                raise ValueError(f"{name} {value:g} is not allowed: more than 0, to {largest:g}")


def whole_vcpus(vcpus: NDArray[np.float64], account: Account) -> NDArray[np.int64]:
    """Return whole vCPUs, 1 or more; fractions are rounded up, so that no VM gets less.

    What was rounded up by more than `NEARLY_WHOLE` is counted, with the vCPUs that it added.
    """
    nearest = np.round(vcpus)
    is_whole = np.abs(vcpus - nearest) <= NEARLY_WHOLE
    whole = np.maximum(np.where(is_whole, nearest, np.ceil(vcpus)), 1).astype(np.int64)
    rounded = whole - vcpus > NEARLY_WHOLE
    account.add("rounded", "vCPUs rounded up to whole ones", int(rounded.sum()))
    added = float((whole - vcpus)[rounded].sum())
    account.add("rounded", "vCPUs added by that; a larger unit adds fewer", round(added), "vCPUs")
    return whole


def whole_mib(mib: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole MiB, 1 or more, rounded down: so parts of a machine still fit into it."""
    return np.maximum(np.floor(mib + 1e-6), 1).astype(np.int64)
