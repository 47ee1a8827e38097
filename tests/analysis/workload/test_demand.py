"""Request lists from a seed: what is published holds, and what the authors' lists tell."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

import slackanalysis.workload.demand
from analysis.sizing.lists import size_clusters
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.demand import Demand, apportioned, request_list
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.request_file import read_requests
from slackanalysis.workload.requests import RequestList
from slackanalysis.workload.temporality import Temporality
from slackvm.model import POLICIES

DAY_S = 8640
END_S = 7 * DAY_S
OVHCLOUD, AZURE = CATALOGUES["ovhcloud2023"], CATALOGUES["azure2017"]


def of_day(requests: RequestList, day: int) -> list[int]:
    return np.flatnonzero(requests.start_s // DAY_S == day).tolist()


def test_the_numbers_are_those_of_the_authors_lists() -> None:
    for catalogue, total, daily in ((OVHCLOUD, 1712, 202), (AZURE, 1706, 201)):
        requests = request_list(Demand(catalogue))
        assert len(requests.vms) == total
        assert [len(of_day(requests, day)) for day in range(7)] == [500, *[daily] * 6]
        assert {requests.start_s[vm] for vm in of_day(requests, 0)} == {0}


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)
def test_the_first_day_has_each_flavour_as_often_as_published(catalogue) -> None:
    requests = request_list(Demand(catalogue, {1.0: 1.0}))
    first = Counter(
        (requests.vms[vm].vcpus, requests.vms[vm].memory_mib) for vm in of_day(requests, 0)
    )
    assert first == {(size.vcpus, size.memory_mib): size.count for size in catalogue.flavours}


def test_each_day_has_the_levels_by_their_shares_whatever_the_flavour() -> None:
    requests = request_list(Demand(OVHCLOUD, parse_mix("50-25-25")))
    for day in range(7):
        vms = [requests.vms[vm] for vm in of_day(requests, day)]
        levels = Counter(vm.level for vm in vms)
        for level, share in ((1.0, 0.5), (2.0, 0.25), (3.0, 0.25)):
            assert abs(levels[level] - share * len(vms)) < 1
    many = [request_list(Demand(OVHCLOUD, {1.0: 0.5, 2.0: 0.5}, seed=seed)) for seed in range(20)]
    for vcpus in (1, 2, 4):
        levels = [vm.level for each in many for vm in each.vms if vm.vcpus == vcpus]
        # Standard deviation of the share of the rarest size: 0.009.
        assert np.mean(np.array(levels) == 1.0) == pytest.approx(0.5, abs=0.03)


def test_a_share_lives_for_up_to_a_day_and_the_rest_to_the_end() -> None:
    requests = request_list(Demand(OVHCLOUD))
    is_short = (requests.end_s != END_S) | (requests.lifetime_s <= DAY_S)
    assert sum(is_short[of_day(requests, 0)]) == 203
    for day in range(1, 6):
        assert sum(is_short[of_day(requests, day)]) == 80
    hours = requests.lifetime_s[is_short] / 360
    assert (hours % 1 == 0).all()
    assert set(hours.tolist()) == set(range(1, 25))


def test_arrivals_come_at_whole_hours_some_of_which_bring_many() -> None:
    """As in the authors' lists: a standard deviation over hours of 0.91 of the mean."""
    by_hour = []
    for seed in range(20):
        requests = request_list(Demand(OVHCLOUD, seed=seed))
        hours = requests.start_s[requests.start_s > 0] / 360
        assert (hours % 1 == 0).all()
        by_hour += np.bincount(hours.astype(int), minlength=168)[24:].tolist()
    assert np.std(by_hour) / np.mean(by_hour) == pytest.approx(0.91, abs=0.05)


def test_the_vms_of_one_time_are_served_flavour_by_flavour() -> None:
    requests = request_list(Demand(OVHCLOUD, {1.0: 1.0}))
    first = [vm.memory_mib for vm in requests.vms[:500]]
    assert np.count_nonzero(np.diff(first)) == len(OVHCLOUD.flavours) - 1


