"""What the agent knows of its host: the model, the VMs, and the view for readers."""

import math
from dataclasses import replace

import structlog

from schedulerlocal.agent.drift import Drift
from schedulerlocal.agent.records import Records
from schedulerlocal.agent.state_file import Removal
from schedulerlocal.agent.view import NOT_READY, View, view_of
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import HypervisorError, ObservedVM
from slackvm.formats.origin import NO_REQUEST, originating
from slackvm.model.host import Host
from slackvm.model.labels import Labels
from slackvm.model.placement import Group
from slackvm.model.plan import Plan

log = structlog.get_logger()


class LiveHost:
    """A live host, as far as the agent knows it.

    Only the operation that holds the lock changes it. Readers use `view` and `model`, which are
    replaced and never changed.

    Args:
        host: the host's model, empty; it is put into the recorded state.
        records: state file and operations log.
        clock: the time.

    Attributes:
        host: the model that operations plan on and commit to.
        vms: managed VMs by name, in the order of creation.
        unmanaged: VMs that SlackVM did not create.
        view: the host for readers.
        model: a copy of the model for readers.
    """

    def __init__(self, host: Host, records: Records, clock: Clock) -> None:
        self.host = host
        self.vms: dict[str, ObservedVM] = {}
        self.unmanaged: tuple[ObservedVM, ...] = ()
        self.view = View()
        self._records = records
        self._clock = clock
        records.restore(host, clock.now())
        self.model = host.copy()

    @property
    def is_behind(self) -> bool:
        """Whether something that was done could not be recorded yet."""
        return self._records.is_behind

    @property
    def removals(self) -> tuple[Removal, ...]:
        """The last VMs that were removed, the latest last."""
        return self._records.removals

    def is_unaccommodated(self, name: str) -> bool:
        """Return whether the host has a managed VM without room for it."""
        return name in self.vms and name not in self.host.vms

    def names_of_group(self, group: Group | None) -> list[str]:
        """Return the names of the VMs of an anti-affinity group, in the order of creation."""
        if group is None:
            return []
        return [name for name, vm in self.vms.items() if vm.spec and vm.spec.group == group]

    def creation_time(self) -> float:
        """Return a time later than that of all VMs, even if the machine's clock was set back."""
        specs = [vm.spec for vm in self.vms.values() if vm.spec]
        newest = max((spec.created for spec in specs), default=0.0)
        return max(self._clock.now(), math.nextafter(newest, math.inf))

    def commit(self, plan: Plan) -> None:
        """Make a plan that was carried out the host's state, and record it."""
        self.host.commit(plan)
        self._records.commit(plan, self.host, self.vms, self._clock.now())

    def note_removal(self, vm: ObservedVM) -> None:
        """Remember that a managed VM was removed; it is written with the next operation."""
        if vm.spec:
            self._records.note_removal(Removal(vm.name, vm.spec.created, self._clock.now()))

    def log_refusal(self, plan: Plan, labels: Labels, owner: str) -> None:
        """Record a plan that was refused."""
        self._records.log_refusal(plan, self._clock.now(), labels, owner)

    def correct(self, drift: Drift) -> None:
        """Make the host agree with what the hypervisor has."""
        # A VM that disappeared while no daemon ran is not among them: its removal was not seen.
        for vm in self.vms.values():
            if vm.spec and not _has(drift, vm):
                self.note_removal(vm)
        # The VMs that are gone keep their UUIDs in the records until their plans are committed
        self.vms.update(drift.vms)
        for plan in drift.plans:
            # No request asked for what the hypervisor shows.
            with originating(NO_REQUEST):
                self.commit(plan)
            log.info("model_corrected", op=plan.operation, vm=plan.name)
        self.vms = dict(drift.vms)
        self.unmanaged = drift.unmanaged
        self._records.catch_up(self.host, self.vms)

    def set_controller(self, controller: tuple[str, int] | None) -> None:
        """Show readers which controller the host obeys."""
        self._show(replace(self.view, controller=controller))

    def publish(self) -> None:
        """Show readers the host as it is."""
        self.model = self.host.copy()
        view = view_of(self.host, self.vms, self.unmanaged)
        self._show(replace(view, controller=self.view.controller))

    def mark_not_ready(self, error: HypervisorError) -> None:
        """Show readers that the hypervisor does not answer.

        The VMs stay: a host that cannot be reached has not lost them.
        """
        if self.view.state != NOT_READY:
            log.error("hypervisor_lost", error=str(error))
        self._show(replace(self.view, state=NOT_READY, reason=str(error)))

    def _show(self, view: View) -> None:
        generation = self.view.generation
        if replace(view, generation=generation) != self.view:
            self.view = replace(view, generation=generation + 1)


def _has(drift: Drift, vm: ObservedVM) -> bool:
    """Return whether the hypervisor still has a managed VM, and not another one of its name."""
    there = drift.vms.get(vm.name)
    return bool(there and there.spec and vm.spec and there.spec.created == vm.spec.created)
