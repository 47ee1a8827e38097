"""What the local daemon answers: the shapes, and how a view of the host becomes one."""

from pydantic import BaseModel, ConfigDict

from schedulerlocal.live.hypervisor import Guest, GuestState
from schedulerlocal.live.view import HostState, View
from slackvm import __version__
from slackvm.model.plan import Plan
from slackvm.model.topology import Topology


class Reply(BaseModel):
    """An answer; it has these fields and no other."""

    model_config = ConfigDict(extra="forbid")


class VMReply(Reply):
    """A VM."""

    name: str
    vcpus: int
    memory_mib: int
    level: float
    image: str
    state: GuestState
    host: str
    cpu_list: list[int]
    created: float
    addresses: list[str]


class VMsReply(Reply):
    """All VMs."""

    vms: list[VMReply]


class VNodeChange(Reply):
    """The CPUs that a vNode would gain or lose, in order."""

    level: float
    gains: list[int]
    loses: list[int]


class PlanReply(Reply):
    """What a deploy would do."""

    accepted: bool
    code: str | None
    message: str | None
    needed: int | None
    free: int | None
    score: float | None
    vnodes: list[VNodeChange]
    pins: dict[str, list[int]]


class CPUReply(Reply):
    """Where a CPU is."""

    cpu_id: int
    core: int
    l3: int
    numa_node: int


class LevelReply(Reply):
    """A vNode: CPUs owned in the order taken, and CPUs that its VMs may use."""

    owned: int
    allocation: int
    largest: int
    cpu_list: list[int]
    pin_list: list[int]


class ForeignReply(Reply):
    """A VM of somebody else, with the CPUs that it is pinned to."""

    name: str
    vcpus: int
    memory_mib: int
    state: str
    cpu_list: list[int]


class SummaryReply(Reply):
    """The host in numbers: what a placement needs to know of it."""

    name: str
    version: str
    generation: int
    state: HostState
    reason: str
    cpus: int
    cpus_free: int
    memory_mib: int
    memory_free_mib: int
    levels: dict[str, LevelReply]


class ChangedReply(VMReply):
    """A VM that was created or whose state was changed, and the host since then."""

    summary: SummaryReply


class HostReply(SummaryReply):
    """The host, with every CPU and VM."""

    topology: list[CPUReply]
    vms: list[str]
    foreign: list[ForeignReply]
    foreign_unpinned: int


class HealthReply(Reply):
    """How the daemon is."""

    status: str
    version: str
    reason: str


def vm_reply(view: View, guest: Guest, host: str, addresses: list[str]) -> VMReply:
    """Return a VM of ours as it is told."""
    if guest.order is None:
        raise ValueError(f"{guest.name} is not ours")
    return VMReply(
        name=guest.name,
        vcpus=guest.vcpus,
        memory_mib=guest.memory_mib,
        level=guest.order.vm.level,
        image=str(guest.order.image),
        state=guest.state,
        host=host,
        cpu_list=list(view.pins_of(guest.name)),
        created=guest.order.created,
        addresses=addresses,
    )


def summary_reply(view: View, topology: Topology, name: str) -> SummaryReply:
    """Return the host in numbers."""
    return SummaryReply(
        name=name,
        version=__version__,
        generation=view.generation,
        state=view.state,
        reason=view.reason,
        cpus=len(topology),
        cpus_free=view.cpus_free,
        memory_mib=topology.memory_mib,
        memory_free_mib=view.memory_free_mib,
        levels={
            str(level): LevelReply(
                owned=vnode.owned,
                allocation=vnode.allocation,
                largest=vnode.largest,
                cpu_list=list(vnode.cpu_list),
                pin_list=list(vnode.pin_list),
            )
            for level, vnode in view.vnodes.items()
        },
    )


def host_reply(view: View, topology: Topology, name: str) -> HostReply:
    """Return the host as it is told."""
    summary = summary_reply(view, topology, name)
    return HostReply(
        **{field: getattr(summary, field) for field in SummaryReply.model_fields},
        topology=[
            CPUReply(cpu_id=cpu.cpu_id, core=core, l3=cache, numa_node=cpu.numa_node)
            for cpu, core, cache in zip(
                topology.cpus,
                topology.cores.tolist(),
                topology.last_level_caches.tolist(),
                strict=True,
            )
        ],
        vms=list(view.guests),
        foreign=[
            ForeignReply(
                name=guest.name,
                vcpus=guest.vcpus,
                memory_mib=guest.memory_mib,
                state=guest.state,
                cpu_list=list(guest.cpu_ids),
            )
            for guest in view.foreign
        ],
        foreign_unpinned=view.foreign_unpinned,
    )


def plan_reply(plan: Plan, score: float | None) -> PlanReply:
    """Return what a deploy would do as it is told."""
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


def prototype_status(view: View) -> dict[str, object]:
    """Return `/status` of the prototype: per resource what is free, and its vNodes (subsets).

    `pcap` is what a vNode owns, `palloc` what its VMs were allocated, `vavail` what could still be
    allocated within it, `vpotential` what the free CPUs could give to it.
    """
    cpu_free, memory_free = view.cpus_free, view.memory_free_mib
    memory_used = sum(vnode.memory_mib for vnode in view.vnodes.values())
    cpu_subsets = {
        str(level): {
            "pcap": vnode.owned,
            "palloc": vnode.allocation,
            "vavail": vnode.owned * level - vnode.allocation,
            "vpotential": cpu_free * level,
        }
        for level, vnode in view.vnodes.items()
    }
    memory_subset = {
        "pcap": memory_used,
        "palloc": memory_used,
        "vavail": 0,
        "vpotential": memory_free,
    }
    return {
        "cpu": {"avail": cpu_free, "subset": cpu_subsets},
        "mem": {"avail": memory_free, "subset": {"1": memory_subset} if view.vnodes else {}},
    }
