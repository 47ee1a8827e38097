"""Confidence intervals of means over seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
"""Share of such intervals that hold the true mean, if seeds scatter about it normally."""


def mean_interval(values: "Sequence[float] | pd.Series[float]") -> tuple[float, float, float]:
    """Return the mean of independent values and both ends of its interval by Student's t.

    With fewer than two values there is no interval: its ends are nan.
    """
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if len(array) < 2:
        return mean, np.nan, np.nan
    error = float(array.std(ddof=1)) / np.sqrt(len(array))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(array) - 1)) * error
    return mean, mean - reach, mean + reach


def over_seeds(table: pd.DataFrame, by: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """Return the mean over seeds of some columns, with its interval and the seeds' range.

    Args:
        table: one row per group and `seed`.
        by: columns that tell the groups.
        values: columns whose mean is wanted.

    Returns:
        One row per group, in the order of first appearance: `by`, `seeds` (their number), and for
        each column `x` of `values` `x`, `x_low`, `x_high` (interval), `x_min`, `x_max` (range).

    Raises:
        ValueError: a group has a seed twice; tells which.
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
        rows.append(row)
    return pd.DataFrame(rows)
