"""A host as a state machine without side effects: decide, then do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from slackvm.model.balance import CRITICAL_SIZE, pin_lists
from slackvm.model.placement import HostSummary, LevelSummary
from slackvm.model.refusal import Refusal, size_checks
from slackvm.model.scoring import progress
from slackvm.model.selection import SELECTIONS, Selection, Situation
from slackvm.model.topology import Topology
from slackvm.model.vm import VM
from slackvm.model.vnode import VNode


class StalePlanError(ValueError):
    """The host has changed since the plan was made; plan again."""


@dataclass(frozen=True, slots=True)
class Change:
    """The CPUs (Linux's numbers, in order) that a vNode gains or loses."""

    level: float
    gains: tuple[int, ...] = ()
    loses: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a deploy or a removal would do; making it changes nothing.

    Attributes:
        operation: `deploy` or `remove`.
        name: the VM's name.
        vm: the VM; None where a removal names a VM that is not there.
        refusal: why not; None when accepted.
        changes: vNodes whose CPUs change.
        vnodes: all vNodes as they would be, in the order of their creation.
        generation: the generation of the host that it was made for.
    """

    operation: str
    name: str
    vm: VM | None
    refusal: Refusal | None
    changes: tuple[Change, ...]
    vnodes: tuple[VNode, ...]
    generation: int
    topology: Topology
    critical_size: int

    @property
    def accepted(self) -> bool:
        """Whether it can be carried out."""
        return self.refusal is None

    @cached_property
    def pins(self) -> Mapping[str, tuple[int, ...]]:
        """The CPUs that each VM of the host must be pinned to once it is carried out."""
        by_level = pin_lists(self.vnodes, self.topology, self.critical_size)
        return {name: by_level[vnode.level] for vnode in self.vnodes for name in vnode.vms}


class Host:
    """The vNodes and VMs of one host.

    `plan_deploy` and `plan_remove` decide and change nothing; `commit` carries a plan over into
    the state. A plan that is refused or dropped leaves no trace.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        selection: Selection = SELECTIONS["paper"],
        critical_size: int = CRITICAL_SIZE,
    ) -> None:
        self.topology = topology
        self.selection = selection
        self.critical_size = critical_size
        self.generation = 0
        self._vnodes: dict[float, VNode] = {}
        self._level_of: dict[str, float] = {}
        self._free = np.ones(len(topology), dtype=np.bool_)
        self._memory_free_mib = topology.memory_mib

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
        """CPUs that no vNode owns."""
        return int(np.count_nonzero(self._free))

    @property
    def memory_free_mib(self) -> int:
        """MiB that no VM has."""
        return self._memory_free_mib

    def cpu_ids(self, level: float) -> tuple[int, ...]:
        """Return the CPUs (Linux's numbers) of a vNode in the order in which they were taken.

        Raises:
            KeyError: the host has no vNode of that level.
        """
        return self._numbers(self._vnodes[level].positions)

    def pins(self) -> dict[float, tuple[int, ...]]:
        """Return per level the CPUs that its VMs are pinned to, ascending."""
        return pin_lists(self._vnodes.values(), self.topology, self.critical_size)

    def plan_deploy(self, vm: VM) -> Plan:
        """Decide on a new VM: refused with the reason, or the CPUs that its vNode gains."""
        is_new = vm.level not in self._vnodes
        before = VNode(vm.level, (), {}) if is_new else self._vnodes[vm.level]
        after = before.with_vm(vm)
        growth = after.size - before.owned
        refusal = self._refusal(vm, growth)
        if refusal:
            return self._plan("deploy", vm.name, vm, refusal=refusal)
        situation = Situation(self.topology, self._free, before.positions, is_new)
        taken = self.selection.take(situation, growth) if growth else []
        change = Change(vm.level, gains=self._numbers(taken))
        return self._plan("deploy", vm.name, vm, after=after.gaining(taken), change=change)

    def plan_remove(self, name: str) -> Plan:
        """Decide on a removal: refused where there is no such VM, or the CPUs given back."""
        if name not in self._level_of:
            return self._plan("remove", name, None, refusal=Refusal("unknown", None, None))
        before = self._vnodes[self._level_of[name]]
        after = before.without_vm(name)
        excess = before.owned - after.size
        situation = Situation(self.topology, self._free, before.positions, is_new=False)
        given = self.selection.give_back(situation, excess) if excess else []
        change = Change(before.level, loses=self._numbers(given))
        vm = before.vms[name]
        return self._plan("remove", name, vm, after=after.losing(given), change=change)

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
        if plan.refusal or plan.vm is None:
            raise ValueError(f"the plan to {plan.operation} {plan.name} was refused")
        self._vnodes = {vnode.level: vnode for vnode in plan.vnodes}
        for change in plan.changes:
            self._free[self._positions(change.gains)] = False
            self._free[self._positions(change.loses)] = True
        if plan.operation == "deploy":
            self._level_of[plan.name] = plan.vm.level
            self._memory_free_mib -= plan.vm.memory_mib
        else:
            del self._level_of[plan.name]
            self._memory_free_mib += plan.vm.memory_mib
        self.generation += 1

    def progress(self, vm: VM) -> float | None:
        """Return the progress of this host for a VM (see `scoring.progress`), None if refused."""
        vnode = self._vnodes.get(vm.level, VNode(vm.level, (), {}))
        growth = vnode.with_vm(vm).size - vnode.owned
        if self._refusal(vm, growth):
            return None
        capacity = len(self.topology), self.topology.memory_mib
        owned = capacity[0] - self.cpus_free, capacity[1] - self._memory_free_mib
        return float(progress(*owned, growth, vm.memory_mib, *capacity))

    def summary(self, name: str) -> HostSummary:
        """Return what a placement over many hosts needs to know of this one, called `name`."""
        return HostSummary(
            name,
            len(self.topology),
            self.topology.memory_mib,
            self.cpus_free,
            self._memory_free_mib,
            {
                level: LevelSummary(vnode.owned, vnode.allocation, vnode.largest)
                for level, vnode in self._vnodes.items()
            },
        )

    def _refusal(self, vm: VM, growth: int) -> Refusal | None:
        if vm.name in self._level_of:
            return Refusal("name_taken", None, None)
        capacity = len(self.topology), self.topology.memory_mib
        checks = size_checks(vm, growth, self.cpus_free, self._memory_free_mib, *capacity)
        return next((Refusal(*check) for check in checks if check.needed > check.free), None)

    def _plan(
        self,
        operation: str,
        name: str,
        vm: VM | None,
        *,
        refusal: Refusal | None = None,
        after: VNode | None = None,
        change: Change | None = None,
    ) -> Plan:
        vnodes = self._vnodes if after is None else {**self._vnodes, after.level: after}
        changes = (change,) if change and (change.gains or change.loses) else ()
        return Plan(
            operation,
            name,
            vm,
            refusal,
            changes,
            tuple(vnodes.values()),
            self.generation,
            self.topology,
            self.critical_size,
        )

    def _numbers(self, positions: "list[int] | tuple[int, ...]") -> tuple[int, ...]:
        return tuple(self.topology.cpus[position].cpu_id for position in positions)

    def _positions(self, cpu_ids: tuple[int, ...]) -> list[int]:
        return [self.topology.position[cpu_id] for cpu_id in cpu_ids]
