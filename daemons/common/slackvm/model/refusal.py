"""Why a VM is refused, by one host or by thousands at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackvm.model.vm import VM

CODES = frozenset({"no_cpu", "no_memory", "too_large", "name_taken", "unknown", "overcommitted"})
"""Codes with which a host refuses by its CPUs, its memory and the VMs on it alone."""


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
        }[self.code]


def size_refusal(
    vm: VM, growth: int, cpus_free: int, memory_free_mib: int, cpus: int, memory_mib: int
) -> Refusal | None:
    """Return why a host has no room for a VM, CPUs before memory; None where it has.

    Args:
        vm: the request.
        growth: CPUs that its vNode would gain.
        cpus_free: CPUs that no vNode owns.
        memory_free_mib: MiB that no VM has.
        cpus: all CPUs of the host.
        memory_mib: all MiB of the host.
    """
    for code, needed, free, unit in (
        ("too_large", vm.vcpus, cpus, "CPUs"),
        ("no_cpu", growth, cpus_free, "CPUs"),
        ("too_large", vm.memory_mib, memory_mib, "MiB"),
        ("no_memory", vm.memory_mib, memory_free_mib, "MiB"),
    ):
        if needed > free:
            return Refusal(code, needed, free, unit)
    return None


def has_room(
    vm: VM,
    growth: NDArray[np.int64],
    cpus_free: NDArray[np.int64],
    memory_free_mib: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return for each host whether `size_refusal` would be None.

    What is too large for a host is more than it has free, so two of the four checks do.
    """
    return (growth <= cpus_free) & (memory_free_mib >= vm.memory_mib)
