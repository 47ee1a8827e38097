"""Placing on many hosts: from summaries exactly what each host would decide itself."""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from model.hosts import LEVELS, TOPOLOGIES, host
from slackvm.model.host import Host
from slackvm.model.placement import Candidates, Fleet, PlacementRequest, Policy, PolicyError, place
from slackvm.model.policies import POLICIES, random_fit
from slackvm.model.refusal import Refusal
from slackvm.model.scoring import progress
from slackvm.model.summary import HostSummary, LevelSummary
from slackvm.model.vm import VM


def random_vm(chance: random.Random, name: str) -> VM:
    size = chance.choice([1, 2, 2, 4, 8, 12])
    return VM(name, size, size * chance.choice([256, 1024, 4096, 9000]), chance.choice(LEVELS))


def random_hosts(chance: random.Random) -> Iterator[Host]:
    """Yield hosts in any state: some with unmanaged VMs, some that offer few levels."""
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
            target.commit(
                target.plan_reserve_unmanaged(some, chance.choice([0, 100, 4000, 30_000]))
            )
        yield target


@pytest.mark.parametrize("seed", range(40))
def test_a_fleet_answers_as_its_hosts_do(seed: int) -> None:
    """Same acceptance, refusal and numbers, same progress, for any state and request."""
    chance = random.Random(seed)
    hosts = list(random_hosts(chance))
    fleet = Fleet(each.summary(f"host{i}") for i, each in enumerate(hosts))
    for number in range(25):
        vm = random_vm(chance, f"new{number}")
        placement = place(fleet, PlacementRequest(vm), POLICIES["progress"])
        for index, each in enumerate(hosts):
            plan = each.plan_deploy(vm)
            assert placement.candidates.fits[index] == plan.accepted
            assert fleet.refusal(index, PlacementRequest(vm)) == plan.refusal
            progress = each.progress(vm)
            assert placement.scores[index] == (-np.inf if progress is None else progress)


def test_the_scores_do_not_depend_on_how_many_hosts_there_are() -> None:
    """Also where they are more than are scored at a time."""
    few = [each.summary(f"host{i}") for i, each in enumerate(random_hosts(random.Random(5)))]
    many = 2000
    vm = VM("vm", 2, 4096, 2.0)
    alone = place(Fleet(few), PlacementRequest(vm), POLICIES["progress"]).scores
    assert np.isfinite(alone).any()
    together = place(Fleet(few * many), PlacementRequest(vm), POLICIES["progress"]).scores
    assert (together == np.tile(alone, many)).all()


def test_the_first_of_equal_hosts_wins() -> None:
    hosts = [host(TOPOLOGIES["laptop"]) for _ in range(3)]
    fleet = Fleet(each.summary(str(i)) for i, each in enumerate(hosts))
    assert place(fleet, PlacementRequest(VM("vm", 1, 1024, 1.0)), POLICIES["progress"]).host == 0


def test_nobody_takes_what_fits_nowhere() -> None:
    fleet = Fleet([host(TOPOLOGIES["laptop"]).summary("only")])
    vm = VM("vm", 9, 1024, 1.0)
    assert place(fleet, PlacementRequest(vm), POLICIES["first-fit"]).host is None
    refusal = fleet.refusal(0, PlacementRequest(vm))
    assert refusal is not None
    assert refusal.code == "too_large"


@pytest.mark.parametrize("policy", POLICIES)
def test_an_empty_fleet_takes_no_vm(policy: str) -> None:
    assert place(Fleet([]), PlacementRequest(VM("vm", 1, 1024, 1.0)), POLICIES[policy]).host is None


def test_packed_uses_an_empty_host_only_when_no_other_takes_the_vm() -> None:
    """Plain progress prefers the empty host here: on the other the VM adds memory and no CPU."""
    used, empty = host(TOPOLOGIES["laptop"]), host(TOPOLOGIES["laptop"])
    used.commit(used.plan_deploy(VM("first", 1, 3972, 2.0)))
    fleet = Fleet([used.summary("used"), empty.summary("empty")])
    greedy = VM("memory", 1, 3972, 2.0)
    assert place(fleet, PlacementRequest(greedy), POLICIES["progress"]).host == 1
    assert place(fleet, PlacementRequest(greedy), POLICIES["progress-packed"]).host == 0
    assert (
        place(fleet, PlacementRequest(VM("large", 8, 1024, 1.0)), POLICIES["progress-packed"]).host
        == 1
    )


