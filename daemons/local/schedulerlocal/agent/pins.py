"""Pinning VMs: only what is not right, and counted."""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from schedulerlocal.agent.operation_lock import OperationLock
from schedulerlocal.hypervisor import Hypervisor, HypervisorError, ObservedVM

log = structlog.get_logger()

PinsByName = Mapping[str, tuple[int, ...]]
"""The CPUs that VMs may use, ascending, by name."""


class Pins:
    """Pins VMs of ours.

    Args:
        hypervisor: where they are.
        turns: those of the operations that it is done in.

    Attributes:
        restored: VMs that were pinned again, since they were not as they must be.
        failed: attempts that failed.
    """

    def __init__(self, hypervisor: Hypervisor, turns: OperationLock) -> None:
        self.restored = 0
        self.failed = 0
        self._hypervisor = hypervisor
        self._turns = turns

    def restore(self, guests: dict[str, ObservedVM], wanted: PinsByName) -> None:
        """Pin what somebody has pinned otherwise; what cannot be pinned is tried again later."""
        pins = mispinned(guests, wanted)
        if pins:
            log.warning("pins restored", vms=sorted(pins))
            if self.try_to_set(guests, pins):
                self.restored += len(pins)

    def try_to_set(self, guests: dict[str, ObservedVM], pins: PinsByName) -> bool:
        """Pin VMs, and note it in `guests`; return whether all could be."""
        try:
            self.set(guests, pins)
        except HypervisorError as error:
            self.failed += 1
            log.error("pinning failed", error=str(error))
            return False
        return True

    def set(self, guests: dict[str, ObservedVM], pins: PinsByName) -> None:
        """Pin VMs, and note it in `guests`.

        Raises:
            HypervisorError: one could not be pinned; nothing is noted.
        """
        if pins:
            with self._turns.elsewhere():
                self._hypervisor.pin(pins)
            for name, cpu_ids in pins.items():
                each = (cpu_ids,) * guests[name].vcpus
                guests[name] = replace(guests[name], vcpu_pins=each, emulator_pins=cpu_ids)


def mispinned(guests: Mapping[str, ObservedVM], wanted: PinsByName) -> dict[str, tuple[int, ...]]:
    """Return the VMs that are not pinned as is wanted, with the CPUs that are."""
    return {
        name: cpu_ids for name, cpu_ids in wanted.items() if not guests[name].is_pinned_to(cpu_ids)
    }
