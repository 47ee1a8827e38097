"""What must hold of a host whatever is deployed on it and removed from it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from model.hosts import LEVELS, TOPOLOGIES, host
from slackvm.model.host import Host
from slackvm.model.plan import Plan
from slackvm.model.topology import Topology
from slackvm.model.vm import VM


def rule_size(vms: list[VM], level: float) -> int:
    """Return the paper's size of a vNode: max(ceil(allocation / level), largest VM)."""
    if not vms:
        return 0
    exact = Fraction(sum(vm.vcpus for vm in vms)) / Fraction(str(level))
    return max(math.ceil(exact), max(vm.vcpus for vm in vms))


def snapshot(target: Host) -> object:
    cpus = {level: target.cpu_ids(level) for level in target.vnodes}
    free = target.cpus_free, target.memory_free_mib
    return (
        cpus,
        dict(target.vms),
        free,
        target.pins(),
        target.reserved_for_unmanaged,
        target.reserved_for_unmanaged_mib,
    )


def whole_free_cores(topology: Topology, owned: set[int]) -> set[int]:
    """Return the cores of which nobody owns a CPU, by their number in the topology."""
    busy = {int(topology.cores[topology.position[cpu_id]]) for cpu_id in owned}
    return set(topology.cores.tolist()) - busy