def full_and_empty() -> Fleet:
    """Return two hosts of which the first takes nothing."""
    full, empty = host(TOPOLOGIES["laptop"]), host(TOPOLOGIES["laptop"])
    full.commit(full.plan_deploy(VM("first", 8, 1024, 1.0)))
    return Fleet([full.summary("full"), empty.summary("empty")])


def test_a_score_of_minus_infinity_excludes_a_host() -> None:
    def never(candidates: Candidates) -> np.ndarray:
        return np.full(len(candidates.cpus), -np.inf)

    fleet = full_and_empty()
    placement = place(fleet, PlacementRequest(VM("vm", 1, 1024, 1.0)), never)
    assert placement.host is None
    assert placement.accepts.tolist() == [False, False]
    full, empty = (placement.refusal(fleet, index) for index in range(2))
    assert full is not None
    assert full.code == "no_cpu"
    assert empty == Refusal("excluded_by_policy", reason="never")


class FilterByName:
    """A policy as an object; of equal scores, the filter decides."""

    name = "by-name"
    host_local = True

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted

    def filter(self, candidates: Candidates) -> np.ndarray:
        return np.array([name == self.wanted for name in candidates.names], dtype=np.bool_)

    def score(self, candidates: Candidates) -> np.ndarray:
        return candidates.memory_free_mib

    def explain(self, candidates: Candidates) -> dict[str, np.ndarray]:
        return {"free": candidates.memory_free_mib}


def test_a_policy_filters_scores_and_explains() -> None:
    fleet = Fleet(host(TOPOLOGIES["laptop"]).summary(name) for name in ("first", "second"))
    policy = Policy.of(FilterByName("second"))
    assert (policy.name, policy.host_local, policy.in_order) == ("by-name", True, False)
    placement = place(fleet, PlacementRequest(VM("vm", 1, 1024, 1.0)), policy)
    assert placement.host == 1
    assert placement.refusal(fleet, 0) == Refusal("excluded_by_policy", reason="by-name")
    assert placement.refusal(fleet, 1) is None
    explanation = policy.explanation(placement.candidates)
    assert list(explanation) == ["added_cpus", "free"]
    assert (explanation["free"] == placement.candidates.memory_free_mib).all()


def test_the_first_in_order_that_passes_the_filter_gets_the_vm() -> None:
    fleet = Fleet(host(TOPOLOGIES["laptop"]).summary(name) for name in ("a", "b", "b"))
    policy = replace(Policy.of(FilterByName("b")), in_order=True)
    assert place(fleet, PlacementRequest(VM("vm", 1, 1024, 1.0)), policy).host == 1


@pytest.mark.parametrize(
    ("function", "given", "error"),
    [
        ("filter", lambda _: True, "`filter` .* returns the single value True"),
        ("filter", lambda n: np.ones(n), "type float64; it must return an array of True or False"),
        ("filter", lambda n: [True] * (n + 1), r"values of shape \(3,\) and type bool"),
        ("filter", lambda _: 1 // 0, "`filter` of the policy fails: ZeroDivisionError"),
        ("explain", lambda _: 1.0, "`explain` .* returns the single value 1.0"),
        ("explain", lambda n: {"free": [1.0] * (n + 1)}, r"`explain\['free'\]` .* shape \(3,\)"),
        ("explain", lambda n: {1: [1.0] * n}, "a mapping from names"),
        ("explain", lambda _: [[1.0], [1.0, 2.0]], "an object of type list"),
        ("explain", lambda _: sys.exit(3), "`explain` of the policy fails: SystemExit: 3"),
    ],
)
def test_a_filter_and_an_explanation_are_checked(
    function: str, given: Callable[[int], object], error: str
) -> None:
    functions = {function: lambda candidates: given(len(candidates.cpus))}
    policy = Policy(lambda candidates: np.zeros(len(candidates.cpus)), **functions)
    candidates = full_and_empty().consider(PlacementRequest(VM("vm", 1, 1024, 1.0)))
    check = policy.explanation if function == "explain" else policy.accepted
    with pytest.raises(PolicyError, match=error):
        check(candidates)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (3, "3 is not a policy: it must be a function that scores hosts, or an object with"),
        (FilterByName, "FilterByName.* is not a policy"),
        (type("Odd", (FilterByName,), {"filter": 3})("x"), "`filter` of the policy is not a func"),
        (type("Odd", (FilterByName,), {"in_order": 1})("x"), "`in_order` .* neither True nor"),
    ],
)
def test_what_is_not_a_policy_is_refused_with_what_is_missing(given: object, error: str) -> None:
    with pytest.raises(TypeError, match=error):
        Policy.of(given)


