"""Views of a host: immutable snapshots, one after each change, that readers get without waiting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from schedulerlocal.hypervisor import RUNNING, ObservedVM
from slackvm.model.host import Host

HostState = Literal["ready", "not_ready", "overcommitted"]

READY: HostState = "ready"
NOT_READY: HostState = "not_ready"
OVERCOMMITTED: HostState = "overcommitted"


@dataclass(frozen=True, slots=True)
class VNodeView:
    """A vNode.

    Attributes:
        cpu_list: its CPUs in the order taken.
        pin_list: CPUs that its VMs may use, ascending.
        allocation: vCPUs of its VMs.
        largest: vCPUs of its largest VM.
        memory_mib: memory of its VMs.
    """

    cpu_list: tuple[int, ...]
    pin_list: tuple[int, ...]
    allocation: int
    largest: int
    memory_mib: int

    @property
    def owned(self) -> int:
        """Number of CPUs that it owns."""
        return len(self.cpu_list)


@dataclass(frozen=True, slots=True)
class View:
    """A host at one moment.

    Attributes:
        generation: counted up with every change; two views of one generation are equal.
        state: `ready`, `not_ready` (the hypervisor does not answer) or `overcommitted`.
        reason: why it is not ready; empty otherwise.
        cpus_free: number of CPUs that are neither owned nor reserved.
        memory_free_mib: MiB that are neither allocated nor reserved.
        vnodes: by level, in the order of creation.
        vms: managed VMs by name, in the order of creation.
        unmanaged: VMs that SlackVM did not create.
        unmanaged_cpus: CPUs reserved for them.
        unaccommodated: names of managed VMs that own no CPUs, since the host has too few.
        controller: ID and epoch of the controller that the host obeys; None: none.
    """

    generation: int = 0
    state: HostState = NOT_READY
    reason: str = "starting"
    cpus_free: int = 0
    memory_free_mib: int = 0
    vnodes: Mapping[float, VNodeView] = field(default_factory=dict)
    vms: Mapping[str, ObservedVM] = field(default_factory=dict)
    unmanaged: tuple[ObservedVM, ...] = ()
    unmanaged_cpus: tuple[int, ...] = ()
    unaccommodated: frozenset[str] = frozenset()
    controller: tuple[str, int] | None = None

    @property
    def unmanaged_unpinned(self) -> int:
        """Number of running unmanaged VMs that may use any CPU."""
        return sum(vm.state == RUNNING and not vm.cpu_ids for vm in self.unmanaged)

    def pins_of(self, name: str) -> tuple[int, ...]:
        """Return the CPUs that a managed VM may use, ascending."""
        vm = self.vms[name]
        if name in self.unaccommodated or vm.spec is None:
            return vm.cpu_ids
        return self.vnodes[vm.spec.vm.level].pin_list


def view_of(
    host: Host, vms: Mapping[str, ObservedVM], unmanaged: Sequence[ObservedVM] = ()
) -> View:
    """Return the view of a host whose hypervisor answers; its generation is 0."""
    unaccommodated = vms.keys() - host.vms.keys()
    return View(
        state=OVERCOMMITTED if host.is_overcommitted or unaccommodated else READY,
        reason="",
        cpus_free=host.cpus_free,
        memory_free_mib=max(host.memory_free_mib, 0),
        vnodes=_vnode_views(host),
        vms=dict(vms),
        unmanaged=tuple(unmanaged),
        unmanaged_cpus=host.reserved_for_unmanaged,
        unaccommodated=frozenset(unaccommodated),
    )


def _vnode_views(host: Host) -> dict[float, VNodeView]:
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
