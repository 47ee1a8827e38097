"""What the hypervisor has against what the host's model says, and the plans that settle it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schedulerlocal.hypervisor import RUNNING, ObservedVM
from slackvm.model.host import Host
from slackvm.model.plan import Plan


@dataclass(frozen=True)
class Drift:
    """What was found.

    Attributes:
        ours: our VMs by name, by age.
        foreign: VMs of somebody else.
        unaccommodated: names of our VMs that the model has no CPUs or memory for. They run on CPUs
            that nobody chose, so all CPUs are withheld for them, and no new VM is taken.
        plans: what brings the model in line, to be committed in this order.
    """

    ours: dict[str, ObservedVM] = field(default_factory=dict)
    foreign: tuple[ObservedVM, ...] = ()
    unaccommodated: tuple[str, ...] = ()
    plans: tuple[Plan, ...] = ()

    @property
    def foreign_unpinned(self) -> int:
        """How many of the running foreign VMs may run on any CPU."""
        return sum(guest.state == RUNNING and not guest.cpu_ids for guest in self.foreign)


def findings(guests: Iterable[ObservedVM], host: Host) -> Drift:
    """Compare; neither the host nor the hypervisor is changed.

    VMs that are gone leave the model, VMs of somebody else are given room, and VMs of ours that the
    model does not know come in by their age: in this order, since each makes room for the next. A
    VM whose size somebody has changed goes and comes in again, with the size that it has now.
    """
    guests = list(guests)
    ours = {guest.name: guest for guest in sorted(guests, key=_age) if guest.order}
    foreign = tuple(guest for guest in guests if not guest.order)
    trial = host.copy()
    plans: list[Plan] = []
    for name, vm in host.vms.items():
        if name not in ours or ours[name].vm != vm:
            _settle(trial, trial.plan_remove(name), plans)
    _withhold(trial, foreign, plans)
    unaccommodated = []
    for guest in ours.values():
        if guest.vm and guest.name not in trial.vms:
            plan = trial.plan_deploy(guest.vm)
            if plan.accepted:
                _settle(trial, plan, plans)
            else:
                unaccommodated.append(guest)
    if unaccommodated:
        _withhold(trial, [*foreign, *unaccommodated], plans, trial.topology.position)
    if _state(trial) == _state(host):
        # Those without room were looked at again, in vain
        plans.clear()
    return Drift(ours, foreign, tuple(guest.name for guest in unaccommodated), tuple(plans))


def _settle(trial: Host, plan: Plan, plans: list[Plan]) -> None:
    trial.commit(plan)
    plans.append(plan)


def _state(host: Host) -> object:
    return list(host.vnodes.values()), host.withheld_positions, host.withheld_mib


def _withhold(
    trial: Host, guests: Sequence[ObservedVM], plans: list[Plan], more_cpu_ids: Iterable[int] = ()
) -> None:
    """Withhold the CPUs and the memory of VMs that run, if they are not withheld already."""
    running = [guest for guest in guests if guest.state == RUNNING or guest.order]
    cpu_ids = {cpu_id for guest in running for cpu_id in guest.cpu_ids}.union(more_cpu_ids)
    memory_mib = sum(guest.memory_mib for guest in running)
    plan = trial.plan_withhold(cpu_ids, memory_mib)
    same = plan.withheld == trial.withheld_positions and memory_mib == trial.withheld_mib
    if not same or plan.changes:
        _settle(trial, plan, plans)


def _age(guest: ObservedVM) -> tuple[float, str]:
    return (guest.order.created if guest.order else 0.0, guest.name)
