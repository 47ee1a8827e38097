"""Confidence intervals of means over seeds, which stay within what the seeds show."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
"""Share of such intervals that hold the true mean, about.

Of simulated normal values 88 % do with 5 seeds, 95 % with 8 and 20; of exponential ones 85, 92 and
93 % (`tests/analysis/sweep/test_interval.py`).
"""

FEWEST = 5
"""With fewer values there is no interval: they are drawn and listed one by one."""

_RESAMPLES = 4_999
_SEED = 1


def mean_interval(values: "Sequence[float] | pd.Series[float]") -> tuple[float, float, float]:
    """Return the mean of independent values and both ends of its interval.

    The interval is a bootstrap's with correction for bias and skewness (BCa: B. Efron, "Better
    Bootstrap Confidence Intervals", 1987), widened for few values (T. Hesterberg, "What Teachers
    Should Know About the Bootstrap", 2015, "expanded"). Its ends are means of resampled values, so
    that they lie between the least and the largest value: the interval of a share stays within 0 to
    100 %. Equal values give the same interval each time.

    With fewer than `FEWEST` values there is no interval: its ends are nan.
    """
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if len(array) < FEWEST or not np.isfinite(array).all():
        return mean, np.nan, np.nan
    if np.ptp(array) == 0:
        return mean, mean, mean
    # Sorted, so that the order of seeds does not matter.
    found = stats.bootstrap(
        (np.sort(array),),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=_expanded(len(array)),
        method="BCa",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return mean, float(found.low), float(found.high)


def _expanded(count: int) -> float:
    """Return the confidence to ask of a bootstrap of `count` values, so that `CONFIDENCE` is met.

    A bootstrap takes the values' own variance (divided by n, not n - 1) and no account of how
    uncertain that is, which Student's t does: its tails are those of the normal distribution beyond
    `sqrt(n / (n - 1)) * t`.
    """
    reach = np.sqrt(count / (count - 1)) * stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    return float(1 - 2 * stats.norm.cdf(-reach))


def over_seeds(table: pd.DataFrame, by: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """Return the mean over seeds of some columns, with its interval and the seeds' range.

    Args:
        table: one row per group and `seed`.
        by: columns that identify the groups.
        values: columns whose mean is wanted.

    Returns:
        One row per group, in the order of first appearance: `by`, `seeds` (their number), and for
        each column `x` of `values` `x`, `x_low`, `x_high` (interval), `x_min`, `x_max` (range).
        Where a group has fewer than `FEWEST` seeds, `x_low` and `x_high` are nan, and there is
        `x_seeds`: the value of each seed, separated by spaces, in the order of the seeds.

    Raises:
        ValueError: a group has a seed twice; names both.
    """
    twice = table.duplicated([*by, "seed"])
    if twice.any():
        which = table.loc[twice, [*by, "seed"]].iloc[0].to_dict()
        raise ValueError(f"the table has more than one row for {which}: not of one size or policy?")
    rows = []
    for key, group in table.groupby(list(by), sort=False):
        row: dict[str, object] = dict(zip(by, key, strict=True))
        row["seeds"] = len(group)
        for name in values:
            mean, low, high = mean_interval(group[name])
            row |= {name: mean, f"{name}_low": low, f"{name}_high": high}
            row |= {f"{name}_min": group[name].min(), f"{name}_max": group[name].max()}
            if len(group) < FEWEST:
                of_seeds = group.sort_values("seed")[name]
                row[f"{name}_seeds"] = " ".join(f"{value:.6g}" for value in of_seeds)
        rows.append(row)
    return pd.DataFrame(rows)


def seed_values(text: object) -> list[float]:
    """Return the values of a column `x_seeds`; none where a group has an interval."""
    return [float(value) for value in text.split()] if isinstance(text, str) else []