def test_an_oversubscribed_vm_has_8_gib_at_most() -> None:
    requests = request_list(Demand(OVHCLOUD, parse_mix("50-0-50")))
    for level, most in ((1.0, 61_440), (3.0, 8192)):
        assert max(vm.memory_mib for vm in requests.vms if vm.level == level) == most


def test_a_seed_gives_a_list_and_another_seed_another() -> None:
    first, same, other = (request_list(Demand(OVHCLOUD, seed=seed)) for seed in (1, 1, 2))
    assert first.vms == same.vms
    assert (first.start_s == same.start_s).all()
    assert first.vms != other.vms


def test_a_catalogue_of_ones_own_goes_by_the_profiles_arrival_rates() -> None:
    """108 + 21 + 40 + 35 of 500."""
    own = type(OVHCLOUD)("own", OVHCLOUD.flavours)
    assert len(request_list(Demand(own)).vms) == 500 + 6 * 204


def test_a_list_may_have_another_temporality() -> None:
    requests = request_list(Demand(OVHCLOUD, vms=100, temporality=Temporality(10, 40, 3)))
    assert set(requests.start_s.tolist()) <= {0, *range(40, 120, 10)}
    assert min(requests.lifetime_s) >= 10
    assert len(request_list(Demand(OVHCLOUD, temporality=Temporality(days=1))).vms) == 500


def test_a_single_vm_is_a_list() -> None:
    assert len(request_list(Demand(OVHCLOUD, vms=1)).vms) == 1


@pytest.mark.parametrize(
    ("count", "weights", "parts"),
    [(10, [1, 1, 1], [4, 3, 3]), (3, [0.9, 0.1], [3, 0]), (0, [1, 2], [0, 0]), (7, [2, 5], [2, 5])],
)
def test_apportioned_numbers_add_up(count, weights, parts) -> None:
    assert apportioned(count, weights).tolist() == parts


def saved(mixes: list[str]) -> float:
    """Return the share of hosts that sharing saves with first fit, on average over lists."""
    size, policy = HostSize(32, 131_072), POLICIES["first-fit"]
    shares = []
    for catalogue, mix, seed in product((OVHCLOUD, AZURE), mixes, range(1, 4)):
        requests = request_list(Demand(catalogue, parse_mix(mix), vms=200, seed=seed))
        sizing, _ = size_clusters(requests, size, policy, "first-fit")
        shares.append(1 - sizing.shared.hosts / sizing.separate.hosts)
    return float(np.mean(shares))


def test_what_is_chosen_and_not_published_matters_little(monkeypatch: pytest.MonkeyPatch) -> None:
    mixes = ["50-0-50", "25-25-50"]
    as_chosen = saved(mixes)
    for shape in (0.6, 3.0):
        monkeypatch.setattr(slackanalysis.workload.demand, "HOUR_WEIGHT_SHAPE", shape)
        assert saved(mixes) == pytest.approx(as_chosen, abs=0.015)
    monkeypatch.undo()
    monkeypatch.setattr(
        slackanalysis.workload.demand,
        "_serving_order",
        lambda rng, start_s, flavour: np.lexsort((rng.permutation(len(flavour)), start_s)),
    )
    assert saved(mixes) == pytest.approx(as_chosen, abs=0.015)


def test_totals_and_peaks_are_those_of_the_authors_lists(reference_data) -> None:
    for theirs in read_requests(reference_data / "workloads" / "seed1.csv.gz"):
        mix = parse_mix(theirs.keys["mix"])
        ours = request_list(Demand(CATALOGUES[theirs.keys["provider"]], mix))
        assert len(ours.vms) == len(theirs.vms)
        assert ours.most_at_once == pytest.approx(theirs.most_at_once, rel=0.02)
        vcpus = [sum(vm.vcpus for vm in each.vms) for each in (ours, theirs)]
        assert vcpus[0] == pytest.approx(vcpus[1], rel=0.02)
