"""Placing on many hosts: from summaries exactly what each host would decide itself."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from model.hosts import LEVELS, TOPOLOGIES, host
from slackvm.model.fleet import Candidates, Fleet
from slackvm.model.host import Host
from slackvm.model.placement import place
from slackvm.model.policies import POLICIES
from slackvm.model.vm import VM


def random_vm(chance: random.Random, name: str) -> VM:
    size = chance.choice([1, 2, 2, 4, 8, 12])
    return VM(name, size, size * chance.choice([256, 1024, 4096, 9000]), chance.choice(LEVELS))


def random_hosts(chance: random.Random) -> Iterator[Host]:
    """Yield hosts in any state: with VMs of somebody else on some, of few levels some."""
    for topology in TOPOLOGIES.values():
        target = host(topology)
        target.levels = chance.choice([None, None, LEVELS[:2], LEVELS[1:]])
        for step in range(chance.randrange(40)):
            plan = target.plan_deploy(random_vm(chance, f"vm{step}"))
            if plan.accepted:
                target.commit(plan)
            if target.vms and chance.random() < 0.3:
                target.commit(target.plan_remove(chance.choice(sorted(target.vms))))
        if chance.random() < 0.4:
            some = chance.sample(topology.cpu_ids.tolist(), chance.randint(0, len(topology)))
            target.commit(target.plan_withhold(some, chance.choice([0, 100, 4000, 30_000])))
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
            assert fleet.refusal(index, vm) == plan.refusal
            progress = each.progress(vm)
            assert placement.scores[index] == (-np.inf if progress is None else progress)


def test_the_scores_do_not_depend_on_how_many_hosts_there_are() -> None:
    """Also where they are more than are scored at a time."""
    few = [each.summary(f"host{i}") for i, each in enumerate(random_hosts(random.Random(5)))]
    many = 2000
    vm = VM("vm", 2, 4096, 2.0)
    alone = place(Fleet(few), vm, POLICIES["progress"]).scores
    assert np.isfinite(alone).any()
    together = place(Fleet(few * many), vm, POLICIES["progress"]).scores
    assert (together == np.tile(alone, many)).all()


def test_the_first_of_equal_hosts_wins() -> None:
    hosts = [host(TOPOLOGIES["laptop"]) for _ in range(3)]
    fleet = Fleet(each.summary(str(i)) for i, each in enumerate(hosts))
    assert place(fleet, VM("vm", 1, 1024, 1.0), POLICIES["progress"]).host == 0


def test_nobody_takes_what_fits_nowhere() -> None:
    fleet = Fleet([host(TOPOLOGIES["laptop"]).summary("only")])
    vm = VM("vm", 9, 1024, 1.0)
    assert place(fleet, vm, POLICIES["first-fit"]).host is None
    refusal = fleet.refusal(0, vm)
    assert refusal is not None
    assert refusal.code == "too_large"


@pytest.mark.parametrize("policy", POLICIES)
def test_no_host_takes_anything_where_there_is_none(policy: str) -> None:
    assert place(Fleet([]), VM("vm", 1, 1024, 1.0), POLICIES[policy]).host is None


def test_packed_opens_an_empty_host_only_when_no_other_takes_the_vm() -> None:
    """Plain progress prefers the empty host here: on the other the VM adds memory and no CPU."""
    used, empty = host(TOPOLOGIES["laptop"]), host(TOPOLOGIES["laptop"])
    used.commit(used.plan_deploy(VM("first", 1, 3972, 2.0)))
    fleet = Fleet([used.summary("used"), empty.summary("empty")])
    greedy = VM("memory", 1, 3972, 2.0)
    assert place(fleet, greedy, POLICIES["progress"]).host == 1
    assert place(fleet, greedy, POLICIES["progress-packed"]).host == 0
    assert place(fleet, VM("large", 8, 1024, 1.0), POLICIES["progress-packed"]).host == 1


def full_and_empty() -> Fleet:
    """Return two hosts of which the first takes nothing."""
    full, empty = host(TOPOLOGIES["laptop"]), host(TOPOLOGIES["laptop"])
    full.commit(full.plan_deploy(VM("first", 8, 1024, 1.0)))
    return Fleet([full.summary("full"), empty.summary("empty")])


def test_a_score_of_minus_infinity_is_the_lowest_and_no_refusal() -> None:
    def never(candidates: Candidates) -> np.ndarray:
        return np.full(len(candidates.cpus), -np.inf)

    assert place(full_and_empty(), VM("vm", 1, 1024, 1.0), never).host == 1


def test_a_score_of_a_host_that_refuses_does_not_count() -> None:
    def first_or_nothing(candidates: Candidates) -> np.ndarray:
        return np.where(candidates.fits, 1.0, np.nan)

    assert place(full_and_empty(), VM("vm", 1, 1024, 1.0), first_or_nothing).host == 1


def test_a_score_that_is_not_a_number_is_an_error() -> None:
    def broken(candidates: Candidates) -> np.ndarray:
        return np.full(len(candidates.cpus), np.nan)

    with pytest.raises(ValueError, match="score of host empty is not a number"):
        place(full_and_empty(), VM("vm", 1, 1024, 1.0), broken)


def test_scores_of_another_shape_are_an_error() -> None:
    def broken(candidates: Candidates) -> np.ndarray:
        return np.zeros((1, len(candidates.cpus)))

    with pytest.raises(ValueError, match=r"scores of shape \(1, 2\), not \(2,\)"):
        place(full_and_empty(), VM("vm", 1, 1024, 1.0), broken)


def test_a_policy_cannot_write_to_the_fleet() -> None:
    def greedy(candidates: Candidates) -> np.ndarray:
        candidates.cpus_free[:] = 8
        return np.zeros(len(candidates.cpus))

    with pytest.raises(ValueError, match="read-only"):
        place(full_and_empty(), VM("vm", 1, 1024, 1.0), greedy)
