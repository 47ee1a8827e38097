"""Why a VM is refused, by one host or by many."""

from collections.abc import Iterable
from dataclasses import dataclass

from slackvm.model.codes import Code, Permanence
from slackvm.model.vm import VM

CODES = frozenset(
    {
        *(Code.NO_CPU, Code.NO_MEMORY, Code.TOO_LARGE, Code.NAME_TAKEN, Code.VM_NOT_FOUND),
        Code.OVERCOMMITTED,
    }
)
"""Codes with which a host refuses because of its CPUs, its memory and its VMs alone."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was refused.

    Attributes:
        code: a `Code`, or the word of a peer of another release.
        needed: what it takes, in `unit`; None where the code is not about an amount.
        free: what is free, or (`too_large`) what there is in total.
        unit: `CPUs` or `MiB`.
        reason: details beside the code's own text.
    """

    code: str
    needed: int | None = None
    free: int | None = None
    unit: str | None = None
    reason: str = ""

    @property
    def message(self) -> str:
        """The reason in words."""
        known = Code.parse(self.code)
        if known is None:
            return self.reason or self.code
        if self.unit and None not in (self.needed, self.free):
            amounts = f"{self.needed} {self.unit} needed, {self.free}"
            if known is Code.TOO_LARGE:
                return f"{amounts} in total: {known.text}"
            return f"{amounts} free"
        if known in _EXPLAINED and self.reason:
            return f"{known.text}: {self.reason}"
        return self.reason or known.text


_EXPLAINED = frozenset(
    {
        Code.NOT_READY,
        Code.HOST_UNREACHABLE,
        Code.HOST_OUTDATED,
        Code.LABELS_NOT_MATCHED,
        Code.EXCLUDED_BY_POLICY,
    }
)
"""Codes whose text needs the reason beside it."""


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
        (Code.TOO_LARGE, vm.vcpus, cpus, "CPUs"),
        (Code.NO_CPU, growth, cpus_free, "CPUs"),
        (Code.TOO_LARGE, vm.memory_mib, memory_mib, "MiB"),
        (Code.NO_MEMORY, vm.memory_mib, memory_free_mib, "MiB"),
    ):
        if needed > free:
            return Refusal(code, needed, free, unit)
    return None


def most_transient(refusals: Iterable[Refusal]) -> Refusal:
    """Return the reason of many hosts that is most likely to pass; of room, what lacks least."""

    def permanence(refusal: Refusal) -> tuple[Permanence, int]:
        known = Code.parse(refusal.code)
        lacking = (refusal.needed or 0) - (refusal.free or 0)
        return known.permanence if known else Permanence.HOST_STATE, lacking

    return min(refusals, key=permanence, default=Refusal(Code.NOT_READY, reason="there is no host"))
