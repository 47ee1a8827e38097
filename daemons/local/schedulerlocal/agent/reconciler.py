"""Reconciliation: makes model, pins and view agree with the VMs that the hypervisor has."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from schedulerlocal.agent.drift import find_drift
from schedulerlocal.agent.idempotency import IdempotencyKeys
from schedulerlocal.agent.live_host import LiveHost
from schedulerlocal.agent.operation_lock import OperationLock
from schedulerlocal.agent.pins import Pins
from schedulerlocal.hypervisor import (
    RUNNING,
    Hypervisor,
    HypervisorError,
    ObservedVM,
    UnavailableError,
)

log = structlog.get_logger()


class Reconciler:
    """Reconciles a host with its hypervisor.

    Args:
        live: the host.
        hypervisor: has its VMs.
        keys: which requests were cancelled.
        operation_lock: is held whenever a method is called.
        pins: pins VMs.
        is_held: returns whether unfinished VMs must wait for a request.
    """

    def __init__(
        self,
        live: LiveHost,
        hypervisor: Hypervisor,
        keys: IdempotencyKeys,
        operation_lock: OperationLock,
        pins: Pins,
        is_held: Callable[[], bool],
    ) -> None:
        self._live = live
        self._hypervisor = hypervisor
        self._keys = keys
        self._operation_lock = operation_lock
        self._pins = pins
        self._is_held = is_held
        self._cannot_finish: set[str] = set()

    def reconcile(self) -> None:
        """Reconcile, and show readers the result.

        Raises:
            HypervisorError: the hypervisor does not answer, or failed.
        """
        live = self._live
        live.correct(find_drift(self._observe(), live.host))
        pins = live.host.pins()
        wanted = {name: pins[vm.level] for name, vm in live.host.vms.items()}
        self._pins.restore(live.vms, wanted)
        self._finish_all()
        live.publish()

    def finish(self, vm: ObservedVM) -> None:
        """Start a VM whose creation was interrupted.

        Raises:
            HypervisorError: it could not be started.
        """
        with self._operation_lock.external_wait():
            self._hypervisor.start(vm.name)
        self._live.vms[vm.name] = replace(vm, state=RUNNING, is_unfinished=False)
        log.info("unfinished_vm_started", vm=vm.name)

    def _observe(self) -> list[ObservedVM]:
        """Return the hypervisor's VMs, after removing those of cancelled requests."""
        with self._operation_lock.external_wait():
            observed = self._hypervisor.vms()
            cancelled = [vm for vm in observed if self._keys.is_cancelled(vm.uuid)]
            for vm in cancelled:
                self._hypervisor.remove(vm.name)
                log.info("vm_of_cancelled_request_removed", vm=vm.name)
        return [vm for vm in observed if vm not in cancelled]

    def _finish_all(self) -> None:
        """Start unfinished VMs; one that fails is tried again when a client asks for it."""
        for vm in [] if self._is_held() else list(self._live.vms.values()):
            has_room = vm.name in self._live.host.vms
            if vm.is_unfinished and has_room and vm.uuid not in self._cannot_finish:
                try:
                    self.finish(vm)
                except UnavailableError:
                    raise
                except HypervisorError as error:
                    # A failed start is an event, and each event brings us back here
                    self._cannot_finish.add(vm.uuid)
                    log.error("unfinished_vm_not_started", vm=vm.name, error=str(error))
