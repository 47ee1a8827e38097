"""The agent of a live host: decides, carries out on the hypervisor, and records.

One operation at a time changes anything; readers get a `View` without waiting. An operation plans,
carries the plan out on the hypervisor, commits it to the model, writes the state file and appends
to the log. If it is interrupted anywhere, `reconcile` takes what the hypervisor has as the truth.
"""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from schedulerlocal.agent.counters import OperationCounters
from schedulerlocal.agent.errors import RefusedError
from schedulerlocal.agent.idempotency import IdempotencyKeys
from schedulerlocal.agent.live_host import LiveHost
from schedulerlocal.agent.operation_lock import OperationLock
from schedulerlocal.agent.pins import Pins, mispinned
from schedulerlocal.agent.reconciler import Reconciler
from schedulerlocal.agent.records import Records
from schedulerlocal.agent.state_file import Removal
from schedulerlocal.agent.view import NOT_READY, OVERCOMMITTED, View
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import (
    Hypervisor,
    HypervisorError,
    ObservedVM,
    UnavailableError,
    UncertainError,
    VMSpec,
)
from slackvm.model.codes import Code
from slackvm.model.host import Host
from slackvm.model.plan import Plan
from slackvm.model.refusal import Refusal
from slackvm.model.vm import VM


class HostAgent:
    """The agent of a live host.

    Args:
        host: the host's model, empty.
        hypervisor: has its VMs.
        records: state file and operations log.
        clock: the time.
        timeout_s: how long an operation waits for those before it.
        is_held: returns whether no VM may be started now but by a request.
    """

    def __init__(
        self,
        host: Host,
        hypervisor: Hypervisor,
        records: Records,
        clock: Clock,
        timeout_s: float = 10.0,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        self.operation_counters = OperationCounters()
        self._hypervisor = hypervisor
        self._operation_lock = OperationLock(timeout_s)
        self._keys = IdempotencyKeys()
        self._changed = threading.Event()
        self._live = LiveHost(host, records, clock)
        self.pins = Pins(hypervisor, self._operation_lock, self._changed)
        self._reconciler = Reconciler(
            self._live, hypervisor, self._keys, self._operation_lock, self.pins, is_held
        )

    @property
    def view(self) -> View:
        """The host as it is now."""
        return self._live.view

    @property
    def removals(self) -> Sequence[Removal]:
        """The last VMs that were removed, the latest last; complete as to what `view` lacks."""
        return self._live.removals

    @property
    def changed(self) -> threading.Event:
        """Set when the hypervisor reports a change; `reconcile` clears it."""
        return self._changed

    @property
    def is_behind(self) -> bool:
        """Whether something that was done could not be recorded yet."""
        return self._live.is_behind

    @property
    def hangs(self) -> bool:
        """Whether an operation hangs outside the hypervisor; only a restart helps then."""
        return self._operation_lock.hangs

    def plan(self, vm: VM) -> Plan:
        """Return what a deploy would do, without waiting; nothing changes."""
        return self._live.model.plan_deploy(vm)

    def progress(self, vm: VM) -> float | None:
        """Return the host's progress for a VM; None if the host refuses it."""
        return self._live.model.progress(vm)

    def deploy(self, requested: VMSpec, idempotency_key: str | None = None) -> tuple[View, bool]:
        """Create a VM and start it; the same request again returns the VM that exists.

        Args:
            requested: the VM; it gets its UUID and its time of creation here.
            idempotency_key: by which the request can be cancelled.

        Returns:
            The host with the VM, and whether the VM is new.

        Raises:
            RefusedError: the host refuses it, or has another VM of its name.
            HypervisorError: it could not be created; nothing of it is left.
            BusyError: try again later.
        """
        with self._operation("deploy"):
            live, vm = self._live, requested.vm
            same = live.vms.get(vm.name)
            if same is not None and same.matches(requested):
                if same.is_unfinished:
                    self._reconciler.finish(same)
                    live.publish()
                return live.view, False
            if same is not None or vm.name in {each.name for each in live.unmanaged}:
                raise RefusedError(Refusal(Code.NAME_TAKEN))
            if others := live.names_of_group(requested.group):
                reason = f"{others[0]} of the same group is on this host"
                raise RefusedError(Refusal(Code.AFFINITY, reason=reason))
            self._keys.check(idempotency_key)
            plan = live.host.plan_deploy(vm)
            if plan.refusal:
                live.log_refusal(plan, requested.labels, requested.owner)
                raise RefusedError(plan.refusal)
            with self._operation_lock.external_wait():
                path = self._hypervisor.check_image(str(requested.image), requested.clone)
            spec = replace(
                requested, uuid=str(uuid.uuid4()), image=path, created=live.creation_time()
            )
            try:
                with self.pins.others_pinned(live, plan), self._operation_lock.external_wait():
                    self._hypervisor.create(spec, plan.pins[vm.name])
            except UncertainError:
                self._keys.note_unanswered(idempotency_key, spec.uuid)
                raise
            live.vms[vm.name] = spec.observed(plan.pins[vm.name])
            live.commit(plan)
            live.publish()
            return live.view, True

    def cancel(self, name: str, idempotency_key: str) -> ObservedVM | None:
        """Find out what became of requests to create a VM whose replies were lost.

        Returns:
            The VM; None: it does not exist, and no request with this key creates it any more, even
            one that is still on its way or that the hypervisor has not answered.

        Raises:
            HypervisorError: the hypervisor does not answer.
            BusyError: try again later.
        """
        with self._operation("cancel"):
            vm = self._live.vms.get(name)
            if vm is None:
                self._keys.cancel(idempotency_key)
            return vm

    def remove(self, name: str, created: float | None = None) -> None:
        """Remove a managed VM; its image stays.

        Args:
            name: its name.
            created: only a VM that was created then, so that a late request does not remove
                another VM of that name.

        Raises:
            RefusedError: there is no such managed VM.
            HypervisorError: it could not be removed.
            BusyError: try again later.
        """
        with self._operation("remove"):
            live = self._live
            spec = live.vms[name].spec if name in live.vms else None
            if created is not None and (spec is None or spec.created != created):
                raise RefusedError(Refusal(Code.VM_NOT_FOUND))
            plan = live.host.plan_remove(name)
            if live.is_unaccommodated(name):
                with self._operation_lock.external_wait():
                    self._hypervisor.remove(name)
                self._reconciler.reconcile()
                return
            if plan.refusal:
                live.log_refusal(plan, {}, "")
                raise RefusedError(plan.refusal)
            with self._operation_lock.external_wait():
                self._hypervisor.remove(name)
            live.note_removal(live.vms[name])
            live.commit(plan)
            del live.vms[name]
            live.publish()
            self.pins.set_or_leave(live.vms, mispinned(live.vms, plan.pins))
            if live.view.state == OVERCOMMITTED:
                self._reconciler.reconcile()

    def change_state(self, name: str, verb: str) -> View:
        """Start, stop or restart a managed VM, as `verb` says.

        Returns:
            The host with the VM.

        Raises:
            RefusedError: there is no such managed VM, or it is gone meanwhile.
            HypervisorError: it could not be done.
            BusyError: try again later.
        """
        # A guest may take long to shut down. The model does not change, so no operation waits.
        actions: Mapping[str, Callable[[str], None]] = {
            "start": self._hypervisor.start,
            "stop": self._hypervisor.stop,
            "restart": self._hypervisor.restart,
        }
        with self.operation_counters.counted(verb):
            if name not in self.view.vms:
                raise RefusedError(Refusal(Code.VM_NOT_FOUND))
            actions[verb](name)
            self.reconcile()
            view = self.view
            if name not in view.vms:
                raise RefusedError(Refusal(Code.VM_NOT_FOUND))
            return view

    def set_controller(self, controller: tuple[str, int] | None) -> None:
        """Show readers which controller the host obeys.

        Raises:
            BusyError: an operation takes too long.
        """
        with self._operation_lock.held():
            self._live.set_controller(controller)

    def reconcile(self) -> None:
        """Make model, pins and view agree with the VMs that the hypervisor has.

        Raises:
            BusyError: an operation takes too long.
        """
        self._changed.clear()
        with self._operation_lock.held():
            try:
                self._reconciler.reconcile()
            except HypervisorError as error:
                self._mark_not_ready(error)

    @contextmanager
    def _operation(self, op: str) -> Iterator[None]:
        """Run one operation; the host is not ready if the hypervisor is lost meanwhile."""
        with self.operation_counters.counted(op), self._operation_lock.held():
            if self.view.state == NOT_READY:
                raise UnavailableError(f"the host is not ready: {self.view.reason}")
            try:
                yield
            except UnavailableError as error:
                self._mark_not_ready(error)
                raise

    def _mark_not_ready(self, error: HypervisorError) -> None:
        self._live.mark_not_ready(error)
        self._changed.set()