def test_a_score_of_a_host_that_refuses_does_not_count() -> None:
    def first_or_nothing(candidates: Candidates) -> np.ndarray:
        return np.where(candidates.fits, 1.0, np.nan)

    assert (
        place(full_and_empty(), PlacementRequest(VM("vm", 1, 1024, 1.0)), first_or_nothing).host
        == 1
    )


def test_a_score_that_is_not_a_number_is_an_error() -> None:
    def broken(candidates: Candidates) -> np.ndarray:
        return np.full(len(candidates.cpus), np.nan)

    with pytest.raises(ValueError, match="score of host empty is not a number"):
        place(full_and_empty(), PlacementRequest(VM("vm", 1, 1024, 1.0)), broken)


class UnprintableError(Exception):
    """An error that fails when it is printed."""

    def __str__(self) -> str:
        raise ValueError

    @classmethod
    def raised(cls) -> int:
        raise cls


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda _: 1.0, r"returns the single value 1\.0"),
        (lambda _: np.float64(1.0), r"returns the single value 1\.0"),
        (lambda _: "best", "returns the single value .*best"),
        (lambda _: None, "returns None"),
        (lambda n: ["high"] * n, r"shape \(2,\) and type <U4"),
        (lambda n: np.full(n, 1j), r"shape \(2,\) and type complex128"),
        (lambda n: np.full(n, "2026-01-01", dtype="datetime64[D]"), "type datetime64"),
        (lambda n: np.array([object()] * n), r"shape \(2,\) and type object"),
        (lambda n: np.zeros((n, 1)), r"shape \(2, 1\) and type float64"),
        (lambda n: np.zeros((1, n)), r"shape \(1, 2\) and type float64"),
        (lambda _: np.zeros(1), r"shape \(1,\) and type float64"),
        (lambda n: np.zeros(n + 1), r"shape \(3,\) and type float64"),
        (lambda n: (score for score in range(n)), "returns an object of type generator"),
        (lambda n: dict.fromkeys(range(n), 1.0), "returns an object of type dict"),
        (lambda _: [1.0, [2.0]], "fails: ValueError"),
        (lambda _: 1 // 0, r"fails: ZeroDivisionError: .* \(test_placement\.py, line \d+\)"),
        (lambda _: {}["x"], "fails: KeyError: 'x'"),
        (lambda _: sys.exit(3), "fails: SystemExit: 3"),
        (lambda _: [][UnprintableError.raised()], "fails: UnprintableError: "),
    ],
)
def test_whatever_is_not_one_number_for_each_host_is_an_error(
    given: Callable[[int], object], message: str
) -> None:
    def broken(candidates: Candidates) -> np.ndarray:
        return given(len(candidates.cpus))  # type: ignore[return-value]

    with pytest.raises(PolicyError, match=message) as error:
        place(full_and_empty(), PlacementRequest(VM("vm", 1, 1024, 1.0)), broken)
    assert len(str(error.value).splitlines()) == 1


def test_one_number_is_an_error_where_there_is_one_host_or_none() -> None:
    for fleet in (Fleet([]), Fleet([host(TOPOLOGIES["laptop"]).summary("only")])):
        with pytest.raises(PolicyError, match="one for each host"):
            place(fleet, PlacementRequest(VM("vm", 1, 1024, 1.0)), lambda _: 1.0)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.bool_])
