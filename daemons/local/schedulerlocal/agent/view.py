"""What is told of a host: an unchanging picture, made anew after every change."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schedulerlocal.agent.reconciliation import Drift
from schedulerlocal.hypervisor import ObservedVM
from slackvm.api.hosts import HostState
from slackvm.model.host import Host

READY: HostState = "ready"
NOT_READY: HostState = "not_ready"
OVERCOMMITTED: HostState = "overcommitted"


@dataclass(frozen=True, slots=True)
class VNodeView:
    """A vNode: CPUs in the order taken, CPUs that its VMs may use, and its numbers."""

    cpu_list: tuple[int, ...]
    pin_list: tuple[int, ...]
    allocation: int
    largest: int
    memory_mib: int

    @property
    def owned(self) -> int:
        """CPUs that it owns."""
        return len(self.cpu_list)


@dataclass(frozen=True, slots=True)
class View:
    """A host at one moment.

    Attributes:
        generation: counted up with every change; what is told of one generation never changes.
        state: `ready`, `not_ready` (the hypervisor cannot be asked) or `overcommitted`.
        reason: why it is not ready; empty otherwise.
        cpus_free: CPUs that nobody owns.
        memory_free_mib: MiB that nobody has.
        vnodes: by level, in the order of creation.
        guests: our VMs by name, in the order of arrival.
        foreign: VMs of somebody else.
        foreign_cpus: CPUs withheld for them.
        foreign_unpinned: how many of the running ones are not pinned.
        unaccommodated: names of our VMs that own no CPUs, since there was no room for them.
    """

    generation: int = 0
    state: HostState = NOT_READY
    reason: str = "starting"
    cpus_free: int = 0
    memory_free_mib: int = 0
    vnodes: Mapping[float, VNodeView] = field(default_factory=dict)
    guests: Mapping[str, ObservedVM] = field(default_factory=dict)
    foreign: tuple[ObservedVM, ...] = ()
    foreign_cpus: tuple[int, ...] = ()
    foreign_unpinned: int = 0
    unaccommodated: frozenset[str] = frozenset()

    def pins_of(self, name: str) -> tuple[int, ...]:
        """Return the CPUs that a VM of ours may use, ascending."""
        guest = self.guests[name]
        if name in self.unaccommodated or guest.order is None:
            return guest.cpu_ids
        return self.vnodes[guest.order.vm.level].pin_list


def view_of(host: Host, guests: Mapping[str, ObservedVM], found: Drift) -> View:
    """Return the picture of a host that can be asked; its generation is not counted yet."""
    return View(
        state=OVERCOMMITTED if host.is_overcommitted or found.unaccommodated else READY,
        reason="",
        cpus_free=host.cpus_free,
        memory_free_mib=max(host.memory_free_mib, 0),
        vnodes=_vnode_views(host),
        guests=dict(guests),
        foreign=found.foreign,
        foreign_cpus=host.withheld,
        foreign_unpinned=found.foreign_unpinned,
        unaccommodated=frozenset(found.unaccommodated),
    )


def _vnode_views(host: Host) -> dict[float, VNodeView]:
    """Return a host's vNodes as they are told."""
    pins = host.pins()
    return {
        level: VNodeView(
            host.cpu_ids(level),
            pins[level] if vnode.vms else (),
            vnode.allocation,
            vnode.largest,
            vnode.memory_mib,
        )
        for level, vnode in host.vnodes.items()
    }