class HostMachine(RuleBasedStateMachine):
    """Random deploys and removals on one host."""

    selection: str

    @initialize(
        name=st.sampled_from(sorted(TOPOLOGIES)), critical_size=st.sampled_from([0, 1, 2, 6])
    )
    def begin(self, name: str, critical_size: int) -> None:
        self.topology = TOPOLOGIES[name]
        self.host = host(self.topology, self.selection, critical_size)
        self.counter = 0

    def vms_of(self, level: float) -> list[VM]:
        return [vm for vm in self.host.vms.values() if vm.level == level]

    def fits(self, vm: VM) -> bool:
        before = self.vms_of(vm.level)
        growth = rule_size([*before, vm], vm.level) - rule_size(before, vm.level)
        owned = sum(rule_size(self.vms_of(level), level) for level in self.host.vnodes)
        taken = sum(other.memory_mib for other in self.host.vms.values())
        strangers = set(self.host.reserved_for_unmanaged)
        own = {cpu_id for each in self.host.vnodes for cpu_id in self.host.cpu_ids(each)}
        return (
            not own & strangers
            and owned + len(strangers) + growth <= len(self.topology)
            and taken + vm.memory_mib + self.host.reserved_for_unmanaged_mib
            <= self.topology.memory_mib
            and taken + self.host.reserved_for_unmanaged_mib <= self.topology.memory_mib
        )

    def owned_by_others(self, level: float) -> set[int]:
        others = (other for other in self.host.vnodes if other != level)
        return {cpu_id for other in others for cpu_id in self.host.cpu_ids(other)}

    @rule(
        vcpus=st.integers(1, 9),
        memory_mib=st.integers(1, 20_000),
        level=st.sampled_from(LEVELS),
        drop=st.booleans(),
    )
    def deploy(self, vcpus: int, memory_mib: int, level: float, drop: bool) -> None:
        self.counter += 1
        vm = VM(f"vm{self.counter}", vcpus, memory_mib, level)
        fits, before = self.fits(vm), snapshot(self.host)
        plan = self.host.plan_deploy(vm)
        assert plan.accepted == fits
        assert snapshot(self.host) == before, "a plan changes nothing"
        if not plan.accepted:
            with pytest.raises(ValueError, match="refused"):
                self.host.commit(plan)
            assert snapshot(self.host) == before
            return
        if self.selection == "compact":
            self.check_compact(plan, level)
        if not drop:
            self.host.commit(plan)
            assert vm.name in self.host.vms
            self.check_pins(plan)

    @precondition(lambda self: self.host.vms)
    @rule(data=st.data(), drop=st.booleans())
    def remove(self, data: st.DataObject, drop: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.host.vms)))
        before = snapshot(self.host)
        plan = self.host.plan_remove(name)
        assert plan.accepted
        assert snapshot(self.host) == before
        if not drop:
            self.host.commit(plan)
            assert name not in self.host.vms
            self.check_pins(plan)

    @precondition(lambda self: self.host.vms)
    @rule(data=st.data())
    def refuse_a_name_twice(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.host.vms)))
        plan = self.host.plan_deploy(VM(name, 1, 1, 1.0))
        assert plan.refusal is not None
        assert plan.refusal.code == "name_taken"

    @rule()
    def empty(self) -> None:
        for name in list(self.host.vms):
            self.host.commit(self.host.plan_remove(name))
        assert all(not vnode.positions and not vnode.vms for vnode in self.host.vnodes.values())
        assert self.host.cpus_free == len(self.topology) - len(self.host.reserved_for_unmanaged)
        assert (
            self.host.memory_free_mib
            == self.topology.memory_mib - self.host.reserved_for_unmanaged_mib
        )

    @rule(data=st.data(), memory_mib=st.sampled_from([0, 0, 100, 5000, 10**6]))
    def reserve_for_unmanaged(self, data: st.DataObject, memory_mib: int) -> None:
        """Unmanaged VMs appear on some CPUs, or disappear."""
        ids = self.topology.cpu_ids.tolist()
        cpu_ids = data.draw(st.sets(st.sampled_from(ids), max_size=len(ids)))
        before = snapshot(self.host)
        sizes = {level: vnode.owned for level, vnode in self.host.vnodes.items()}
        plan = self.host.plan_reserve_unmanaged(cpu_ids, memory_mib)
        assert snapshot(self.host) == before
        self.host.commit(plan)
        self.check_pins(plan)
        assert set(self.host.reserved_for_unmanaged) == cpu_ids
        assert {level: vnode.owned for level, vnode in self.host.vnodes.items()} == sizes
        owned = {cpu_id for level in self.host.vnodes for cpu_id in self.host.cpu_ids(level)}
        if owned & cpu_ids:
            assert self.host.is_overcommitted
            assert self.host.cpus_free == 0, "a CPU is kept only where no other is left"
        if self.host.is_overcommitted:
            refusal = self.host.plan_deploy(VM("one more", 1, 1, 1.0)).refusal
            assert refusal is not None
            assert refusal.code == "overcommitted"

    @rule()
    def live_again(self) -> None:
        """A new host that takes over the vNodes is as this one."""
        again = host(self.topology, self.selection, self.host.critical_size)
        again.restore(
            [
                (level, self.host.cpu_ids(level), list(vnode.vms.values()))
                for level, vnode in self.host.vnodes.items()
            ],
            *(self.host.reserved_for_unmanaged, self.host.reserved_for_unmanaged_mib),
        )
        assert snapshot(again) == snapshot(self.host)

    def check_pins(self, plan: Plan) -> None:
        """What the plan promised about pins is what the host says after it."""
        by_level = self.host.pins()
        assert plan.pins == {name: by_level[vm.level] for name, vm in self.host.vms.items()}

    def check_compact(self, plan: Plan, level: float) -> None:
        """A CPU is taken from a core of others only when no whole free core was left then."""
        owned = {cpu_id for each in self.host.vnodes for cpu_id in self.host.cpu_ids(each)}
        others = self.owned_by_others(level) | set(self.host.reserved_for_unmanaged)
        mine = owned - others
        cores, position = self.topology.cores, self.topology.position
        for cpu_id in (cpu_id for change in plan.changes for cpu_id in change.gains):
            core = int(cores[position[cpu_id]])
            free_cores = whole_free_cores(
                self.topology, owned | set(self.host.reserved_for_unmanaged)
            )
            if self.siblings(cpu_id) & others:
                assert not free_cores
            half_used = {
                int(cores[position[own]])
                for own in mine
                if not others & self.siblings(own) and self.siblings(own) - owned - others
            }
            if half_used:
                assert core in half_used, "its own half-used core is finished first"
            elif free_cores:
                assert core in free_cores, "whole free cores are taken while any exist"
                self.check_nearest_free_core(core, free_cores, mine)
            owned.add(cpu_id)
            mine.add(cpu_id)

    def check_nearest_free_core(self, core: int, free_cores: set[int], mine: set[int]) -> None:
        """A free core with a shared L3 goes before one on the NUMA node, and that before others."""
        if not mine:
            return
        topology = self.topology
        own = [topology.position[cpu_id] for cpu_id in mine]
        ranks = {}
        for candidate in free_cores:
            at = int(np.argmax(topology.cores == candidate))
            near = topology.last_level_caches[at] in topology.last_level_caches[own]
            local = topology.numa_nodes[at] in topology.numa_nodes[own]
            ranks[candidate] = (not near, not local)
        assert ranks[core] == min(ranks.values())

    def siblings(self, cpu_id: int) -> set[int]:
        cores, position = self.topology.cores, self.topology.position
        return {
            cpu.cpu_id
            for cpu in self.topology.cpus
            if cores[position[cpu.cpu_id]] == cores[position[cpu_id]]
        }

    @invariant()
    def no_cpu_belongs_to_two_vnodes(self) -> None:
        owned = [cpu_id for level in self.host.vnodes for cpu_id in self.host.cpu_ids(level)]
        taken = set(owned) | set(self.host.reserved_for_unmanaged)
        assert len(owned) == len(set(owned))
        assert len(taken) == len(self.topology) - self.host.cpus_free

    @invariant()
    def each_vnode_has_the_size_of_the_rule(self) -> None:
        for level, vnode in self.host.vnodes.items():
            assert vnode.owned == rule_size(self.vms_of(level), level)

    @invariant()
    def memory_adds_up(self) -> None:
        taken = sum(vm.memory_mib for vm in self.host.vms.values())
        withheld = self.host.reserved_for_unmanaged_mib
        assert taken + withheld + self.host.memory_free_mib == self.topology.memory_mib

    @invariant()
    def pins_hold_the_owned_cpus_and_none_of_level_one(self) -> None:
        pins = self.host.pins()
        exclusive = set(self.host.cpu_ids(1.0)) if 1.0 in self.host.vnodes else set()
        for level, pinned in pins.items():
            assert list(pinned) == sorted(pinned)
            assert set(self.host.cpu_ids(level)) <= set(pinned)
            assert level == 1.0 or not exclusive & set(pinned)

    @invariant()
    def pins_are_balanced_exactly_where_a_vnode_is_small(self) -> None:
        shared = {
            level: vnode for level, vnode in self.host.vnodes.items() if level > 1 and vnode.vms
        }
        if not shared:
            return
        pins = self.host.pins()
        free_or_shared = {cpu.cpu_id for cpu in self.topology.cpus}
        for level in self.host.vnodes:
            if level not in shared:
                free_or_shared -= set(self.host.cpu_ids(level))
        strangers = set(self.host.reserved_for_unmanaged)
        free_or_shared -= strangers - {c for level in shared for c in self.host.cpu_ids(level)}
        small = any(len(vnode.vms) < self.host.critical_size for vnode in shared.values())
        for level in shared:
            expected = free_or_shared if small else set(self.host.cpu_ids(level))
            assert set(pins[level]) == expected


