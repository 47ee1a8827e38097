"""VMs with their use, and the figure of what they are not served."""

from collections import Counter

import numpy as np
import pytest

from drawings import legend_texts, overlaps
from slackanalysis.contention import tenants
from slackanalysis.contention.arrangements import ARRANGEMENTS
from slackanalysis.contention.table import contention_of_recordings, contention_over_seeds
from slackanalysis.contention.tenants import generated_tenants
from slackanalysis.figures.plots.contention import draw_contention, summarise
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.workload.catalogue import CATALOGUES, PROFILES
from slackanalysis.workload.demand import Demand, request_list
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.temporality import Temporality

MIX = parse_mix("34-33-33")
DEMAND = Demand(CATALOGUES["azure2017"], MIX, 30, Temporality(days=2), seed=3)
SIZE = HostSize(32, 131_072)


def test_generated_tenants_are_those_of_the_request_list():
    made, requests = generated_tenants(DEMAND, 60), request_list(DEMAND)
    assert made.requests.vms == requests.vms
    there: set[tuple[int, int]] = set()
    for block in made.blocks:
        times = made.times_s[block.start + block.step]
        there |= set(zip(times.tolist(), block.vm.tolist(), strict=True))
        assert ((block.cpu >= 0) & (block.cpu <= 1)).all()
    expected = {
        (time, vm)
        for time in made.times_s.tolist()
        for vm in range(len(requests.vms))
        if requests.start_s[vm] <= time < requests.end_s[vm]
    }
    assert there == expected


def test_profiles_are_dealt_by_share_among_those_who_leave_and_those_who_stay():
    is_short = np.arange(200_000) % 2 == 0
    dealt = tenants._profiles(1, is_short)
    for short in (True, False):
        weights = [
            profile.share * (profile.departure_rate if short else 1 - profile.departure_rate)
            for profile in PROFILES
        ]
        counts = Counter(dealt[is_short == short].tolist())
        for number, weight in enumerate(weights):
            assert counts[number] / 100_000 == pytest.approx(weight / sum(weights), abs=0.01)


def test_a_step_longer_than_the_whole_is_refused():
    with pytest.raises(ValueError, match="is not allowed"):
        generated_tenants(DEMAND, 20_000)


def test_seeds_are_rows_of_their_own_and_reproducible():
    demands = [Demand(DEMAND.catalogue, MIX, 30, DEMAND.temporality, seed) for seed in (1, 2)]
    table = contention_over_seeds(demands, 60, SIZE, 6)
    assert table["seed"].value_counts().to_dict() == {1: 12, 2: 12}
    assert set(table["provider"]) == {"azure2017"}
    assert set(table["mix"]) == {"34-33-33"}
    again = contention_over_seeds(demands[:1], 60, SIZE, 6)
    assert again.equals(table[table["seed"] == 1])


def test_each_bar_is_the_mean_over_seeds(monitoring):
    table = contention_of_recordings([monitoring] * 3, HostSize(2, 4096), 6)
    table.loc[table["seed"] == 2, "unserved_cpu_s"] += 1.5
    summary = summarise(table)
    figure = draw_contention(summary)
    unserved, short = figure.axes
    by_hand = {
        (row.arrangement, row.level): 100 * 1.5 / row.demanded_cpu_s / 3
        for row in table[table["seed"] == 1].itertuples()
    }
    wanted = [by_hand[arrangement, level] for arrangement in ARRANGEMENTS for level in (1.0, 3.0)]
    assert [bar.get_height() for bar in unserved.patches] == pytest.approx(wanted)
    assert [label.get_text() for label in unserved.get_xticklabels()] == ["1:1", "3:1"]
    assert unserved.get_ylabel() == "CPU time\nnot served (%)"
    assert short.get_ylabel() == "Time short\nof CPUs (%)"
    assert legend_texts(figure) == [
        "Separate clusters",
        "Shared, no balancing",
        "Shared, the paper's balancing",
        "Shared, free CPUs lent by need",
        "A seed",
    ]
    assert not overlaps(figure)
