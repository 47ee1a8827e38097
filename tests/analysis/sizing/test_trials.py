"""Many trials at once decide as a fleet does one VM at a time."""

import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.sizing.lists import random_list
from slackanalysis.sizing.hosts import HostPattern, Hosts, HostSize, parse_hosts
from slackanalysis.sizing.placement_run import fewest, volume_bound
from slackanalysis.sizing.sizing import Question, shared_out, size_lists
from slackanalysis.sizing.trials import OnRefusal, Trial, run_trials
from slackanalysis.workload.request_file import read_requests
from slackanalysis.workload.requests import RequestList
from slackvm.model import (
    POLICIES,
    Candidates,
    Fleet,
    HostSummary,
    PlacementRequest,
    Policy,
    PolicyError,
    place,
)
from slackvm.model.policies import random_fit
from slackvm.model.refusal import most_transient

EQUAL = HostSize(8, 16_384)
MIXED = HostPattern(((EQUAL, 2), (HostSize(16, 12_000), 1)))


def own(candidates: Candidates) -> np.ndarray:
    """A user's policy: takes one request at a time."""
    assert candidates.vm.name.startswith("vm")
    return -candidates.memory_free_mib * float(candidates.vm.vcpus)


class TwoLevels:
    """A user's policy that many requests at once are given to: no host has VMs of three levels."""

    host_local = True

    def filter(self, candidates: Candidates) -> np.ndarray:
        used = [candidates.level(level).owned > 0 for level in candidates.levels]
        others = np.sum(used, axis=0) - (candidates.own_level.owned > 0)
        return others <= 1

    def score(self, candidates: Candidates) -> np.ndarray:
        scores = -candidates.memory_free_mib * 1.0 - candidates.added_cpus
        is_odd = np.array([int(name.removeprefix("host")) % 2 == 1 for name in candidates.names])
        full = candidates.own_level.allocation + candidates.vm.vcpus > 12
        return np.where(full & is_odd, -np.inf, scores + candidates.matching({"rack": "b"}))


ALL: dict[str, Policy] = {
    **POLICIES,
    "random:3": random_fit(3),
    "own": Policy.of(own),
    "two levels": Policy.of(TwoLevels()),
    "two levels, one by one": replace(Policy.of(TwoLevels()), host_local=False),
    "two levels, used first": replace(Policy.of(TwoLevels()), used_first=True),
    "two levels, in order": replace(Policy.of(TwoLevels()), in_order=True),
}


def one_by_one(requests: RequestList, hosts: Hosts, count: int, policy: Policy):
    """Return the host of each event and the CPUs gained by it, and who was refused, by a fleet."""
    sizes = [hosts.at(index) for index in range(count)]
    fleet = Fleet(
        HostSummary(f"host{index}", s.cpus, s.memory_mib, s.cpus, s.memory_mib, {})
        for index, s in enumerate(sizes)
    )
    host_of, where, gained, refused = {}, [], [], []
    for event in requests.events.tolist():
        vm = requests.vms[event if event >= 0 else ~event]
        if event < 0:
            host = host_of[~event]
            gained.append(0 if host is None else -fleet.give_back(host, vm))
        else:
            placement = place(fleet, PlacementRequest(vm), policy)
            host = host_of[event] = placement.host
            gained.append(0 if host is None else fleet.take(host, vm))
            if host is None:
                reasons = [placement.refusal(fleet, index) for index in range(count)]
                refused.append((event, most_transient(r for r in reasons if r).code))
        where.append(-1 if host is None else host)
    return where, gained, refused


def fewest_one_by_one(requests: RequestList, hosts: Hosts, policy: Policy):
    count = volume_bound(requests, hosts)
    while (found := one_by_one(requests, hosts, count, policy))[2]:
        count += 1
    return count, *found[:2]


@pytest.mark.parametrize("hosts", [EQUAL, MIXED], ids=["equal", "mixed"])
@pytest.mark.parametrize("name", ALL)
def test_trials_together_place_each_vm_where_a_fleet_does(name: str, hosts: Hosts) -> None:
    """Lists of different length, so that slots end, begin again and widen at different times."""
    lists = [random_list(seed, count=10 + 7 * seed) for seed in range(12)]
    lists.append(RequestList({}, [], np.zeros(0), np.zeros(0)))
    message: list[int] = []
    runs = run_trials([fewest(each, hosts) for each in lists], ALL[name], progress=message.append)
    assert sum(message) == len(lists)
    for requests, run in zip(lists, runs, strict=True):
        found = run.hosts, run.host.tolist(), run.gained.tolist()
        assert found == fewest_one_by_one(requests, hosts, ALL[name])


@pytest.mark.parametrize("hosts", [EQUAL, MIXED], ids=["equal", "mixed"])
@pytest.mark.parametrize("name", ["progress", "first-fit", "random:3", "own", "two levels"])
def test_a_number_of_hosts_refuses_whom_a_fleet_refuses(name: str, hosts: Hosts) -> None:
    lists = [random_list(seed) for seed in range(6)]
    counts = [max(1, volume_bound(each, hosts) - seed % 3) for seed, each in enumerate(lists)]
    trials = [
        Trial(each, hosts, count, OnRefusal.RECORD)
        for each, count in zip(lists, counts, strict=True)
    ]
    refusals = 0
    for trial, run in zip(trials, run_trials(trials, ALL[name]), strict=True):
        where, gained, refused = one_by_one(trial.requests, hosts, trial.count, ALL[name])
        assert run.host.tolist() == where
        assert run.gained.tolist() == gained
        assert [(vm.vm, vm.code) for vm in run.refused] == refused
        refusals += len(refused)
    assert refusals > 10


