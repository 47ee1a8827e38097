"""A fleet whose hosts fill and empty: its numbers stay those of the hosts themselves."""

import random
from dataclasses import replace

import pytest

from model.hosts import TOPOLOGIES, host
from model.test_placement import random_hosts, random_vm
from slackvm.model.host import Host
from slackvm.model.placement import Fleet, PlacementRequest
from slackvm.model.refusal import Refusal
from slackvm.model.summary import HostSummary
from slackvm.model.vm import VM

QUESTIONS = [random_vm(random.Random(f"question {n}"), "question") for n in range(60)]


def answers(fleet: Fleet) -> list[object]:
    """Return all that a fleet says of its hosts for many VMs."""
    said: list[object] = [tuple(fleet.names)]
    for vm in QUESTIONS:
        candidates = fleet.consider(PlacementRequest(vm))
        said += [
            candidates.fits.tolist(),
            candidates.added_cpus.tolist(),
            candidates.owned_cpus.tolist(),
            candidates.owned_memory_mib.tolist(),
            [fleet.refusal(index, PlacementRequest(vm)) for index in range(len(fleet))],
        ]
    return said


def fleet_of(hosts: list[Host]) -> Fleet:
    return Fleet(each.summary(f"host{i}") for i, each in enumerate(hosts))


def owned(target: Host, level: float) -> int:
    return target.vnodes[level].owned if level in target.vnodes else 0


@pytest.mark.parametrize("seed", range(40))
def test_what_is_taken_and_given_back_changes_a_fleet_as_it_changes_its_hosts(seed: int) -> None:
    """From any state of the hosts, in any order, and so do the CPUs that vNodes gain and lose."""
    chance = random.Random(seed)
    hosts = list(random_hosts(chance))
    fleet, before = fleet_of(hosts), answers(fleet_of(hosts))
    taken: list[tuple[int, VM]] = []
    for step in range(120):
        if taken and chance.random() < 0.45:
            index, vm = taken.pop(chance.randrange(len(taken)))
            plan = hosts[index].plan_remove(vm.name)
            was = owned(hosts[index], vm.level)
            hosts[index].commit(plan)
            lost = was - owned(hosts[index], vm.level)
            assert fleet.give_back(index, vm) == lost
        else:
            index, vm = chance.randrange(len(hosts)), random_vm(chance, f"new{step}")
            plan = hosts[index].plan_deploy(vm)
            assert bool(fleet.consider(PlacementRequest(vm)).fits[index]) == plan.accepted
            if not plan.accepted:
                continue
            was = owned(hosts[index], vm.level)
            hosts[index].commit(plan)
            assert fleet.take(index, vm) == owned(hosts[index], vm.level) - was
            taken.append((index, vm))
        if step % 10 == 0:
            assert answers(fleet) == answers(fleet_of(hosts))
    assert answers(fleet) == answers(fleet_of(hosts))
    chance.shuffle(taken)
    for index, vm in taken:
        fleet.give_back(index, vm)
    assert answers(fleet) == before


def test_considering_changes_nothing() -> None:
    fleet = fleet_of(list(random_hosts(random.Random(1))))
    assert answers(fleet) == answers(fleet)


def test_a_new_summary_replaces_the_old_one_under_what_is_taken() -> None:
    """A VM that the host has by now as well counts twice, until it is given back."""
    target = host(TOPOLOGIES["laptop"])
    fleet = fleet_of([target])
    mine, other = VM("mine", 4, 1024, 3.0), VM("other", 2, 512, 3.0)
    fleet.take(0, mine)
    target.commit(target.plan_deploy(other))
    fleet.update(0, target.summary("host0"))
    both = target.copy()
    both.commit(both.plan_deploy(mine))
    assert answers(fleet) == answers(fleet_of([both]))
    fleet.update(0, both.summary("host0"))
    assert fleet.consider(PlacementRequest(other)).owned_memory_mib[0] == 512 + 2 * 1024
    fleet.give_back(0, mine)
    assert answers(fleet) == answers(fleet_of([both]))


