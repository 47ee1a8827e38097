"""Which CPUs each vNode of a recording owns at chosen moments."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from slackvm.formats.monitoring.columns import Columns
from slackvm.formats.monitoring.reading import read_columns
from slackvm.formats.monitoring.record import UNCHANGED, parse_level, parse_time, parse_whole


def read_cpus(path: Path, moments_s: Sequence[float]) -> pd.DataFrame:
    """Return which vNode owns each CPU at some moments.

    A recording describes a vNode where it differs from the sample before. At a moment the last
    sample up to it counts.

    Args:
        path: the recording, of a replay or of a live host.
        moments_s: seconds since its first sample.

    Returns:
        One row per moment and owned CPU, sorted by both: `moment_s`, `time_s` (of the sample),
        `level`, `cpu` (Linux's number).

    Raises:
        ValueError: the file is no recording, it does not say which CPUs vNodes own, or a moment
            is before its first sample.
    """
    if any(not moment >= 0 for moment in moments_s):
        raise ValueError(f"moments {list(moments_s)} are not allowed: seconds from 0 on")
    changes, times = _changes(read_columns(path))
    tables = []
    for moment_s in sorted(set(moments_s)):
        known = changes[changes["time_s"] <= times[0] + moment_s]
        owned = known.drop_duplicates("level", keep="last").explode("cpu").dropna(subset="cpu")
        time_s = times[times <= times[0] + moment_s][-1]
        tables.append(owned.assign(moment_s=float(moment_s), time_s=time_s))
    table = pd.concat(tables).astype({"cpu": "int64"})
    ordered: pd.DataFrame = table.sort_values(["moment_s", "cpu"], ignore_index=True)
    return ordered[["moment_s", "time_s", "level", "cpu"]]


def _changes(columns: Columns) -> tuple[pd.DataFrame, "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Return where a vNode's CPUs change, and the timestamps.

    Returns:
        In the order of time: `time_s`, `level`, `cpu` (a list, empty for a vNode that is gone).

    Raises:
        ValueError: a vNode comes without a description.
    """
    texts = {}
    for name in ("tmp", "rec", "res", "config", "sb_oc", "sb_dsc"):
        coded = columns.take(name)
        texts[name] = pd.Categorical.from_codes(coded.codes, pd.Index(coded.texts))
    table = pd.DataFrame(texts)
    times = np.unique(table["tmp"].cat.categories.map(parse_time).to_numpy(dtype=np.int64))
    rows = table[(table["rec"] == "subset") & (table["res"] == "cpu")].astype(str)
    rows = pd.DataFrame(
        {
            "time_s": rows["tmp"].map(parse_time).astype("int64"),
            "level": rows["sb_oc"].map(parse_level).astype("float64"),
            "size": rows["config"].map(parse_whole).astype("int64"),
            "described": rows["sb_dsc"],
        }
    )
    # A vNode without a row at a sample is gone.
    every = pd.MultiIndex.from_product([times, rows["level"].unique()], names=["time_s", "level"])
    indexed = rows.set_index(["time_s", "level"])
    rows = indexed.reindex(every).fillna({"size": 0, "described": UNCHANGED}).reset_index()
    owned = [
        _cpus(described) if size else []
        for size, described in zip(rows["size"], rows["described"], strict=True)
    ]
    rows["cpu"] = pd.Series(owned, dtype="object")
    if rows[rows["size"] > 0].drop_duplicates("level")["cpu"].isna().any():
        raise ValueError(
            f"{columns.path}: no description of a vNode's CPUs in it (sb_dsc with res_list)"
        )
    return rows.dropna(subset="cpu")[["time_s", "level", "cpu"]], times


def _cpus(described: str) -> list[int] | None:
    """Return the CPUs in a description; None where it has none."""
    try:
        owned = json.loads(described).get("res_list")
    except (ValueError, AttributeError):
        return None
    is_plain = isinstance(owned, list) and all(type(cpu) is int for cpu in owned)
    return owned if is_plain else None