class PaperMachine(HostMachine):
    selection = "paper"


class CompactMachine(HostMachine):
    selection = "compact"


TestPaper = PaperMachine.TestCase
TestCompact = CompactMachine.TestCase
TestPaper.settings = TestCompact.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)


def test_a_plan_for_an_earlier_state_is_not_committed() -> None:
    target = host(TOPOLOGIES["laptop"])
    plan, other = (target.plan_deploy(VM(name, 2, 1024, 1.0)) for name in ("a", "b"))
    target.commit(plan)
    before = snapshot(target)
    with pytest.raises(ValueError, match="generation 0 of the host, which is now at 1"):
        target.commit(other)
    assert snapshot(target) == before


@pytest.mark.parametrize(
    ("vcpus", "memory_mib", "code", "needed", "free"),
    [
        (9, 1, "too_large", 9, 8),
        (7, 1, "no_cpu", 7, 6),
        (1, 40_000, "too_large", 40_000, 31_776),
        (1, 31_000, "no_memory", 31_000, 30_752),
        (7, 31_000, "no_cpu", 7, 6),
    ],
)
def test_a_refusal_tells_what_is_needed_and_free(
    vcpus: int, memory_mib: int, code: str, needed: int, free: int
) -> None:
    """CPUs are checked before memory."""
    target = host(TOPOLOGIES["laptop"])
    target.commit(target.plan_deploy(VM("first", 2, 1024, 1.0)))
    refusal = target.plan_deploy(VM("second", vcpus, memory_mib, 1.0)).refusal
    assert refusal is not None
    assert (refusal.code, refusal.needed, refusal.free) == (code, needed, free)
    assert str(needed) in refusal.message


def test_removing_an_unknown_vm_is_refused() -> None:
    refusal = host(TOPOLOGIES["laptop"]).plan_remove("nobody").refusal
    assert refusal is not None
    assert refusal.code == "vm_not_found"


@pytest.mark.parametrize(
    ("vnodes", "message"),
    [
        ([(1.0, [0], [VM("a", 2, 1, 1.0)])], "level 1.0 owns 1 CPUs instead of 2"),
        ([(1.0, [0, 99], [VM("a", 2, 1, 1.0)])], "CPUs \\[99\\] are not among those of this host"),
        ([(1.0, [0], [VM("a", 1, 1, 2.0)])], "a VM twice or of another level"),
        (
            [(1.0, [0], [VM("a", 1, 1, 1.0)]), (2.0, [0], [VM("b", 1, 1, 2.0)])],
            "a CPU occurs twice",
        ),
        (
            [(1.0, [0], [VM("a", 1, 1, 1.0)]), (2.0, [1], [VM("a", 1, 1, 2.0)])],
            "a VM occurs twice",
        ),
    ],
)
def test_what_no_host_can_be_is_not_restored(vnodes: list, message: str) -> None:
    target = host(TOPOLOGIES["laptop"])
    before = snapshot(target)
    with pytest.raises(ValueError, match=message):
        target.restore(vnodes)
    assert snapshot(target) == before


def test_a_level_that_is_not_offered_is_refused() -> None:
    target = Host(TOPOLOGIES["laptop"], levels=(1.0, 2.0))
    assert target.plan_deploy(VM("a", 1, 1, 2.0)).accepted
    refusal = target.plan_deploy(VM("a", 1, 1, 3.0)).refusal
    assert refusal is not None
    assert refusal.code == "level_not_offered"
