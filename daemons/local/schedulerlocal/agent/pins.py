"""Pinning VMs: only those with wrong pins, and counted."""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from schedulerlocal.agent.operation_lock import OperationLock
from schedulerlocal.hypervisor import Hypervisor, HypervisorError, ObservedVM

log = structlog.get_logger()

PinsByName = Mapping[str, tuple[int, ...]]
"""The CPUs that VMs may use, ascending, by name."""


class Pins:
    """Pins managed VMs.

    Args:
        hypervisor: runs them.
        operation_lock: is held whenever a method is called.

    Attributes:
        restored: number of VMs that were pinned again because their pins were wrong.
        failed: number of attempts to pin that failed.
    """

    def __init__(self, hypervisor: Hypervisor, operation_lock: OperationLock) -> None:
        self.restored = 0
        self.failed = 0
        self._hypervisor = hypervisor
        self._operation_lock = operation_lock

    def restore(self, vms: dict[str, ObservedVM], wanted: PinsByName) -> None:
        """Pin the VMs whose pins are wrong; what fails is left to the next reconciliation."""
        pins = mispinned(vms, wanted)
        if pins:
            log.warning("pins_wrong", vms=sorted(pins))
            if self.try_to_set(vms, pins):
                self.restored += len(pins)

    def try_to_set(self, vms: dict[str, ObservedVM], pins: PinsByName) -> bool:
        """Pin VMs and update `vms`; return whether all could be pinned."""
        try:
            self.set(vms, pins)
        except HypervisorError as error:
            self.failed += 1
            log.error("pinning_failed", error=str(error))
            return False
        return True

    def set(self, vms: dict[str, ObservedVM], pins: PinsByName) -> None:
        """Pin VMs and update `vms`.

        Raises:
            HypervisorError: one could not be pinned; `vms` is unchanged.
        """
        if pins:
            with self._operation_lock.external_wait():
                self._hypervisor.pin(pins)
            for name, cpu_ids in pins.items():
                each = (cpu_ids,) * vms[name].vcpus
                vms[name] = replace(vms[name], vcpu_pins=each, emulator_pins=cpu_ids)


def mispinned(vms: Mapping[str, ObservedVM], wanted: PinsByName) -> dict[str, tuple[int, ...]]:
    """Return the VMs whose pins are not as wanted, with the CPUs that are wanted."""
    return {
        name: cpu_ids for name, cpu_ids in wanted.items() if not vms[name].is_pinned_to(cpu_ids)
    }
