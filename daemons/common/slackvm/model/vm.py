"""A virtual machine as requested, and its oversubscription level."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Count = TypeVar("Count", int, "NDArray[np.int64]")

LARGEST = 10**9
"""The largest amount of CPUs or MiB, and the largest level: 64 bits hold every result."""

_AMOUNT = f"a whole number from 1 to {LARGEST}"

MILLI = 1000
"""Levels are decimals with at most three places, so a thousandth counts them exactly."""


def milli_level(level: float) -> int:
    """Return `level` in thousandths: 1.5 gives 1500.

    Raises:
        ValueError: `level` is not from 1 to `LARGEST`, or has more than three decimals.
    """
    if not 1 <= level <= LARGEST:  # not a number compares as false
        raise ValueError(f"level {level} is not allowed: a number from 1 to {LARGEST}")
    milli = round(level * MILLI)
    if milli / MILLI != level:
        raise ValueError(f"level {level} is not allowed: a level has at most three decimals")
    return milli


def cpus_for(allocation: Count, milli: int) -> Count:
    """Return `ceil(allocation / level)` for a level in thousandths; arrays element by element.

    Whole numbers only: in floats, ceil(21 / 1.4) is 16.
    """
    return -(-MILLI * allocation // milli)


def size_in_cpus(allocation: int, largest: int, milli: int) -> int:
    """Return how many CPUs a vNode owns: `max(ceil(allocation / level), largest)`.

    Args:
        allocation: vCPUs of all its VMs.
        largest: vCPUs of its largest VM, which must not be oversubscribed with itself.
        milli: the level in thousandths.
    """
    return max(cpus_for(allocation, milli), largest)


@dataclass(frozen=True, slots=True)
class VM:
    """A request for a VM.

    Attributes:
        name: its name.
        vcpus: vCPUs.
        memory_mib: MiB.
        level: vCPUs that may share one CPU.
        milli: the level in thousandths.

    Raises:
        ValueError: a field is out of range, named in the message.
    """

    name: str
    vcpus: int
    memory_mib: int
    level: float
    milli: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable():
            raise ValueError(f"name {self.name!r} is not allowed: not empty, printable")
        if not _is_amount(self.vcpus):
            raise ValueError(f"vcpus {self.vcpus!r} is not allowed: {_AMOUNT}")
        if not _is_amount(self.memory_mib):
            raise ValueError(f"memory {self.memory_mib!r} MiB is not allowed: {_AMOUNT}")
        object.__setattr__(self, "milli", milli_level(self.level))
        object.__setattr__(self, "level", float(self.level))


def _is_amount(value: object) -> bool:
    return type(value) is int and 1 <= value <= LARGEST
