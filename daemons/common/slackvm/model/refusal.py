"""Why a VM is refused: one list of checks for a single host and for thousands at once."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from slackvm.model.vm import VM

CODES = frozenset({"no_cpu", "no_memory", "too_large", "name_taken", "unknown", "overcommitted"})
"""Codes with which a host refuses by its CPUs, its memory and the VMs on it alone."""

Number = TypeVar("Number", int, NDArray[np.int64])


class Check(NamedTuple, Generic[Number]):
    """A VM is refused with `code` where `needed` exceeds `free`; both in `unit`."""

    code: str
    needed: Number | int
    free: Number
    unit: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was refused.

    Attributes:
        code: one of `CODES`, or `level_not_offered`.
        needed: what it takes, in `unit`; None where the code is not about an amount.
        free: what there is: free now, or (`too_large`) at all.
        unit: `CPUs` or `MiB`.
    """

    code: str
    needed: int | None = None
    free: int | None = None
    unit: str | None = None

    @property
    def message(self) -> str:
        """The reason in words."""
        amounts = f"{self.needed} {self.unit} needed, {self.free}"
        return {
            "no_cpu": f"{amounts} free",
            "no_memory": f"{amounts} free",
            "too_large": f"{amounts} in all: this host can never take it",
            "name_taken": "a VM of this name exists",
            "unknown": "no VM of this name exists",
            "overcommitted": "VMs that are not this host's own leave too little room",
            "level_not_offered": "this host does not offer the level",
            "withdrawn": "the request was withdrawn before it came",
        }[self.code]


def size_checks(
    vm: VM,
    growth: Number,
    cpus_free: Number,
    memory_free_mib: Number,
    cpus: Number,
    memory_mib: Number,
) -> tuple[Check[Number], ...]:
    """Return the checks of a VM against capacity in the order in which they refuse.

    Args:
        vm: the request.
        growth: CPUs that its vNode would gain.
        cpus_free: CPUs that no vNode owns.
        memory_free_mib: MiB that no VM has.
        cpus: all CPUs of the host.
        memory_mib: all MiB of the host.
    """
    return (
        Check("too_large", vm.vcpus, cpus, "CPUs"),
        Check("no_cpu", growth, cpus_free, "CPUs"),
        Check("too_large", vm.memory_mib, memory_mib, "MiB"),
        Check("no_memory", vm.memory_mib, memory_free_mib, "MiB"),
    )
