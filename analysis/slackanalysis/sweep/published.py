"""The published numbers of hosts, and how near a table of sizings comes to them.

Source: the artifact of "SlackVM: Packing Virtual Machines in Oversubscribed Cloud Infrastructures"
(P. Jacquet, T. Ledoux, R. Rouvoy, IEEE Cluster 2024): hosts of 32 CPUs and 128 GiB for 500 VMs at
the start, separate clusters and one shared cluster, for 15 mixes of two catalogues.
"""

from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from slackanalysis.sizing.placement_run import HostSize

PUBLISHED_SIZE = HostSize(32, 131072)
"""The hosts of the published table."""

PUBLISHED_VMS = 500
"""VMs at the start."""

_CELL = ["provider", "mix"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near sizings come to the published table, over its 30 cells.

    Attributes:
        mean_saved: share of hosts that a shared cluster saves, on average over the cells.
        published_mean_saved: the same of the published table.
        correlation: between both, over the cells.
    """

    mean_saved: float
    published_mean_saved: float
    correlation: float


def published_hosts() -> pd.DataFrame:
    """Return the published table.

    Returns:
        One row per provider and mix: `provider`, `mix`; then, ending in `_separate` (a cluster for
        each level, summed) and `_shared`: `hosts`, `cpus_allocated` (after oversubscription),
        `memory_gib_allocated`. At which instant those are allocated is not told.
    """
    with files("slackanalysis.sweep").joinpath("published_hosts.csv").open() as file:
        return pd.read_csv(file)


def agreement(table: pd.DataFrame) -> Agreement | None:
    """Return how near a table of sizings comes; None where it lacks a cell of the published one.

    Args:
        table: of one policy, as `sizing.sizing_table` returns it. What a cell saves is the mean
            over its rows, one a seed.
    """
    published = _saved(published_hosts())
    ours = _saved(table).reindex(published.index)
    if ours.isna().any():
        return None
    return Agreement(float(ours.mean()), float(published.mean()), float(ours.corr(published)))


def _saved(table: pd.DataFrame) -> pd.Series:
    """Return the share of hosts saved by cell, on average over its rows."""
    saved = 1 - table["hosts_shared"] / table["hosts_separate"]
    return saved.groupby([table[name] for name in _CELL]).mean()
