"""Why a VM is refused, by one host or by thousands at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from slackvm.model.vm import VM

CODES = frozenset({"no_cpu", "no_memory", "too_large", "name_taken", "unknown", "overcommitted"})
"""Codes with which a host refuses by its CPUs, its memory and the VMs on it alone."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was refused.

    Attributes:
        code: one of `CODES`, `level_not_offered`, `withdrawn`; or of a controller, which refuses
            in the name of a host: `cordoned`, `not_ready`, `unknown` (the host does not answer).
        needed: what it takes, in `unit`; None where the code is not about an amount.
        free: what there is: free now, or (`too_large`) at all.
        unit: `CPUs` or `MiB`.
        reason: what more is to be said.
    """

    code: str
    needed: int | None = None
    free: int | None = None
    unit: str | None = None
    reason: str = ""

    @property
    def message(self) -> str:
        """The reason in words."""
        amounts = f"{self.needed} {self.unit} needed, {self.free}"
        if self.code == "unknown" and self.reason:
            return f"this host does not answer: {self.reason}"
        return {
            "no_cpu": f"{amounts} free",
            "no_memory": f"{amounts} free",
            "too_large": f"{amounts} in all: this host can never take it",
            "name_taken": "a VM of this name exists",
            "unknown": "no VM of this name exists",
            "overcommitted": "VMs that are not this host's own leave too little room",
            "level_not_offered": "this host does not offer the level",
            "withdrawn": "the request was withdrawn before it came",
            "labels_not_matched": f"this host lacks the labels {self.reason}",
            "cordoned": "this host is cordoned: it shall get no VMs",
            "not_ready": f"this host is not ready: {self.reason}",
        }.get(self.code, self.reason)


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


def most_transient(refusals: Iterable[Refusal]) -> Refusal:
    """Return of the reasons of many hosts the one that is most likely to pass.

    Room is lacking now before a host cannot be used now, and that before never; of room, whatever
    lacks least.
    """

    def permanence(refusal: Refusal) -> tuple[int, int]:
        lacking = (refusal.needed or 0) - (refusal.free or 0)
        never = {"name_taken": 2, "level_not_offered": 3, "labels_not_matched": 3, "too_large": 4}
        return never.get(refusal.code, 0 if refusal.needed is not None else 1), lacking

    return min(refusals, key=permanence, default=Refusal("not_ready", reason="there is no host"))
