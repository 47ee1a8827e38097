"""Our table of hosts beside the published one: cell by cell, and seed by seed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from slackanalysis.sweep.gains import gains, with_gain
from slackanalysis.sweep.interval import mean_interval
from slackanalysis.sweep.mixes import sorted_by_mix
from slackanalysis.sweep.published import published_hosts

_WHOSE = ("published", "hosts")


@dataclass(frozen=True)
class Reproduction:
    """Ours beside what is published.

    Attributes:
        cells: `beside_published`, of the cells for which something is published,
            with `difference` (points of gain) and `in_range` (whether what is published lies in
            the range of our seeds).
        seeds: `seed` and `gain_percent`, the mean over these cells.
        published_mean: the published mean gain over these cells, in percent.
        mean: ours, in percent, over seeds and cells.
        low: lower end of the interval of the mean over seeds.
        high: its upper end.
        correlation: of our mean gains with the published ones, over the cells.
    """

    cells: pd.DataFrame
    seeds: pd.DataFrame
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
        gains = [f"published_{gain}", gain, f"{gain}_low", f"{gain}_high", "difference", "in_range"]
        return self.cells[["provider", "mix", *hosts, *gains]].round(2)


def reproduction(table: pd.DataFrame) -> Reproduction:
    """Return sizings by one policy beside the published ones.

    Raises:
        ValueError: nothing is published for any of the cells.
    """
    beside = beside_published(table)
    cells = beside[beside["published_gain_percent"].notna()].reset_index(drop=True)
    if cells.empty:
        raise ValueError("nothing is published for any provider and mix of the table")
    published = cells["published_gain_percent"]
    cells["difference"] = cells["gain_percent"] - published
    cells["in_range"] = published.between(cells["gain_percent_min"], cells["gain_percent_max"])
    of_cells = table.merge(cells[["provider", "mix"]], on=["provider", "mix"])
    seeds = with_gain(of_cells).groupby("seed")[["gain_percent"]].mean().reset_index()
    mean, low, high = mean_interval(seeds["gain_percent"])
    correlation = float(np.corrcoef(cells["gain_percent"], published)[0, 1])
    return Reproduction(cells, seeds, float(published.mean()), mean, low, high, correlation)


def beside_published(table: pd.DataFrame) -> pd.DataFrame:
    """Return `slackanalysis.sweep.gains.gains` of sizings by one policy, with what is published.

    Returns:
        One row per provider and mix, with `published_separate` and `published_shared` (hosts) and
        `published_gain_percent`, nan where nothing is published.
    """
    known = published_hosts()[["provider", "mix", "hosts_separate", "hosts_shared"]].rename(
        columns={"hosts_separate": "published_separate", "hosts_shared": "published_shared"}
    )
    saved = known["published_separate"] - known["published_shared"]
    known["published_gain_percent"] = 100 * saved / known["published_separate"]
    return sorted_by_mix(gains(table).merge(known, on=["provider", "mix"], how="left"))
