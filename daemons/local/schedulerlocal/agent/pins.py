"""Pinning VMs: only those with wrong pins, and counted."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import structlog

from schedulerlocal.agent.live_host import LiveHost
from schedulerlocal.agent.operation_lock import OperationLock
from schedulerlocal.hypervisor import Hypervisor, HypervisorError, ObservedVM, UnavailableError
from slackvm.model.plan import Plan

log = structlog.get_logger()

PinsByName = Mapping[str, tuple[int, ...]]
"""The CPUs that VMs may use, ascending, by name."""


class Pins:
    """Pins managed VMs.

    Args:
        hypervisor: runs them.
        operation_lock: is held whenever a method is called.
        wrong: is set if pins stay wrong and a reconciliation must restore them.

    Attributes:
        restored: number of VMs that were pinned again because their pins were wrong.
        failed: number of attempts to pin that failed.
    """

    def __init__(
        self, hypervisor: Hypervisor, operation_lock: OperationLock, wrong: threading.Event
    ) -> None:
        self.restored = 0
        self.failed = 0
        self._hypervisor = hypervisor
        self._operation_lock = operation_lock
        self._wrong = wrong

    def restore(self, vms: dict[str, ObservedVM], wanted: PinsByName) -> None:
        """Pin the VMs whose pins are wrong; what fails is left to the next reconciliation."""
        pins = mispinned(vms, wanted)
        if pins:
            log.warning("pins_wrong", vms=sorted(pins))
            if self.try_to_set(vms, pins):
                self.restored += len(pins)

    @contextmanager
    def others_pinned(self, live: LiveHost, plan: Plan) -> Iterator[None]:
        """Pin the other VMs as a plan wants; restore their pins if the `with` body fails."""
        others = {name: cpu_ids for name, cpu_ids in plan.pins.items() if name != plan.name}
        pins = mispinned(live.vms, others)
        before = {name: live.view.pins_of(name) for name in pins}
        try:
            self.set(live.vms, pins)
            yield
        except UnavailableError:
            raise
        except HypervisorError:
            self.set_or_leave(live.vms, before)
            raise

    def set_or_leave(self, vms: dict[str, ObservedVM], pins: PinsByName) -> None:
        """Pin VMs and update `vms`; what fails is left to the next reconciliation, soon."""
        if not self.try_to_set(vms, pins):
            self._wrong.set()

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
