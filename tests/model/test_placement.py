"""Placing on many hosts: from summaries exactly what each host would decide itself."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from model.hosts import LEVELS, TOPOLOGIES, host
from slackvm.model.host import Host
from slackvm.model.placement import Fleet, place
from slackvm.model.policies import POLICIES
from slackvm.model.vm import VM


def random_vm(chance: random.Random, name: str) -> VM:
    size = chance.choice([1, 2, 2, 4, 8, 12])
    return VM(name, size, size * chance.choice([256, 1024, 4096, 9000]), chance.choice(LEVELS))


def random_hosts(chance: random.Random) -> Iterator[Host]:
    for topology in TOPOLOGIES.values():
        target = host(topology)
        for step in range(chance.randrange(40)):
            plan = target.plan_deploy(random_vm(chance, f"vm{step}"))
            if plan.accepted:
                target.commit(plan)
            if target.vms and chance.random() < 0.3:
                target.commit(target.plan_remove(chance.choice(sorted(target.vms))))
        yield target


@pytest.mark.parametrize("seed", range(40))
def test_a_fleet_answers_as_its_hosts_do(seed: int) -> None:
    """Same acceptance, refusal and numbers, same progress, for any state and request."""
    chance = random.Random(seed)
    hosts = list(random_hosts(chance))
    fleet = Fleet(each.summary(f"host{i}") for i, each in enumerate(hosts))
    for number in range(25):
        vm = random_vm(chance, f"new{number}")
        placement = place(fleet, vm, POLICIES["progress"])
        for index, each in enumerate(hosts):
            plan = each.plan_deploy(vm)
            assert placement.candidates.fits[index] == plan.accepted
            assert placement.candidates.refusal(index) == plan.refusal
            progress = each.progress(vm)
            assert placement.scores[index] == (-np.inf if progress is None else progress)


def test_the_first_of_equal_hosts_wins() -> None:
    hosts = [host(TOPOLOGIES["laptop"]) for _ in range(3)]
    fleet = Fleet(each.summary(str(i)) for i, each in enumerate(hosts))
    assert place(fleet, VM("vm", 1, 1024, 1.0), POLICIES["progress"]).host == 0


def test_nobody_takes_what_fits_nowhere() -> None:
    fleet = Fleet([host(TOPOLOGIES["laptop"]).summary("only")])
    placement = place(fleet, VM("vm", 9, 1024, 1.0), POLICIES["first-fit"])
    assert placement.host is None
    refusal = placement.candidates.refusal(0)
    assert refusal is not None
    assert refusal.code == "too_large"


def test_packed_opens_an_empty_host_only_when_no_other_takes_the_vm() -> None:
    """Plain progress prefers the empty host here: on the other the VM adds memory and no CPU."""
    used, empty = host(TOPOLOGIES["laptop"]), host(TOPOLOGIES["laptop"])
    used.commit(used.plan_deploy(VM("first", 1, 3972, 2.0)))
    fleet = Fleet([used.summary("used"), empty.summary("empty")])
    greedy = VM("memory", 1, 3972, 2.0)
    assert place(fleet, greedy, POLICIES["progress"]).host == 1
    assert place(fleet, greedy, POLICIES["progress-packed"]).host == 0
    assert place(fleet, VM("large", 8, 1024, 1.0), POLICIES["progress-packed"]).host == 1


def test_an_updated_summary_replaces_the_old_one() -> None:
    target = host(TOPOLOGIES["laptop"])
    fleet = Fleet([target.summary("only")])
    vm = VM("second", 8, 1024, 3.0)
    assert place(fleet, vm, POLICIES["progress"]).host == 0
    target.commit(target.plan_deploy(VM("first", 4, 1024, 3.0)))
    target.commit(target.plan_deploy(VM("other", 1, 1024, 1.0)))
    fleet.update(0, target.summary("only"))
    assert place(fleet, vm, POLICIES["progress"]).host is None
    for name in ("first", "other"):
        target.commit(target.plan_remove(name))
    fleet.update(0, target.summary("only"))
    assert place(fleet, vm, POLICIES["progress"]).host == 0