def test_any_kind_of_real_number_is_a_score(dtype: type) -> None:
    fleet = Fleet([host(TOPOLOGIES["laptop"]).summary(name) for name in ("first", "second")])
    placement = place(
        fleet,
        PlacementRequest(VM("vm", 1, 1024, 1.0)),
        lambda _: np.array([0, 1], dtype=dtype).astype(dtype),
    )
    assert placement.host == 1


@pytest.mark.parametrize("numbers", ["cpus_free", "added_cpus", "cpus"])
def test_a_policy_cannot_write_to_the_fleet(numbers: str) -> None:
    def greedy(candidates: Candidates) -> np.ndarray:
        getattr(candidates, numbers)[:] = 8
        return np.zeros(len(candidates.cpus))

    with pytest.raises(PolicyError, match="read-only"):
        place(full_and_empty(), PlacementRequest(VM("vm", 1, 1024, 1.0)), greedy)


def test_a_policy_cannot_change_labels_of_hosts() -> None:
    def greedy(candidates: Candidates) -> np.ndarray:
        candidates.labels[0]["rack"] = "b"  # type: ignore[index]
        return np.zeros(len(candidates.cpus))

    with pytest.raises(PolicyError, match="does not support item assignment"):
        place(full_and_empty(), PlacementRequest(VM("vm", 1, 1024, 1.0)), greedy)


def test_a_policy_cannot_make_a_host_take_what_does_not_fit() -> None:
    def greedy(candidates: Candidates) -> np.ndarray:
        candidates.fits[:] = True
        return np.zeros(len(candidates.cpus))

    with pytest.raises(PolicyError, match="read-only"):
        place(full_and_empty(), PlacementRequest(VM("vm", 1, 1024, 1.0)), greedy)


def cluster(*hosts: tuple[int, int, int, int]) -> Fleet:
    """Return hosts of so many CPUs and MiB, of which so many are free; the rest is of level 1."""
    return Fleet(
        HostSummary(
            f"host{number}",
            cpus,
            memory_mib,
            cpus_free,
            memory_free_mib,
            {1.0: LevelSummary(cpus - cpus_free, cpus - cpus_free, 1)} if cpus_free < cpus else {},
        )
        for number, (cpus, memory_mib, cpus_free, memory_free_mib) in enumerate(hosts)
    )


def test_best_and_worst_fit_go_by_what_would_be_left_of_both_resources() -> None:
    """After 2 CPUs of 8 and 2 of 16 GiB: 4/8 and 4/16, 2/8 and 8/16, 1/8 and 2/16 are left."""
    fleet = cluster((8, 16, 6, 6), (8, 16, 4, 10), (8, 16, 3, 4))
    vm = VM("vm", 2, 2, 1.0)
    best, worst = (
        place(fleet, PlacementRequest(vm), POLICIES["best-fit"]),
        place(fleet, PlacementRequest(vm), POLICIES["worst-fit"]),
    )
    assert best.scores.tolist() == [-(1 / 4 + 1 / 16), -(1 / 16 + 1 / 4), -(1 / 64 + 1 / 64)]
    assert best.host == 2
    assert worst.scores.tolist() == (-best.scores).tolist()
    assert worst.host == 0


def test_the_dot_product_multiplies_free_and_requested_amounts() -> None:
    fleet = cluster((8, 16, 8, 4), (8, 16, 4, 12))
    placement = place(fleet, PlacementRequest(VM("cpus", 4, 2, 2.0)), POLICIES["dot-product"])
    # Two CPUs after oversubscription are a quarter of a host, and 2 MiB an eighth.
    assert placement.scores.tolist() == [1 / 4 * 1 + 1 / 8 * 1 / 4, 1 / 4 * 1 / 2 + 1 / 8 * 3 / 4]
    assert placement.host == 0
    assert (
        place(fleet, PlacementRequest(VM("memory", 1, 4, 2.0)), POLICIES["dot-product"]).host == 1
    )


