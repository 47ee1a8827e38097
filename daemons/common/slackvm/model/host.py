"""A host as a state machine without side effects: first decide, then commit."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from slackvm.model.balance import CRITICAL_SIZE, pin_lists
from slackvm.model.codes import Code
from slackvm.model.plan import Change, Plan, StalePlanError
from slackvm.model.refusal import Refusal, size_refusal
from slackvm.model.scoring import progress
from slackvm.model.selection import SELECTIONS, Selection, Situation
from slackvm.model.summary import HostSummary, LevelSummary
from slackvm.model.topology import Topology
from slackvm.model.vm import VM
from slackvm.model.vnode import VNode


class Host:
    """The vNodes and VMs of one host.

    `plan_deploy`, `plan_remove` and `plan_reserve_unmanaged` decide and change nothing; `commit`
    makes a plan the host's state. A plan that is refused or dropped has no effect.

    Args:
        topology: its CPUs and memory.
        selection: which CPUs a vNode takes and gives back.
        critical_size: oversubscribed vNodes with fewer VMs are balanced.
        levels: levels that it offers; None: any.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        selection: Selection = SELECTIONS["paper"],
        critical_size: int = CRITICAL_SIZE,
        levels: Collection[float] | None = None,
    ) -> None:
        self.topology = topology
        self.selection = selection
        self.critical_size = critical_size
        self.levels = levels
        self.generation = 0
        self._vnodes: dict[float, VNode] = {}
        self._level_of: dict[str, float] = {}
        self._unowned = np.ones(len(topology), dtype=np.bool_)
        self._reserved: frozenset[int] = frozenset()
        self._reserved_mib = 0

    def copy(self) -> "Host":
        """Return an independent host in the same state."""
        copy = Host(
            self.topology,
            selection=self.selection,
            critical_size=self.critical_size,
            levels=self.levels,
        )
        copy._become(self._vnodes.values())
        copy._reserved, copy._reserved_mib = self._reserved, self._reserved_mib
        copy.generation = self.generation
        return copy

    @property
    def vnodes(self) -> Mapping[float, VNode]:
        """Its vNodes by level, in the order of their creation; an emptied one stays."""
        return MappingProxyType(self._vnodes)

    @property
    def vms(self) -> Mapping[str, VM]:
        """Its VMs by name."""
        return {name: self._vnodes[level].vms[name] for name, level in self._level_of.items()}

    @property
    def cpus_free(self) -> int:
        """CPUs that no vNode owns and that are not reserved for unmanaged VMs."""
        return int(np.count_nonzero(self._free(self._reserved)))

    @property
    def memory_free_mib(self) -> int:
        """MiB that are neither a VM's nor reserved; below 0 if too much is reserved."""
        taken = sum(vnode.memory_mib for vnode in self._vnodes.values())
        return self.topology.memory_mib - self._reserved_mib - taken

    @property
    def reserved_for_unmanaged(self) -> tuple[int, ...]:
        """CPUs (Linux's numbers, ascending) that unmanaged VMs are pinned to."""
        return tuple(sorted(self._numbers(list(self._reserved))))

    @property
    def reserved_positions(self) -> frozenset[int]:
        """The CPUs reserved for unmanaged VMs, as positions in the topology."""
        return self._reserved

    @property
    def reserved_for_unmanaged_mib(self) -> int:
        """Memory of unmanaged VMs, in MiB."""
        return self._reserved_mib

    @property
    def is_overcommitted(self) -> bool:
        """Whether unmanaged VMs leave too little for the VMs of this host."""
        owned = {position for vnode in self._vnodes.values() for position in vnode.positions}
        return bool(owned & self._reserved) or self.memory_free_mib < 0

    def cpu_ids(self, level: float) -> tuple[int, ...]:
        """Return the CPUs (Linux's numbers) of a vNode in the order in which they were taken.

        Raises:
            KeyError: the host has no vNode of that level.
        """
        return self._numbers(self._vnodes[level].positions)

    def pins(self) -> dict[float, tuple[int, ...]]:
        """Return per level the CPUs that its VMs are pinned to, ascending."""
        return pin_lists(self._vnodes.values(), self.topology, self.critical_size, self._reserved)

    def plan_deploy(self, vm: VM) -> Plan:
        """Decide on a new VM: refused with the reason, or the CPUs that its vNode gains."""
        is_new = vm.level not in self._vnodes
        before = VNode(vm.level, (), {}) if is_new else self._vnodes[vm.level]
        after = before.with_vm(vm)
        growth = after.size - before.owned
        refusal = self._refusal(vm, growth)
        if refusal:
            return self._plan("deploy", vm.name, vm, refusal=refusal)
        taken = self._take(before, growth, self._free(self._reserved), is_new=is_new)
        change = Change(vm.level, gains=self._numbers(taken))
        return self._plan("deploy", vm.name, vm, [after.gaining(taken)], [change])

    def plan_remove(self, name: str) -> Plan:
        """Decide on a removal: refused if the VM does not exist, or the CPUs given back."""
        if name not in self._level_of:
            return self._plan("remove", name, None, refusal=Refusal(Code.VM_NOT_FOUND))
        before = self._vnodes[self._level_of[name]]
        after = before.without_vm(name)
        excess = before.owned - after.size
        situation = Situation(
            self.topology, self._free(self._reserved), before.positions, is_new=False
        )
        given = self.selection.give_back(situation, excess) if excess else []
        change = Change(before.level, loses=self._numbers(given))
        return self._plan("remove", name, before.vms[name], [after.losing(given)], [change])

    def plan_reserve_unmanaged(self, cpu_ids: Collection[int], memory_mib: int) -> Plan:
        """Reserve CPUs and memory for unmanaged VMs; this is never refused.

        vNodes lose CPUs that such VMs are pinned to, and gain others while any are free. If none
        are left, they keep the CPUs, and the host is overcommitted.

        Args:
            cpu_ids: all CPUs that unmanaged VMs are pinned to; CPUs that the host does not offer
                are ignored.
            memory_mib: memory of all unmanaged VMs.
        """
        position = self.topology.position
        reserved = frozenset(position[cpu_id] for cpu_id in cpu_ids if cpu_id in position)
        free = self._free(reserved)
        changed, changes = [], []
        for before in self._vnodes.values():
            in_the_way = [place for place in before.positions if place in reserved]
            lost = in_the_way[: np.count_nonzero(free)]
            if lost:
                rest = before.losing(lost)
                taken = self._take(rest, len(lost), free, is_new=False)
                free[taken] = False
                changed.append(rest.gaining(taken))
                numbers = self._numbers(taken), self._numbers(lost)
                changes.append(Change(before.level, *numbers))
        return self._plan(
            "withhold", "", None, changed, changes, reserved=reserved, reserved_mib=memory_mib
        )

    def commit(self, plan: Plan) -> None:
        """Make an accepted plan the host's state.

        Raises:
            StalePlanError: the host has changed since the plan was made.
            ValueError: the plan was refused.
        """
        if plan.generation != self.generation:
            raise StalePlanError(
                f"the plan to {plan.operation} {plan.name} was made for generation "
                f"{plan.generation} of the host, which is now at {self.generation}"
            )
        if plan.refusal:
            raise ValueError(f"the plan to {plan.operation} {plan.name} was refused")
        self._become(plan.vnodes)
        self._reserved, self._reserved_mib = plan.reserved, plan.reserved_mib
        self.generation += 1

    def restore(
        self,
        vnodes: Iterable[tuple[float, Sequence[int], Sequence[VM]]],
        reserved: Collection[int] = (),
        reserved_mib: int = 0,
    ) -> None:
        """Restore an earlier state.

        Args:
            vnodes: of each vNode its level, its CPUs in the order taken, and its VMs.
            reserved: CPUs reserved for unmanaged VMs.
            reserved_mib: memory reserved for them.

        Raises:
            ValueError: this host cannot be in such a state; the host is unchanged.
        """
        position = self.topology.position
        restored = []
        for level, cpu_ids, vms in vnodes:
            strange = [cpu_id for cpu_id in cpu_ids if cpu_id not in position]
            if strange:
                raise ValueError(f"CPUs {strange} are not among those of this host")
            places = tuple(position[cpu_id] for cpu_id in cpu_ids)
            vnode = VNode(level, places, {vm.name: vm for vm in vms})
            if vnode.owned != vnode.size:
                raise ValueError(f"level {level} owns {vnode.owned} CPUs instead of {vnode.size}")
            if len(vnode.vms) < len(vms) or any(vm.level != level for vm in vms):
                raise ValueError(f"level {level} has a VM twice or of another level")
            restored.append(vnode)
        owned = [place for vnode in restored for place in vnode.positions]
        names = [name for vnode in restored for name in vnode.vms]
        levels = [vnode.level for vnode in restored]
        for what, found in (("CPU", owned), ("VM", names), ("level", levels)):
            if len(set(found)) < len(found):
                raise ValueError(f"a {what} occurs twice")
        self._become(restored)
        self._reserved = frozenset(position[c] for c in reserved if c in position)
        self._reserved_mib = reserved_mib
        self.generation += 1

    def progress(self, vm: VM) -> float | None:
        """Return the progress of this host for a VM (see `scoring.progress`), None if refused."""
        vnode = self._vnodes.get(vm.level, VNode(vm.level, (), {}))
        growth = vnode.with_vm(vm).size - vnode.owned
        if self._refusal(vm, growth):
            return None
        capacity = len(self.topology), self.topology.memory_mib
        owned = capacity[0] - self.cpus_free, capacity[1] - self.memory_free_mib
        return float(progress(*owned, growth, vm.memory_mib, *capacity))

    def summary(self, name: str) -> HostSummary:
        """Return this host in numbers, for a placement over many hosts, with a name."""
        return HostSummary(
            name,
            len(self.topology),
            self.topology.memory_mib,
            self.cpus_free,
            self.memory_free_mib,
            {
                level: LevelSummary(vnode.owned, vnode.allocation, vnode.largest)
                for level, vnode in self._vnodes.items()
            },
            None if self.levels is None else frozenset(self.levels),
            Refusal(Code.OVERCOMMITTED) if self.is_overcommitted else None,
        )

    def _refusal(self, vm: VM, growth: int) -> Refusal | None:
        if vm.name in self._level_of:
            return Refusal(Code.NAME_TAKEN)
        if self.levels is not None and vm.level not in self.levels:
            return Refusal(Code.LEVEL_NOT_OFFERED)
        if self.is_overcommitted:
            return Refusal(Code.OVERCOMMITTED)
        free = self.cpus_free, self.memory_free_mib
        return size_refusal(vm, growth, *free, len(self.topology), self.topology.memory_mib)

    def _take(
        self, vnode: VNode, count: int, free: NDArray[np.bool_], *, is_new: bool
    ) -> list[int]:
        situation = Situation(self.topology, free, vnode.positions, is_new)
        return self.selection.take(situation, count) if count else []

    def _plan(
        self,
        operation: str,
        name: str,
        vm: VM | None,
        changed: Sequence[VNode] = (),
        changes: Sequence[Change] = (),
        *,
        refusal: Refusal | None = None,
        reserved: frozenset[int] | None = None,
        reserved_mib: int | None = None,
    ) -> Plan:
        vnodes = self._vnodes | {vnode.level: vnode for vnode in changed}
        return Plan(
            operation,
            name,
            vm,
            refusal,
            tuple(change for change in changes if change.gains or change.loses),
            tuple(vnodes.values()),
            self._reserved if reserved is None else reserved,
            self._reserved_mib if reserved_mib is None else reserved_mib,
            self.generation,
            self.topology,
            self.critical_size,
        )

    def _become(self, vnodes: Iterable[VNode]) -> None:
        self._vnodes = {vnode.level: vnode for vnode in vnodes}
        self._level_of = {
            name: vnode.level for vnode in self._vnodes.values() for name in vnode.vms
        }
        self._unowned[:] = True
        for vnode in self._vnodes.values():
            self._unowned[list(vnode.positions)] = False

    def _free(self, reserved: frozenset[int]) -> NDArray[np.bool_]:
        free = self._unowned.copy()
        free[list(reserved)] = False
        return free

    def _numbers(self, positions: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.topology.cpus[position].cpu_id for position in positions)