def test_a_host_that_emptied_is_as_new() -> None:
    target = host(TOPOLOGIES["laptop"])
    new = answers(fleet_of([target]))
    target.commit(target.plan_deploy(VM("first", 4, 1024, 3.0)))
    fleet = fleet_of([target])
    assert answers(fleet) != new
    target.commit(target.plan_remove("first"))
    fleet.update(0, target.summary("host0"))
    assert answers(fleet) == new


@pytest.mark.parametrize("seed", range(5))
def test_hosts_come_and_go(seed: int) -> None:
    """What was taken goes with its host and stays with the others."""
    chance = random.Random(seed)
    hosts = list(random_hosts(chance))
    last = hosts[-1]
    fleet = fleet_of(hosts[:-1])
    small = VM("small", 1, 1, 1.4)
    for index in range(len(fleet)):
        fleet.take(index, small)
    assert fleet.add(last.summary("the last")) == len(hosts) - 1
    gone = chance.randrange(len(hosts) - 1)
    fleet.remove(gone)
    left = [f"host{i}" for i in range(len(hosts) - 1) if i != gone]
    assert tuple(fleet.names) == (*left, "the last")
    for index in range(len(fleet) - 1):
        fleet.give_back(index, small)
    summaries = [each.summary(f"host{i}") for i, each in enumerate(hosts[:-1]) if i != gone]
    assert answers(fleet) == answers(Fleet([*summaries, last.summary("the last")]))


def test_levels_that_nobody_uses_any_more_are_forgotten() -> None:
    """Otherwise every placement would take longer with each level that was ever used."""
    empty = host(TOPOLOGIES["laptop"]).summary("a")
    fleet = Fleet([empty, empty])
    kept = VM("kept", 3, 1024, 1.5)
    fleet.take(1, kept)
    for number in range(2000):
        vm = VM("vm", 1, 1024, (2000 + number) / 1000)
        fleet.take(0, vm)
        fleet.give_back(0, vm)
        fleet.update(0, replace(empty, offered=frozenset({vm.level})))
    again = Fleet([fleet._summaries[0], empty])
    again.take(1, kept)
    request = PlacementRequest(VM("next", 3, 1024, 1.5))
    now, fresh = fleet.consider(request), again.consider(request)
    assert len(now.levels) < 10
    assert 1.5 in now.levels
    assert len(fleet._offers) < 10
    for name in ("fits", "added_cpus", "cpus_free", "memory_free_mib"):
        assert getattr(now, name).tolist() == getattr(fresh, name).tolist()
    assert fleet.give_back(1, kept) == again.give_back(1, kept)


def test_a_closed_host_refuses_everything_with_its_reason() -> None:
    open_host = HostSummary("host0", 8, 4096, 8, 4096, {})
    fleet = Fleet([replace(open_host, unschedulable=Refusal("overcommitted")), open_host])
    vm = VM("vm", 1, 1, 1.0)
    assert fleet.consider(PlacementRequest(vm)).fits.tolist() == [False, True]
    assert fleet.refusal(0, PlacementRequest(vm)) == Refusal("overcommitted")
    fleet.update(0, open_host)
    assert fleet.consider(PlacementRequest(vm)).fits.tolist() == [True, True]


def test_a_vm_is_taken_once_and_given_back_once() -> None:
    fleet = fleet_of([host(TOPOLOGIES["laptop"]), host(TOPOLOGIES["laptop"])])
    vm = VM("vm", 2, 64, 2.0)
    fleet.take(0, vm)
    with pytest.raises(ValueError, match="vm is already taken for host host0"):
        fleet.take(0, VM("vm", 1, 1, 1.0))
    for index, other in ((1, vm), (0, VM("vm", 1, 64, 2.0)), (0, VM("another", 2, 64, 2.0))):
        with pytest.raises(ValueError, match=f"is not taken for host host{index}"):
            fleet.give_back(index, other)
    assert fleet.give_back(0, vm) == 2
    with pytest.raises(ValueError, match="vm is not taken for host host0"):
        fleet.give_back(0, vm)