def test_random_takes_each_host_as_often_and_always_alike_by_one_seed() -> None:
    fleet = cluster(*[(8, 16, 8, 16)] * 4, (8, 16, 0, 16))
    vms = [VM(f"vm{number}", 1, 1, 1.0) for number in range(2000)]
    chosen = [place(fleet, PlacementRequest(vm), random_fit(7)).host for vm in vms]
    assert chosen == [place(fleet, PlacementRequest(vm), random_fit(7)).host for vm in vms]
    other = [place(fleet, PlacementRequest(vm), random_fit(8)).host for vm in vms]
    assert 400 < sum(a == b for a, b in zip(chosen, other, strict=True)) < 600
    counts = np.bincount([host for host in chosen if host is not None], minlength=5)
    assert counts[4] == 0
    # Each of 4 has 500 on average, with a standard deviation of 19.
    assert (abs(counts[:4] - 500) < 80).all()


def test_progress_broadcasts_whatever_argument_has_more_dimensions() -> None:
    """Each element is what the same numbers give alone."""
    owned, memory = np.array([0, 4, 8]), np.array([0, 30, 70])
    added, more, cpus = np.array([[1], [2]]), np.array([[3], [5]]), 8
    together = progress(owned, memory, added, more, cpus, 64)
    assert together.shape == (2, 3)
    for row in range(2):
        for column in range(3):
            numbers = (owned[column], memory[column], added[row, 0], more[row, 0], cpus, 64)
            assert together[row, column] == progress(*numbers)
    assert progress(0, 0, 1, [3, 8], 8, 64).tolist() == [-5.0, 0.0]
    assert progress(owned, 8, 1, 8, 8, 64).shape == (3,)
    assert progress(4, 8, 1, 8, np.array([8, 16]), np.array([[64], [32], [16]])).shape == (3, 2)


def test_a_host_without_the_required_labels_takes_nothing() -> None:
    """It says which labels it lacks, whatever else is against it; labels of the VM do not count."""
    size = HostSummary("", 8, 4096, 8, 4096, {})
    fleet = Fleet(
        [
            replace(size, name="rack a", labels={"rack": "a", "gpu": ""}),
            replace(size, name="no labels"),
            replace(size, name="rack b", labels={"rack": "b", "gpu": ""}),
        ]
    )
    request = PlacementRequest(VM("vm", 2, 64, 1.0), {"rack": "a"}, {"rack": "b", "gpu": ""})
    placement = place(fleet, request, POLICIES["first-fit"])
    assert placement.host == 2
    assert placement.candidates.fits.tolist() == [False, False, True]
    assert fleet.refusal(0, request) == Refusal("labels_not_matched", reason="rack=b")
    assert fleet.refusal(1, request) == Refusal("labels_not_matched", reason="gpu=,rack=b")
    assert fleet.refusal(2, request) is None
    fleet.update(1, replace(size, name="now with labels", labels={"rack": "b", "gpu": ""}))
    assert place(fleet, request, POLICIES["first-fit"]).host == 1


def test_a_policy_sees_names_labels_levels_and_the_request() -> None:
    used = {1.0: LevelSummary(4, 4, 2), 2.0: LevelSummary(2, 3, 1)}
    fleet = Fleet(
        [
            HostSummary("first", 8, 4096, 2, 1024, used, labels={"rack": "a"}),
            HostSummary("second", 8, 4096, 8, 4096, {}, labels={"rack": "b"}),
        ]
    )
    request = PlacementRequest(VM("vm", 1, 64, 2.0), {"team": "x"})
    candidates = fleet.consider(request)
    assert candidates.request is request
    assert tuple(candidates.names) == ("first", "second")
    assert [labels["rack"] for labels in candidates.labels] == ["a", "b"]
    assert candidates.matching({"rack": "b"}).tolist() == [False, True]
    assert candidates.levels == [1.0, 2.0]
    assert [each.tolist() for each in candidates.level(1.0)] == [[4, 0], [4, 0], [2, 0]]
    assert [each.tolist() for each in candidates.own_level] == [[2, 0], [3, 0], [1, 0]]
    assert [each.tolist() for each in candidates.level(7.0)] == [[0, 0]] * 3
    for numbers in (candidates.cpus, candidates.level(1.0).owned, candidates.own_level.largest):
        with pytest.raises(ValueError, match="read-only"):
            numbers[0] = 8
