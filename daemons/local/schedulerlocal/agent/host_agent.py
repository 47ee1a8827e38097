"""The keeper of a live host: decides, does it on the hypervisor, and remembers.

One operation at a time changes anything; whoever reads gets a picture (`View`) without waiting. An
operation goes: plan, carry out on the hypervisor, commit, write the state file, append to the log.
Wherever a crash cuts it, `reconcile` finds out from the hypervisor what is, for that is the truth.
"""

import math
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import structlog

from schedulerlocal.agent.counters import OperationCounters, RefusedError
from schedulerlocal.agent.idempotency import Attempts
from schedulerlocal.agent.operation_lock import OperationLock
from schedulerlocal.agent.pins import Pins, mispinned
from schedulerlocal.agent.reconciliation import Drift, findings
from schedulerlocal.agent.records import Records
from schedulerlocal.agent.view import NOT_READY, OVERCOMMITTED, View, view_of
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import (
    RUNNING,
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

log = structlog.get_logger()


class HostAgent:
    """A live host.

    Args:
        host: the host's model, empty.
        hypervisor: where its VMs are.
        records: state file and operations log.
        clock: what time it is.
        timeout_s: how long an operation waits for those before it.
    """

    def __init__(
        self,
        host: Host,
        hypervisor: Hypervisor,
        records: Records,
        clock: Clock,
        timeout_s: float = 10.0,
    ) -> None:
        self.host = host
        self.outcomes = OperationCounters()
        self._hypervisor = hypervisor
        self._records = records
        self._clock = clock
        self._turns = OperationLock(timeout_s)
        self.pins = Pins(hypervisor, self._turns)
        self._changed = threading.Event()
        self._guests: dict[str, ObservedVM] = {}
        self._given_up: set[str] = set()
        self._findings = Drift()
        self._attempts = Attempts()
        self._view = View()
        records.restore(host, clock.now())
        self._model = host.copy()

    @property
    def view(self) -> View:
        """The host as it is now."""
        return self._view

    @property
    def changed(self) -> threading.Event:
        """Set when the hypervisor tells that something happened; `reconcile` clears it."""
        return self._changed

    @property
    def is_behind(self) -> bool:
        """Whether something that was done could not be written down yet."""
        return self._records.is_behind

    @property
    def hangs(self) -> bool:
        """Whether an operation hangs, not in the hypervisor: only another start helps then."""
        return self._turns.hangs

    def plan(self, vm: VM) -> Plan:
        """Return what a deploy would do; nothing changes and nothing is waited for."""
        return self._model.plan_deploy(vm)

    def progress(self, vm: VM) -> float | None:
        """Return the host's progress for a VM; None if it is refused."""
        return self._model.progress(vm)

    def deploy(
        self, vm: VM, image: str, clone: bool, attempt: str | None = None
    ) -> tuple[View, bool]:
        """Create a VM and start it; asked again for the same, return what is there.

        Args:
            vm: the VM.
            image: its image.
            clone: whether its disk shall be an overlay on the image.
            attempt: what the request can be withdrawn by.

        Returns:
            The host with the VM, and whether that is new.

        Raises:
            RefusedError: the host refuses it, or a VM of its name is another one.
            HypervisorError: it could not be made; nothing of it is left.
            BusyError: try again later.
        """
        with self._operation("deploy"):
            same = self._guests.get(vm.name)
            if same is not None and same.is_made_of(vm, image, clone):
                if same.is_unfinished:
                    self._finish(same)
                    self._publish()
                return self._view, False
            if same is not None or vm.name in {guest.name for guest in self._findings.foreign}:
                raise RefusedError(Refusal(Code.NAME_TAKEN))
            self._attempts.check(attempt)
            plan = self.host.plan_deploy(vm)
            if plan.refusal:
                self._records.note_refusal(plan, self._clock.now())
                raise RefusedError(plan.refusal)
            with self._turns.elsewhere():
                resolved = self._hypervisor.check_image(image, clone)
            order = VMSpec(vm, str(uuid.uuid4()), resolved, clone, self._time_of_birth())
            try:
                with self._others_pinned(plan), self._turns.elsewhere():
                    self._hypervisor.create(order, plan.pins[vm.name])
            except UncertainError:
                self._attempts.note_unanswered(attempt, order.uuid)
                raise
            self._guests[vm.name] = order.guest(plan.pins[vm.name])
            self._take_over(plan)
            return self._view, True

    def withdraw(self, name: str, attempt: str) -> ObservedVM | None:
        """Settle what came of requests to create a VM whose answers were lost.

        Returns:
            The VM; None: there is none, and no request that bears `attempt` will make it, however
            late it, or what the hypervisor made of it, comes.

        Raises:
            HypervisorError: it cannot be told now.
            BusyError: try again later.
        """
        with self._operation("withdraw"):
            guest = self._guests.get(name)
            if guest is None:
                self._attempts.withdraw(attempt)
            return guest

    def remove(self, name: str, created: float | None = None) -> None:
        """Remove a VM of ours; its image stays.

        Args:
            name: its name.
            created: only the VM that was created then, so that a request that comes late does not
                hit another one of that name.

        Raises:
            RefusedError: there is no such VM of ours.
            HypervisorError: it could not be removed.
            BusyError: try again later.
        """
        with self._operation("remove"):
            order = self._guests[name].order if name in self._guests else None
            if created is not None and (order is None or order.created != created):
                raise RefusedError(Refusal(Code.VM_NOT_FOUND))
            plan = self.host.plan_remove(name)
            if name in self._findings.unaccommodated:
                with self._turns.elsewhere():
                    self._hypervisor.remove(name)
                self._reconcile()
                return
            if plan.refusal:
                self._records.note_refusal(plan, self._clock.now())
                raise RefusedError(plan.refusal)
            with self._turns.elsewhere():
                self._hypervisor.remove(name)
            del self._guests[name]
            self._take_over(plan)
            if not self.pins.try_to_set(self._guests, mispinned(self._guests, plan.pins)):
                self._changed.set()
            if self._view.state == OVERCOMMITTED:
                self._reconcile()

    def change_state(self, name: str, verb: str) -> View:
        """Start, stop or restart a VM of ours; `verb` names which.

        Returns:
            The host with the VM.

        Raises:
            RefusedError: there is no such VM of ours, or none any more.
            HypervisorError: it could not be done.
            BusyError: try again later.
        """
        # A guest may take its time to shut down; nothing of the model changes, so nobody waits.
        actions: Mapping[str, Callable[[str], None]] = {
            "start": self._hypervisor.start,
            "stop": self._hypervisor.stop,
            "restart": self._hypervisor.restart,
        }
        with self.outcomes.counted(verb):
            if name not in self._view.guests:
                raise RefusedError(Refusal(Code.VM_NOT_FOUND))
            actions[verb](name)
            self.reconcile()
            view = self._view
            if name not in view.guests:
                raise RefusedError(Refusal(Code.VM_NOT_FOUND))
            return view

    def reconcile(self) -> None:
        """Make model, pins and view agree with what the hypervisor has.

        Raises:
            BusyError: an operation takes too long.
        """
        self._changed.clear()
        with self._turns.next():
            try:
                self._reconcile()
            except HypervisorError as error:
                self._lose_touch(error)

    @contextmanager
    def _operation(self, op: str) -> Iterator[None]:
        """Let one operation in; a hypervisor that is lost midway leaves the host not ready."""
        with self.outcomes.counted(op), self._turns.next():
            if self._view.state == NOT_READY:
                raise UnavailableError(f"the host is not ready: {self._view.reason}")
            try:
                yield
            except UnavailableError as error:
                self._lose_touch(error)
                raise

    @contextmanager
    def _others_pinned(self, plan: Plan) -> Iterator[None]:
        """Pin the other VMs as a plan wants it; pin them back if what is done then fails."""
        others = {name: cpu_ids for name, cpu_ids in plan.pins.items() if name != plan.name}
        pins = mispinned(self._guests, others)
        before = {name: self._view.pins_of(name) for name in pins}
        try:
            self.pins.set(self._guests, pins)
            yield
        except UnavailableError:
            raise
        except HypervisorError:
            if not self.pins.try_to_set(self._guests, before):
                self._changed.set()
            raise

    def _reconcile(self) -> None:
        guests = self._look()
        found = findings(guests, self.host)
        uuids = {**self._uuids(), **{guest.name: guest.uuid for guest in found.ours.values()}}
        for plan in found.plans:
            self.host.commit(plan)
            present = {name: uuids.get(name, "") for name in self.host.vms}
            self._records.commit(plan, self.host, present, self._clock.now())
            log.info("reconciled", op=plan.operation, vm=plan.name)
        self._findings = found
        self._guests = dict(found.ours)
        self._records.catch_up(self.host, self._uuids())
        pins = self.host.pins()
        wanted = {name: pins[vm.level] for name, vm in self.host.vms.items()}
        self.pins.restore(self._guests, wanted)
        self._finish_all()
        self._publish()

    def _look(self) -> list[ObservedVM]:
        """Return what the hypervisor has; VMs that come of withdrawn requests are removed."""
        with self._turns.elsewhere():
            guests = self._hypervisor.guests()
            unwanted = [guest for guest in guests if self._attempts.is_withdrawn(guest.uuid)]
            for guest in unwanted:
                self._hypervisor.remove(guest.name)
                log.info("VM removed that came after it was withdrawn", vm=guest.name)
        return [guest for guest in guests if guest not in unwanted]

    def _finish_all(self) -> None:
        """Start VMs whose making was cut short; what fails is left to a request for the VM."""
        for guest in list(self._guests.values()):
            is_placed = guest.name in self.host.vms
            if guest.is_unfinished and is_placed and guest.uuid not in self._given_up:
                try:
                    self._finish(guest)
                except UnavailableError:
                    raise
                except HypervisorError as error:
                    # Failing to start is an event, and after each we are here again
                    self._given_up.add(guest.uuid)
                    log.error("VM not finished", vm=guest.name, error=str(error))

    def _finish(self, guest: ObservedVM) -> None:
        with self._turns.elsewhere():
            self._hypervisor.start(guest.name)
        self._guests[guest.name] = replace(guest, state=RUNNING, is_unfinished=False)
        log.info("VM finished whose making was cut short", vm=guest.name)

    def _take_over(self, plan: Plan) -> None:
        """Commit a plan that was carried out, and write it down."""
        self.host.commit(plan)
        self._records.commit(plan, self.host, self._uuids(), self._clock.now())
        self._publish()

    def _publish(self) -> None:
        self._model = self.host.copy()
        self._show(view_of(self.host, self._guests, self._findings))

    def _lose_touch(self, error: HypervisorError) -> None:
        """Say that nothing is known for now; what was known stays, for unreachable is not gone."""
        if self._view.state != NOT_READY:
            log.error("hypervisor lost", error=str(error))
        self._show(replace(self._view, state=NOT_READY, reason=str(error)))
        self._changed.set()

    def _show(self, view: View) -> None:
        generation = self._view.generation
        if replace(view, generation=generation) != self._view:
            self._view = replace(view, generation=generation + 1)

    def _time_of_birth(self) -> float:
        """Return a time later than that of all VMs, even if the machine's clock was set back."""
        orders = [guest.order for guest in self._guests.values() if guest.order]
        newest = max((order.created for order in orders), default=0.0)
        return max(self._clock.now(), math.nextafter(newest, math.inf))

    def _uuids(self) -> dict[str, str]:
        return {name: self._guests[name].uuid for name in self.host.vms if name in self._guests}
