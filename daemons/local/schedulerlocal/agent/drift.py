"""Where the hypervisor's VMs differ from the host's model, and the plans that correct the model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schedulerlocal.hypervisor import RUNNING, ObservedVM
from slackvm.model.host import Host
from slackvm.model.plan import Plan


@dataclass(frozen=True)
class Drift:
    """The VMs that the hypervisor has, and what makes the model agree with them.

    Attributes:
        vms: managed VMs by name, the oldest first.
        unmanaged: VMs that SlackVM did not create.
        plans: plans for the model, to be committed in this order.
    """

    vms: dict[str, ObservedVM] = field(default_factory=dict)
    unmanaged: tuple[ObservedVM, ...] = ()
    plans: tuple[Plan, ...] = ()


def find_drift(observed: Iterable[ObservedVM], host: Host) -> Drift:
    """Compare the hypervisor's VMs with the model; neither is changed.

    VMs that are gone leave the model, unmanaged VMs get room, and managed VMs that the model does
    not have enter it, the oldest first: in this order, since each step makes room for the next. A
    VM whose size has changed leaves and enters again with its present size.

    Managed VMs without room stay out of the model: they are unaccommodated. They run on CPUs that
    nobody chose, so all CPUs are reserved for them, and the host takes no new VM.
    """
    observed = list(observed)
    vms = {vm.name: vm for vm in sorted(observed, key=_age) if vm.spec}
    unmanaged = tuple(vm for vm in observed if not vm.spec)
    trial = host.copy()
    plans: list[Plan] = []
    for name, size in host.vms.items():
        if name not in vms or vms[name].vm != size:
            _commit(trial, trial.plan_remove(name), plans)
    _reserve(trial, unmanaged, plans)
    unaccommodated = []
    for vm in vms.values():
        if vm.vm and vm.name not in trial.vms:
            plan = trial.plan_deploy(vm.vm)
            if plan.accepted:
                _commit(trial, plan, plans)
            else:
                unaccommodated.append(vm)
    if unaccommodated:
        _reserve(trial, [*unmanaged, *unaccommodated], plans, trial.topology.position)
    if _state(trial) == _state(host):
        # The only plans released the CPUs of unaccommodated VMs and reserved them again
        plans.clear()
    return Drift(vms, unmanaged, tuple(plans))


def _commit(trial: Host, plan: Plan, plans: list[Plan]) -> None:
    trial.commit(plan)
    plans.append(plan)


def _state(host: Host) -> object:
    return list(host.vnodes.values()), host.reserved_positions, host.reserved_for_unmanaged_mib


def _reserve(
    trial: Host, vms: Sequence[ObservedVM], plans: list[Plan], more_cpu_ids: Iterable[int] = ()
) -> None:
    """Reserve the CPUs and the memory of running VMs, unless they are reserved already."""
    running = [vm for vm in vms if vm.state == RUNNING or vm.spec]
    cpu_ids = {cpu_id for vm in running for cpu_id in vm.cpu_ids}.union(more_cpu_ids)
    memory_mib = sum(vm.memory_mib for vm in running)
    plan = trial.plan_reserve_unmanaged(cpu_ids, memory_mib)
    same = (
        plan.reserved == trial.reserved_positions and memory_mib == trial.reserved_for_unmanaged_mib
    )
    if not same or plan.changes:
        _commit(trial, plan, plans)


def _age(vm: ObservedVM) -> tuple[float, str]:
    return (vm.spec.created if vm.spec else 0.0, vm.name)
