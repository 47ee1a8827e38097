"""Intervals of means over seeds."""

import math

import numpy as np
import pandas as pd
import pytest

from slackanalysis.sweep.interval import CONFIDENCE, mean_interval, over_seeds


def test_the_interval_is_students():
    """By the table of its quantiles: 2.776 for five values."""
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    reach = 2.776 * math.sqrt(2.5 / 5)
    assert mean_interval(values) == pytest.approx((3, 3 - reach, 3 + reach), abs=1e-3)


def test_of_many_intervals_as_many_hold_the_mean_as_they_say():
    rng = np.random.default_rng(1)
    held = [low <= 7 <= high for _, low, high in map(mean_interval, rng.normal(7, 3, (2000, 4)))]
    assert np.mean(held) == pytest.approx(CONFIDENCE, abs=0.02)


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
    assert found["gain_low"].tolist()[1] == found["gain_high"].tolist()[1] == 5


def test_a_seed_that_is_there_twice_is_told():
    table = pd.DataFrame({"mix": ["a", "a"], "gain": [1.0, 3.0], "seed": [1, 1]})
    with pytest.raises(ValueError, match=r"more than one row for .*'seed': 1"):
        over_seeds(table, ["mix"], ["gain"])
