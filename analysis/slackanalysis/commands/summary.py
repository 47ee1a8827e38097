"""Summaries of sizings, for people and as JSON."""

import json
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table

_MOST_ROWS = 12
"""Rows of refusals that are shown; the table has all of them."""


def summary(table: pd.DataFrame) -> Group:
    """Return the sums over all lists per policy.

    The hosts that a shared cluster saves are a share of all lists together, and the mean of the
    lists' shares. Where the number of hosts was given, there are the refused VMs instead.

    Args:
        table: as `sizing.sizing_table` returns it.
    """
    sums = _sums(table)
    may_refuse = "refused_shared" in sums[0]
    figures = ("VMs refused shared", "separate") if may_refuse else ("saved", "mean of lists")
    hosts = _table("policy", "lists", "hosts shared", "separate", "at least", *figures)
    hours = _table("policy", "host-hours shared", "separate", "kWh shared", "separate")
    for row in sums:
        if may_refuse:
            last = [str(row[f"refused_{of}"]) for of in _CLUSTERS]
        else:
            shares = (row["saved_share"], row["saved_share_mean_of_lists"])
            last = [f"{share:.2%}" for share in shares]
        numbers = [row["lists"], *(row[f"hosts_{of}"] for of in (*_CLUSTERS, "bound"))]
        hosts.add_row(row["policy"], *map(str, numbers), *last)
        if "energy_kwh_shared" in row:
            spent = [row[f"{what}_{of}"] for what in _SPENT for of in _CLUSTERS]
            hours.add_row(row["policy"], *(f"{number:,.1f}" for number in spent))
    return Group(hosts, hours) if hours.rows else Group(hosts)


def json_summary(table: pd.DataFrame) -> str:
    """Return the same as JSON: an object per policy, shares from 0 to 1."""
    return json.dumps(_sums(table), indent=2)


def refusals_summary(refused: pd.DataFrame) -> Table:
    """Return which kinds of VMs were refused, most often first.

    Args:
        refused: as `sizing.refusals_table` returns it.
    """
    shown = _table("policy", "cluster", "reason", "level", "vCPUs", "GiB", "VMs refused")
    by = ["policy", "cluster", "code", "level", "vcpus", "memory_mib"]
    counts = refused.groupby(by, sort=False).size().sort_values(ascending=False, kind="stable")
    for key, count in counts.head(_MOST_ROWS).items():
        policy, cluster, code, level, vcpus, memory_mib = key if isinstance(key, tuple) else (key,)
        shown.add_row(
            *(str(policy), str(cluster), str(code), f"{level:g}:1", str(vcpus)),
            *(f"{memory_mib / 1024:g}", str(count)),
        )
    if len(counts) > _MOST_ROWS:
        rest = int(counts.iloc[_MOST_ROWS:].sum())
        shown.add_row("", "", f"{len(counts) - _MOST_ROWS} more kinds", "", "", "", str(rest))
    return shown


def _sums(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the sums over all lists, per policy."""
    sums = []
    for policy, rows in table.groupby("policy", sort=False):
        shared, separate = rows["hosts_shared"], rows["hosts_separate"]
        row: dict[str, Any] = {"policy": str(policy), "lists": len(rows)}
        row |= {f"hosts_{of}": int(rows[f"hosts_{of}"].sum()) for of in (*_CLUSTERS, "bound")}
        row["saved_share"] = float(1 - shared.sum() / separate.sum())
        row["saved_share_mean_of_lists"] = float((1 - shared / separate).mean())
        for name in rows:
            if str(name).startswith(("refused_", "host_hours_", "energy_kwh_")):
                row[str(name)] = _number(rows[name].sum())
        sums.append(row)
    return sums


def _number(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)


def _table(*headings: str) -> Table:
    shown = Table(box=box.SIMPLE_HEAD)
    for heading in headings:
        is_text = heading in ("policy", "cluster", "reason")
        # Whatever else is cut on a narrow terminal, the policy's name is not.
        shown.add_column(
            heading,
            justify="left" if is_text else "right",
            no_wrap=heading == "policy",
            overflow="fold",
            min_width=max(map(len, heading.split())),
        )
    return shown


_CLUSTERS = ("shared", "separate")
_SPENT = ("host_hours", "energy_kwh")
