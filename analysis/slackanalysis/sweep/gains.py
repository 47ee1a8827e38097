"""How many hosts sharing saves, worked out from a table of sizings."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from slackanalysis.sweep.interval import over_seeds
from slackvm.formats.contents import is_parquet, read_contents, shown, without_bom
from slackvm.model.vm import LARGEST

NEEDED = ("provider", "mix", "policy", "hosts_shared", "hosts_separate", "hosts_bound")
"""Columns that every table of sizings has."""


def read_sizings(path: Path, keys: Sequence[str] = ("provider", "mix")) -> pd.DataFrame:
    """Return a table that `slackvm-analysis sweep` or `size` has written.

    Args:
        path: CSV or Parquet, perhaps compressed by gzip or zstd, or a folder of Parquet files.

        keys: columns that must be there to tell lists apart.

    Returns:
        The table, with a column `seed` (1 where it has none).

    Raises:
        ValueError: the file is no such table; the message names it, and what is missing or the row
            as counted behind the header from 1.
        OSError: the file cannot be opened.
    """
    try:
        table = _read(path)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (pa.ArrowException, OSError, EOFError, ValueError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{shown(path)}: cannot be read ({reason})") from error
    needed = [*keys, *(name for name in NEEDED if name not in _KEYS or name == "policy")]
    missing = [name for name in needed if name not in table]
    if missing:
        raise ValueError(
            f"{shown(path)}: no table of sizings: column {', '.join(missing)} is missing"
        )
    if table.empty:
        raise ValueError(f"{shown(path)}: no sizing in it")
    for name in filter(table.__contains__, _KEYS):
        if table[name].isna().any():
            row = int(table[name].isna().to_numpy().argmax()) + 1
            raise ValueError(f"{shown(path)}: row {row}: {name} is missing")
        table[name] = table[name].astype(str)
    for count in _COUNTS:
        table[count] = _hosts(path, table[count])
    for name in filter(table.__contains__, _NUMBERS):
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = _numbers(path, table[name])
    return table if "seed" in table else table.assign(seed=1)


_KEYS = ("provider", "mix", "policy")
_NUMBERS = ("seed", "vms", "host_cpus", "host_memory_mib")
_HOSTS = ("host_cpus", "host_memory_mib", "host_pattern", "size_rule")
"""Columns that say what a list was sized on."""
_COUNTS = ("hosts_shared", "hosts_separate", "hosts_bound")


def _read(path: Path) -> pd.DataFrame:
    if path.is_dir():
        return _checked(pyarrow.parquet.read_table(path))
    data = read_contents(path)
    if is_parquet(data) or path.suffix == ".parquet":
        return _checked(pyarrow.parquet.read_table(pa.BufferReader(data)))
    return pd.read_csv(BytesIO(without_bom(data)), dtype=dict.fromkeys(_KEYS, str))


def _checked(table: pa.Table) -> pd.DataFrame:
    """Return a table of Parquet; times and truth values are no numbers of hosts."""
    for field in table.schema:
        is_count = field.name in _COUNTS
        if pa.types.is_temporal(field.type) or (is_count and pa.types.is_boolean(field.type)):
            raise ValueError(f"column {field.name} is of type {field.type}, which no sizing has")
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _numbers(path: Path, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return numbers that are text; mixed with text, they would equal no other number."""
    numbers: pd.Series[Any] = pd.to_numeric(column, errors="coerce")
    if (wrong := numbers.isna() & column.notna()).any():
        row = int(wrong.to_numpy().argmax())
        raise ValueError(
            f"{shown(path)}: row {row + 1}: {column.name}: {column.iloc[row]!s:.40} is not a number"
        )
    return numbers


def _hosts(path: Path, column: "pd.Series[Any]") -> NDArray[np.int64]:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        wrong = ~((numbers >= 1) & (numbers <= LARGEST) & (numbers % 1 == 0))
    if wrong.any() or column.dtype == bool:
        row = int(wrong.argmax())
        raise ValueError(
            f"{shown(path)}: row {row + 1}: {column.name}: {column.iloc[row]!s:.40} is not "
            f"allowed: a whole number from 1 to {LARGEST}"
        )
    return numbers.astype(np.int64)


def of_policy(table: pd.DataFrame, policy: str) -> pd.DataFrame:
    """Return the rows of one policy.

    Raises:
        ValueError: the policy has no rows; the message names those that have.
    """
    chosen = table[table["policy"] == policy]
    if chosen.empty:
        known = ", ".join(sorted(table["policy"].unique()))
        raise ValueError(f"no sizing by policy {policy!r}; there are: {known}")
    return chosen


def refuse_misleading(table: pd.DataFrame) -> None:
    """Refuse a table whose hosts are not those that lists need, or that has a list twice.

    Args:
        table: sizings, as `read_sizings` returns them.

    Raises:
        ValueError: VMs were refused on a number of hosts that was given, or a policy has a list
            more than once; names the list.
    """
    if "refused_shared" in table:
        raise ValueError(
            "the number of hosts was given (size --hosts), so the table does not say how many are "
            "needed; size the lists without --hosts"
        )
    known = [*_KEYS, "seed", "vms", "list_sha256"]
    keys = [name for name in known if name in table]
    twice = table.duplicated(keys)
    if twice.any():
        row = table.loc[twice, [name for name in keys if name != "list_sha256"]].iloc[0]
        shown = ", ".join(f"{name} {value}" for name, value in row.items())
        raise ValueError(f"the table has a list more than once: {shown}; keep one row")


def refuse_several_hosts(table: pd.DataFrame) -> None:
    """Refuse a table in which lists of one provider were sized on different hosts.

    Args:
        table: sizings, as `read_sizings` returns them.

    Raises:
        ValueError: names the column of the hosts, and two of its values.
    """
    for provider, rows in table.groupby("provider", sort=False):
        for name in filter(table.__contains__, _HOSTS):
            found = list(rows[name].unique())
            if len(found) > 1:
                raise ValueError(
                    f"{name} of {provider} is {found[0]} in some rows and {found[1]} in others; "
                    "take the rows of one"
                )


def with_gain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `gain_percent`: how many of the separate clusters' hosts are saved.

    Raises:
        ValueError: see `refuse_misleading`.
    """
    refuse_misleading(table)
    saved = table["hosts_separate"] - table["hosts_shared"]
    return table.assign(gain_percent=100 * saved / table["hosts_separate"])


def gains(table: pd.DataFrame, by: Sequence[str] = ("provider", "mix")) -> pd.DataFrame:
    """Return the mean over seeds of the hosts needed and saved, with intervals and ranges.

    Args:
        table: sizings by one policy.
        by: columns that identify the cells.

    Returns:
        As `slackanalysis.sweep.interval.over_seeds`: `hosts_separate`, `hosts_shared`,
        `gain_percent`.
    """
    return over_seeds(with_gain(table), by, ["hosts_separate", "hosts_shared", "gain_percent"])
