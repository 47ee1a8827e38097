"""Replies of the daemon, from a view of the host."""

from dataclasses import dataclass, field

from schedulerlocal.agent.view import View
from schedulerlocal.hypervisor import ObservedVM
from slackvm import __version__
from slackvm.api.base import API_VERSION, extend
from slackvm.api.hosts import (
    CPUReply,
    ForeignReply,
    HostReply,
    LevelReply,
    SummaryReply,
)
from slackvm.api.scheduling import PlanReply, VNodeChange
from slackvm.api.vms import VMReply
from slackvm.model.labels import Labels
from slackvm.model.plan import Plan
from slackvm.model.topology import Topology


@dataclass(frozen=True)
class Identity:
    """What stays the same of a host while its daemon runs.

    Attributes:
        name: its name.
        topology: its CPUs.
        offered: levels that it offers; None: any.
        hypervisor: name of its backend.
        boot_id: identifies this start of the daemon.
        labels: short texts by key.
    """

    name: str
    topology: Topology
    offered: tuple[float, ...] | None
    hypervisor: str
    boot_id: str
    labels: Labels = field(default_factory=dict)


def vm_reply(view: View, vm: ObservedVM, host: str, addresses: list[str]) -> VMReply:
    """Return the reply for a VM that SlackVM manages."""
    if vm.spec is None:
        raise ValueError(f"SlackVM does not manage {vm.name}")
    return VMReply(
        name=vm.name,
        vcpus=vm.vcpus,
        memory_mib=vm.memory_mib,
        level=vm.spec.vm.level,
        image=str(vm.spec.image),
        clone=vm.spec.clone,
        state=vm.state,
        host=host,
        cpu_list=list(view.pins_of(vm.name)),
        created=vm.spec.created,
        addresses=addresses,
        labels=dict(vm.spec.labels),
        owner=vm.spec.owner,
        anti_affinity=vm.spec.anti_affinity,
    )


def summary_reply(view: View, host: Identity) -> SummaryReply:
    """Return the host in numbers."""
    return SummaryReply(
        name=host.name,
        version=__version__,
        boot_id=host.boot_id,
        generation=view.generation,
        state=view.state,
        reason=view.reason,
        hypervisor=host.hypervisor,
        cpus=len(host.topology),
        cpus_free=view.cpus_free,
        memory_mib=host.topology.memory_mib,
        memory_free_mib=view.memory_free_mib,
        offered=None if host.offered is None else list(host.offered),
        levels={
            str(level): LevelReply(
                owned=vnode.owned,
                allocation=vnode.allocation,
                largest=vnode.largest,
                memory_mib=vnode.memory_mib,
                cpu_list=list(vnode.cpu_list),
                pin_list=list(vnode.pin_list),
            )
            for level, vnode in view.vnodes.items()
        },
    )


def host_reply(view: View, host: Identity) -> HostReply:
    """Return the whole host."""
    return extend(
        HostReply,
        summary_reply(view, host),
        topology=[
            CPUReply(cpu_id=cpu.cpu_id, core=core, l3=cache, numa_node=cpu.numa_node)
            for cpu, core, cache in zip(
                host.topology.cpus,
                host.topology.cores.tolist(),
                host.topology.last_level_caches.tolist(),
                strict=True,
            )
        ],
        vms=list(view.vms),
        foreign=[
            ForeignReply(
                name=vm.name,
                vcpus=vm.vcpus,
                memory_mib=vm.memory_mib,
                state=vm.state,
                cpu_list=list(vm.cpu_ids),
            )
            for vm in view.unmanaged
        ],
        foreign_unpinned=view.unmanaged_unpinned,
        api_version=API_VERSION,
        controller=view.controller[0] if view.controller else "",
        controller_epoch=view.controller[1] if view.controller else 0,
        labels=dict(host.labels),
    )


def plan_reply(plan: Plan, score: float | None) -> PlanReply:
    """Return the reply for a plan of a deploy."""
    refusal = plan.refusal
    return PlanReply(
        accepted=plan.accepted,
        code=refusal.code if refusal else None,
        message=refusal.message if refusal else None,
        needed=refusal.needed if refusal else None,
        free=refusal.free if refusal else None,
        score=score,
        vnodes=[
            VNodeChange(level=change.level, gains=list(change.gains), loses=list(change.loses))
            for change in plan.changes
        ],
        pins={name: list(cpu_ids) for name, cpu_ids in plan.pins.items()} if plan.accepted else {},
    )
