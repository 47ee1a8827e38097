"""Our table of hosts beside the published one: cell by cell, and seed by seed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from slackanalysis.sweep.gains import gains, with_gain
from slackanalysis.sweep.interval import CONFIDENCE, mean_interval
from slackanalysis.sweep.mixes import has_several_levels, shares, sorted_by_mix
from slackanalysis.sweep.published import CELL, comparable, published_hosts, why_not_comparable

ALL, WITH_ONES, WITHOUT_ONES = "all", "with 1:1", "without 1:1"
"""Groups of cells: of several levels, and of these by whether 1:1 is one of them."""

_WHOSE = ("published", "hosts")


@dataclass(frozen=True)
class Reproduction:
    """Ours beside what is published, for the cells of several levels.

    A cell of one level has one cluster either way and saves nothing, whatever is done: such cells
    agree by construction, and are left out.

    Attributes:
        cells: `beside_published`, of the cells of several levels for which something is published,
            with `group` (`WITH_ONES` or `WITHOUT_ONES`), `difference` (points of gain), `in_range`
            and `in_interval` (whether what is published lies in the range of our seeds, and in the
            interval of their mean).
        seeds: `seed` and `gain_percent`, the mean over these cells.
        groups: what `groups_of` returns.
        published_mean: the published mean gain over these cells, in percent.
        mean: ours, in percent, over seeds and cells.
        low: lower end of the interval of the mean over seeds.
        high: its upper end.
        correlation: of our mean gains with the published ones, over the cells.
    """

    cells: pd.DataFrame
    seeds: pd.DataFrame
    groups: pd.DataFrame
    published_mean: float
    mean: float
    low: float
    high: float
    correlation: float

    @property
    def shown(self) -> pd.DataFrame:
        """The cells, as much of them as a reader wants to see."""
        gain = "gain_percent"
        hosts = [f"{whose}_{which}" for which in ("separate", "shared") for whose in _WHOSE]
        gains = [f"published_{gain}", gain, f"{gain}_low", f"{gain}_high", "difference"]
        return self.cells[[*CELL, *hosts, *gains, "in_range", "in_interval"]].round(2)


def reproduction(table: pd.DataFrame) -> Reproduction:
    """Return sizings by one policy beside the published ones.

    Raises:
        ValueError: no row may be compared with the published numbers; says why.
    """
    beside = beside_published(table)
    is_known = beside["published_gain_percent"].notna() & has_several_levels(beside["mix"])
    cells = beside[is_known].reset_index(drop=True)
    if cells.empty:
        reason = why_not_comparable(table) or "there is no cell of several levels"
        raise ValueError(f"nothing to draw: {reason}")
    published = cells["published_gain_percent"]
    has_ones = shares(cells["mix"])["1:1"] > 0
    cells["group"] = np.where(has_ones, WITH_ONES, WITHOUT_ONES)
    cells["difference"] = cells["gain_percent"] - published
    cells["in_range"] = published.between(cells["gain_percent_min"], cells["gain_percent_max"])
    cells["in_interval"] = published.between(cells["gain_percent_low"], cells["gain_percent_high"])
    by_seed = with_gain(table[comparable(table)]).merge(cells[[*CELL, "group"]], on=CELL)
    seeds = _mean_of_seeds(by_seed)
    return Reproduction(
        cells,
        seeds,
        groups_of(cells, by_seed),
        float(published.mean()),
        *mean_interval(seeds["gain_percent"]),
        float(np.corrcoef(cells["gain_percent"], published)[0, 1]) if len(cells) > 1 else np.nan,
    )


def beside_published(table: pd.DataFrame) -> pd.DataFrame:
    """Return `slackanalysis.sweep.gains.gains` of sizings by one policy, with what is published.

    Returns:
        One row per provider and mix, with `published_separate` and `published_shared` (hosts) and
        `published_gain_percent`; nan where nothing is published, or where not all of the cell's
        rows are `slackanalysis.sweep.published.comparable`.
    """
    known = published_hosts()[[*CELL, "hosts_separate", "hosts_shared"]].rename(
        columns={"hosts_separate": "published_separate", "hosts_shared": "published_shared"}
    )
    saved = known["published_separate"] - known["published_shared"]
    known["published_gain_percent"] = 100 * saved / known["published_separate"]
    return sorted_by_mix(gains(table).merge(of_comparable(known, table), on=CELL, how="left"))


def of_comparable(known: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table by cell that a table of sizings may be compared with.

    Args:
        known: what is published, by `provider` and `mix`.
        table: sizings. A cell counts if all of its rows are comparable.
    """
    is_comparable = comparable(table).groupby([table[name] for name in CELL]).all()
    cells = is_comparable[is_comparable].reset_index()[CELL]
    return known.merge(cells, on=CELL)


def groups_of(cells: pd.DataFrame, by_seed: pd.DataFrame) -> pd.DataFrame:
    """Return how far ours is from what is published, by group of cells.

    `reach` is half the width of the prediction interval (95 %, Student's t) of the mean of one seed
    more: `t * s * sqrt(1 + 1 / n)` of n seeds with standard deviation s (G. Hahn, W. Meeker,
    "Statistical Intervals", 1991). The published table is of one seed, so it is as near as it can
    be expected to be if `difference` is within `reach`.

    Args:
        cells: as in `Reproduction`.
        by_seed: sizings with `gain_percent` and `group`.

    Returns:
        One row per group: `group`, `cells`, `published` and `ours` (mean gains in percent),
        `difference` (points), `reach` (points; nan for one seed), and the number of cells: `short`
        (ours is below), `in_range`, `in_interval`.
    """
    rows = []
    for group in (WITH_ONES, WITHOUT_ONES, ALL):
        of_group = cells if group == ALL else cells[cells["group"] == group]
        if of_group.empty:
            continue
        seeds = by_seed if group == ALL else by_seed[by_seed["group"] == group]
        ours, published = of_group["gain_percent"].mean(), of_group["published_gain_percent"].mean()
        rows.append(
            {
                "group": group,
                "cells": len(of_group),
                "published": published,
                "ours": ours,
                "difference": ours - published,
                "reach": _prediction_reach(_mean_of_seeds(seeds)["gain_percent"]),
                "short": int((of_group["difference"] < 0).sum()),
                "in_range": int(of_group["in_range"].sum()),
                "in_interval": int(of_group["in_interval"].sum()),
            }
        )
    return pd.DataFrame(rows)


def _mean_of_seeds(table: pd.DataFrame) -> pd.DataFrame:
    return table.groupby("seed")[["gain_percent"]].mean().reset_index()


def _prediction_reach(values: "pd.Series[float]") -> float:
    count = len(values)
    if count < 2:
        return float("nan")
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    return float(quantile * values.std(ddof=1) * np.sqrt(1 + 1 / count))
