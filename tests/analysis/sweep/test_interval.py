"""Intervals of means over seeds."""

import math

import numpy as np
import pandas as pd
import pytest

from slackanalysis.sweep.interval import CONFIDENCE, mean_interval, over_seeds, seed_values


@pytest.mark.parametrize(
    ("name", "mean", "least"), [("normal", 7, 0.93), ("exponential", 2, 0.89), ("share", 25, 0.9)]
)
def test_of_many_intervals_as_many_hold_the_mean_as_they_say(name, mean, least):
    rng = np.random.default_rng(1)
    shape = (300, 12)
    samples = {
        "normal": lambda: rng.normal(7, 3, shape),
        "exponential": lambda: rng.exponential(2, shape),
        "share": lambda: 100 * rng.beta(1, 3, shape),
    }[name]()
    held = [low <= mean <= high for _, low, high in map(mean_interval, samples)]
    assert least <= np.mean(held) <= 0.985
    assert CONFIDENCE == 0.95


@pytest.mark.parametrize(
    "values", [[0, 0, 0, 0, 100], [0, 100, 100, 100, 100, 100], [0, 0, 0, 0, 0, 0.1, 50]]
)
def test_the_interval_of_shares_stays_a_share(values):
    mean, low, high = mean_interval(values)
    assert 0 <= low <= mean <= high <= 100
    assert low < high
    assert mean_interval(values[::-1]) == (mean, low, high)


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([4.0] * 6) == (4, 4, 4)


def test_few_seeds_are_shown_one_by_one():
    table = pd.DataFrame({"mix": "a", "gain": [0.0, 0.0, 100.0], "seed": [3, 1, 2]})
    (row,) = over_seeds(table, ["mix"], ["gain"]).itertuples()
    assert math.isnan(row.gain_low)
    assert math.isnan(row.gain_high)
    assert seed_values(row.gain_seeds) == [0, 100, 0]


def test_many_seeds_are_not_shown_one_by_one():
    table = pd.DataFrame({"mix": "a", "gain": np.arange(5.0), "seed": range(5)})
    assert "gain_seeds" not in over_seeds(table, ["mix"], ["gain"])
    assert seed_values(np.nan) == []


def test_one_value_has_no_interval():
    mean, low, high = mean_interval([2.0])
    assert mean == 2
    assert math.isnan(low)
    assert math.isnan(high)


def test_groups_keep_their_order_and_tell_their_range():
    table = pd.DataFrame(
        {"mix": ["b", "b", "a", "a"], "size": 1, "gain": [1.0, 3.0, 5.0, 5.0], "seed": [1, 2, 1, 2]}
    )
    found = over_seeds(table, ["mix", "size"], ["gain"])
    assert found[["mix", "seeds", "gain", "gain_min", "gain_max"]].to_numpy().tolist() == [
        ["b", 2, 2.0, 1.0, 3.0],
        ["a", 2, 5.0, 5.0, 5.0],
    ]


def test_a_seed_that_occurs_twice_is_reported():
    table = pd.DataFrame({"mix": ["a", "a"], "gain": [1.0, 3.0], "seed": [1, 1]})
    with pytest.raises(ValueError, match=r"more than one row for .*'seed': 1"):
        over_seeds(table, ["mix"], ["gain"])
