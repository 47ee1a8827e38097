"""The published numbers of hosts, and how near a table of sizings comes to them.

Source: the artifact of "SlackVM: Packing Virtual Machines in Oversubscribed Cloud Infrastructures"
(P. Jacquet, T. Ledoux, R. Rouvoy, IEEE Cluster 2024): hosts of 32 CPUs and 128 GiB for 500 VMs at
the start, separate clusters and one shared cluster, for 15 mixes of two catalogues.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

import pandas as pd

from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sweep.mixes import has_several_levels
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.temporality import Temporality

PUBLISHED_SIZE = HostSize(32, 131072)
"""The hosts of the published table."""

PUBLISHED_VMS = 500
"""VMs at the start."""

PUBLISHED_TEMPORALITY = Temporality(360, 8640, 7)
"""Length of an hour and of a day in seconds, and days."""

AUTHORS_LISTS_SHA256 = "2f6aaeb643a0bc39aed04fb2c2b228a29a3cc47bcf1cf1a2757949327cfdab3d"
"""`lists_digest` of the 30 request lists of one seed that the authors' generator made."""

CELL = ["provider", "mix"]
"""Columns that tell the cells of the published table apart."""

_SETTING = {
    "host_cpus": PUBLISHED_SIZE.cpus,
    "host_memory_mib": PUBLISHED_SIZE.memory_mib,
    "vms": PUBLISHED_VMS,
    "temporality": str(PUBLISHED_TEMPORALITY),
}
_HOST = ("host_cpus", "host_memory_mib")
_NEEDED = (*_SETTING, "catalogue_sha256", "list_sha256")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near sizings come to the published table, over its cells of several levels.

    A mix of one level has one cluster either way: nothing is saved, whatever is done.

    Attributes:
        cells: how many there are.
        mean_saved: share of hosts that a shared cluster saves, on average over the cells.
        published_mean_saved: the same of the published table.
        correlation: between both, over the cells.
    """

    cells: int
    mean_saved: float
    published_mean_saved: float
    correlation: float


def published_hosts() -> pd.DataFrame:
    """Return the published table.

    Returns:
        One row per provider and mix: `provider`, `mix`; then, ending in `_separate` (a cluster for
        each level, summed) and `_shared`: `hosts`, `cpus_allocated` (after oversubscription),
        `memory_gib_allocated`. The paper does not say at which instant those are allocated.
    """
    with files("slackanalysis.sweep").joinpath("published_hosts.csv").open() as file:
        return pd.read_csv(file)


def comparable(table: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows of a table of sizings may stand beside the published numbers.

    Those whose columns of origin say that they were made in the published setting: hosts of 32 CPUs
    and 128 GiB, and either a list of 500 VMs generated from that provider's catalogue with the
    temporality 360,8640,7 for a published mix, or the authors' own lists of one seed.

    Args:
        table: as `slackanalysis.sweep.cells.sweep` or `slackvm-analysis size` makes it. A table
            without columns of origin has no such row.
    """
    return pd.Series([not reason for reason in _reasons(table)], index=table.index, dtype=bool)


def why_not_comparable(table: pd.DataFrame) -> str:
    """Return in one line why rows of published cells are not compared; empty where all are."""
    cells = _cells()
    is_cell = [cell in cells for cell in table[CELL].itertuples(index=False, name=None)]
    reasons = [reason for reason, known in zip(_reasons(table), is_cell, strict=True) if known]
    if not reasons:
        return "not compared: nothing is published for these providers and mixes"
    wrong = [reason for reason in reasons if reason]
    if not wrong:
        return ""
    rows = "" if len(wrong) == len(reasons) else f"{len(wrong)} of {len(reasons)} rows are "
    return f"{rows}not compared with the published numbers: {wrong[0]}"


def lists_digest(rows: Iterable[Sequence[object]]) -> str:
    """Return a SHA-256, in hexadecimal, of request lists in any order.

    Args:
        rows: of each list what tells it from the others, and its `RequestList.sha256`.
    """
    lines = sorted("\t".join(map(str, row)) + "\n" for row in rows)
    return sha256("".join(lines).encode()).hexdigest()


def agreement(table: pd.DataFrame) -> Agreement | None:
    """Return how near a table of sizings comes; None where it lacks a published cell.

    Args:
        table: of one policy, as `slackanalysis.sweep.cells.sweep` returns it; rows that are not
            `comparable` do not count. What a cell saves is the mean over its rows, one a seed.
    """
    whole = published_hosts()
    published = _saved(whole[has_several_levels(whole["mix"])])
    ours = _saved(table[comparable(table)]).reindex(published.index)
    if ours.isna().any():
        return None
    means = float(ours.mean()), float(published.mean())
    return Agreement(len(published), *means, float(ours.corr(published)))


def has_all_cells(table: pd.DataFrame) -> bool:
    """Return whether a table has every published cell, of whichever hosts and lists."""
    return _cells() <= set(table[CELL].itertuples(index=False, name=None))


def _cells() -> set[tuple[str, str]]:
    return set(published_hosts()[CELL].itertuples(index=False, name=None))


def _reasons(table: pd.DataFrame) -> list[str]:
    """Return why each row is not comparable; an empty text where it is."""
    of_authors = _is_of_the_authors(table)
    needed = (*_HOST, "list_sha256") if of_authors else _NEEDED
    missing = [name for name in needed if name not in table]
    if "host_pattern" in table:
        pattern = table["host_pattern"].iloc[0]
        return [f"hosts are of several kinds ({pattern}), published are equal ones"] * len(table)
    if missing:
        reason = (
            f"the table has no column {', '.join(missing)}, so it does not say where its numbers "
            "come from; make it again with `slackvm-analysis sweep`"
        )
        return [reason] * len(table)
    cells = _cells()
    known = {name: catalogue.sha256 for name, catalogue in CATALOGUES.items()}
    setting = {name: _SETTING[name] for name in needed if name in _SETTING}
    return [
        _reason(row, cells, setting, "" if of_authors else known.get(str(row["provider"]), ""))
        for row in table[[*CELL, *needed]].to_dict("records")
    ]


def _reason(
    row: Mapping[Hashable, Any],
    cells: set[tuple[str, str]],
    setting: Mapping[str, object],
    catalogue: str,
) -> str:
    if (row["provider"], row["mix"]) not in cells:
        return f"nothing is published for {row['provider']} {row['mix']}"
    for name, wanted in setting.items():
        if row[name] != wanted:
            return f"{name} is {row[name]}, published is {wanted}"
    if catalogue and row["catalogue_sha256"] != catalogue:
        return f"catalogue {row['provider']} is not the published one"
    return ""


def _is_of_the_authors(table: pd.DataFrame) -> bool:
    columns = [*CELL, "list_sha256"]
    if any(name not in table for name in columns):
        return False
    lists = table[columns].drop_duplicates().itertuples(index=False, name=None)
    return lists_digest(lists) == AUTHORS_LISTS_SHA256


def _saved(table: pd.DataFrame) -> pd.Series:
    """Return the share of hosts saved by cell, on average over its rows."""
    saved = 1 - table["hosts_shared"] / table["hosts_separate"]
    return saved.groupby([table[name] for name in CELL]).mean()
