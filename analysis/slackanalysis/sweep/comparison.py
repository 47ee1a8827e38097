"""Policies compared pair by pair on equal request lists.

Whether two policies differ is tested on pairs: the hosts of all lists of a seed, by the one and by
the other (where a table has one seed only: the hosts of each list). The test is Wilcoxon's
signed-rank test, two-sided (F. Wilcoxon, "Individual Comparisons by Ranking Methods", 1945;
`scipy.stats.wilcoxon`), which does not ask for normal differences. The p-values of all pairs of
policies are corrected by Holm's method (S. Holm, "A Simple Sequentially Rejective Multiple Test
Procedure", 1979).
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from slackanalysis.sweep.interval import mean_interval

FEWEST_PAIRS = 6
"""With fewer pairs Wilcoxon's test cannot give a p-value below 0.05 (2 / 2^5 = 0.0625)."""

_SAME = ("list_sha256", "host_cpus", "host_memory_mib", "host_pattern", "temporality")
"""Columns that must be equal where two policies are compared."""


def pairs_over(table: pd.DataFrame) -> str:
    """Return what a pair of values is of: `seed`, or `list` where there is one seed only."""
    return "seed" if table["seed"].nunique() > 1 else "list"


def compare_policies(table: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Return a row for each pair of policies and each value: how they differ, and how surely.

    Args:
        table: sizings, as `gains.read_sizings` returns them.
        values: columns to compare, such as `hosts_shared`.

    Returns:
        `value`, `policy`, `other`, `pairs`, `sum` and `sum_other` (over all lists), `difference`
        (other less policy, mean over the pairs), `percent` (of the sum of `policy`),
        `percent_low`, `percent_high` (interval of the mean over pairs, see
        `interval.mean_interval`), `p` and `p_holm`.

    Raises:
        ValueError: the table has fewer than two policies, lacks a value, or the policies were not
            tried on the same lists and hosts.
    """
    rows = []
    for value in values:
        by_list = _by_list(table, value)
        if pairs_over(table) == "seed":
            by_list = by_list.groupby(level="seed").sum()
        for policy, other in combinations(by_list.columns, 2):
            first, second = by_list[policy].to_numpy(float), by_list[other].to_numpy(float)
            difference = second - first
            share = 100 * np.divide(difference, first, out=np.zeros(len(first)), where=first != 0)
            _, low, high = mean_interval(share)
            rows.append(
                {
                    "value": value,
                    "policy": policy,
                    "other": other,
                    "pairs": len(first),
                    "sum": first.sum(),
                    "sum_other": second.sum(),
                    "difference": difference.mean(),
                    "percent": 100 * difference.sum() / first.sum() if first.sum() else np.nan,
                    "percent_low": low,
                    "percent_high": high,
                    "p": _p_value(difference),
                }
            )
    compared = pd.DataFrame(rows)
    return compared.assign(p_holm=holm(compared["p"].to_numpy(float)))


def effect_by_cell(table: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Return how each pair of policies differs in each cell: lists that differ by seed alone.

    Returns:
        The columns that identify cells, `value`, `policy`, `other`, `seeds`, then means over seeds:
        `mean`, `mean_other`, `difference` (other less policy), `difference_low` and
        `difference_high` (interval, see `interval.mean_interval`).

    Raises:
        ValueError: as `compare_policies`.
    """
    rows = []
    for value in values:
        by_list = _by_list(table, value)
        for cell, of_cell in _cells(by_list):
            for policy, other in combinations(by_list.columns, 2):
                difference = of_cell[other] - of_cell[policy]
                mean, low, high = mean_interval(difference)
                rows.append(
                    {
                        **cell,
                        "value": value,
                        "policy": policy,
                        "other": other,
                        "seeds": len(of_cell),
                        "mean": of_cell[policy].mean(),
                        "mean_other": of_cell[other].mean(),
                        "difference": mean,
                        "difference_low": low,
                        "difference_high": high,
                    }
                )
    return pd.DataFrame(rows)


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values corrected for their number by Holm's method, in the same order."""
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return corrected


def _p_value(difference: NDArray[np.float64]) -> float:
    if not difference.any():
        return 1.0  # there is nothing to rank
    return float(stats.wilcoxon(difference).pvalue)


def _by_list(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return the value of each list (rows) by each policy (columns)."""
    if value not in table or not pd.api.types.is_numeric_dtype(table[value]):
        known = [name for name in map(str, table) if name.endswith(("_shared", "_separate"))]
        raise ValueError(f"no numbers in column {value!r}; compare one of: {', '.join(known)}")
    policies = list(dict.fromkeys(table["policy"]))
    if len(policies) < 2:
        raise ValueError(f"one policy only, {policies[0]}: two or more are compared")
    keys = _keys(table)
    twice = table.duplicated([*keys, "policy"])
    if twice.any():
        which = table.loc[twice, [*keys, "policy"]].iloc[0].to_dict()
        raise ValueError(f"more than one row for {which}: join no tables of different hosts")
    for name in _SAME:
        if name in table and (table.groupby(keys)[name].nunique(dropna=False) > 1).any():
            raise ValueError(f"{name} differs between policies: they had other lists or hosts")
    if np.isinf(table[value].to_numpy(float, na_value=np.nan)).any():
        raise ValueError(f"{value} is infinite in a row, which no sizing has")
    by_list = table.pivot_table(index=keys, columns="policy", values=value, sort=False)
    by_list = by_list.reindex(columns=policies)
    if by_list.empty:
        raise ValueError(f"{value} is missing in all rows")
    lacking = by_list.isna().sum()
    if lacking.any():
        missing = ", ".join(f"{name} {count}" for name, count in lacking.items() if count)
        raise ValueError(f"policies were not tried on the same lists; missing: {missing}")
    return by_list


def _keys(table: pd.DataFrame) -> list[str]:
    names = [str(name) for name in table]
    return [*(name for name in names[: names.index("policy")] if name != "seed"), "seed"]


def _cells(by_list: pd.DataFrame) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    keys = [str(name) for name in by_list.index.names if name != "seed"]
    if not keys:
        yield {}, by_list
        return
    for key, of_cell in by_list.groupby(level=keys, sort=False):
        yield dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True)), of_cell