@pytest.mark.parametrize("host_local", [True, False])
def test_a_policy_that_excludes_every_host_ends_with_an_error(host_local: bool) -> None:
    """However many hosts are added: also of the first VM and where others found a host before."""
    policy = Policy(
        lambda candidates: np.where(
            candidates.vm.level == 3.0, -np.inf, np.zeros(candidates.cpus.shape)
        ),
        host_local=host_local,
    )
    trials = [fewest(random_list(seed), EQUAL) for seed in range(2)]
    with pytest.raises(PolicyError, match=r"no host takes VM vm\d+: the policy excludes each of"):
        run_trials(trials, policy)


@pytest.mark.parametrize(
    ("score", "error"),
    [
        (
            lambda _: 1.0,
            r"the single value 1.0; .* with shape \(2, \d+\), one for each req",
        ),
        (lambda _: np.zeros(3), r"values of shape \(3,\) .* declares `host_local`"),
        (lambda candidates: [0.0 for _ in candidates.cpus], r"values of shape \(2,\)"),
        (lambda candidates: candidates.cpus * np.nan, "score of host host0 is not a number"),
        (lambda candidates: candidates.nothing, "fails: AttributeError"),
    ],
)
def test_what_a_policy_returns_for_many_requests_is_checked(score, error: str) -> None:
    trials = [fewest(random_list(seed), EQUAL) for seed in range(2)]
    with pytest.raises(PolicyError, match=error):
        run_trials(trials, Policy(score, host_local=True))


def test_a_pattern_is_bounded_by_the_sums_of_its_first_hosts() -> None:
    chance = random.Random(1)
    for _ in range(300):
        kinds = [
            (HostSize(chance.randint(1, 9), chance.randint(1, 9)), chance.randint(1, 4))
            for _ in range(chance.randint(1, 3))
        ]
        pattern = HostPattern(tuple(kinds))
        cpus, memory = chance.randint(0, 90), chance.randint(0, 90)
        row = [size for size, count in kinds for _ in range(count)] * 100
        fewest_hosts = next(
            count
            for count in range(len(row))
            if sum(size.cpus for size in row[:count]) >= cpus
            and sum(size.memory_mib for size in row[:count]) >= memory
        )
        assert pattern.fewest(cpus, memory) == fewest_hosts
        index = chance.randrange(len(row))
        assert pattern.at(index) == row[index]


def test_hosts_are_parsed_and_written_alike() -> None:
    assert parse_hosts(["32:128"]) == HostSize(32, 131_072)
    assert parse_hosts(["32:0.3"]) == HostSize(32, 308)
    assert parse_hosts(["32:128", "32:128:3"]) == HostSize(32, 131_072)
    mixed = parse_hosts(["32:128:3", "64:96.5"])
    assert str(mixed) == "32:128:3,64:96.5:1"
    assert parse_hosts(str(mixed).split(",")) == mixed


@pytest.mark.parametrize(
    ("count", "bounds", "hosts"),
    [(10, [1, 1], [5, 5]), (3, [9, 1, 0], [1, 1, 1]), (12, [6, 3, 1], [6, 4, 2]), (1, [7], [1])],
)
def test_hosts_are_shared_out_in_proportion(count, bounds, hosts) -> None:
    assert shared_out(count, bounds) == hosts


@pytest.mark.parametrize(
    ("regime", "policy"),
    [
        *[(name, "first-fit") for name in ("churn", "churn0", "drain", "large", "shift")],
        *[("drain", "progress"), ("churn0", "progress"), ("drain", "progress-packed")],
    ],
)
def test_each_list_of_other_regimes_takes_the_hosts_that_are_known(
    reference_data, regime: str, policy: str
) -> None:
    """Found by an independent simulator; lists that grow, shrink and change."""
    name = f"{regime}-seed11.csv.gz"
    known = pd.read_csv(reference_data / "regimes" / "expected_hosts.csv")
    known = known[(known["file"] == name) & (known["policy"] == policy)].set_index(
        ["provider", "mix"]
    )
    lists = read_requests(reference_data / "regimes" / name)
    if policy != "first-fit":
        lists = lists[::3]
    shared = run_trials([fewest(each, HostSize(32, 131_072)) for each in lists], POLICIES[policy])
    for requests, run in zip(lists, shared, strict=True):
        row = known.loc[tuple(requests.keys.values())]
        assert run.hosts == row["hosts_shared"]
        assert volume_bound(requests, HostSize(32, 131_072)) == row["hosts_bound"]


def test_host_hours_of_another_regime_are_those_that_are_known(reference_data) -> None:
    known = pd.read_csv(reference_data / "regimes" / "expected_hosts.csv")
    known = known[(known["file"] == "drain-seed11.csv.gz") & (known["policy"] == "first-fit")]
    lists = read_requests(reference_data / "regimes" / "drain-seed11.csv.gz")[:2]
    question = Question(HostSize(32, 131_072))
    sized = size_lists(lists, question, POLICIES["first-fit"], "first-fit")
    for each in sized:
        row = known.set_index(["provider", "mix"]).loc[tuple(each.requests.keys.values())]
        assert each.sizing.shared.host_hours == pytest.approx(row["host_hours_shared"], abs=0.006)
