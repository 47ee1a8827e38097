"""How many hosts sharing saves, worked out from a table of sizings."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from slackanalysis.sweep.interval import over_seeds

NEEDED = ("provider", "mix", "policy", "hosts_shared", "hosts_separate", "hosts_bound")
"""Columns without which a table is none of sizings."""


def read_sizings(path: Path) -> pd.DataFrame:
    """Return a table that `slackvm-analysis sweep` or `size` has written.

    Args:
        path: Parquet by its ending, else CSV, perhaps gzipped.

    Returns:
        The table, with a column `seed` (1 where it has none).

    Raises:
        ValueError: the file is no such table; the message names it and what is missing.
        OSError: the file cannot be opened.
    """
    try:
        if path.suffix == ".parquet":
            table: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
        else:
            table = pd.read_csv(path, dtype={"provider": str, "mix": str, "policy": str})
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (pa.ArrowException, OSError, EOFError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}: cannot be read ({reason})") from error
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise ValueError(f"{path}: no table of sizings: column {', '.join(missing)} is missing")
    if table.empty:
        raise ValueError(f"{path}: no sizing in it")
    return table if "seed" in table else table.assign(seed=1)


def of_policy(table: pd.DataFrame, policy: str) -> pd.DataFrame:
    """Return the rows of one policy.

    Raises:
        ValueError: there are none; tells the policies that there are.
    """
    chosen = table[table["policy"] == policy]
    if chosen.empty:
        known = ", ".join(sorted(table["policy"].unique()))
        raise ValueError(f"no sizing by policy {policy!r}; there are: {known}")
    return chosen


def with_gain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `gain_percent`: how many of the separate clusters' hosts are saved."""
    saved = table["hosts_separate"] - table["hosts_shared"]
    return table.assign(gain_percent=100 * saved / table["hosts_separate"])


def gains(table: pd.DataFrame, by: Sequence[str] = ("provider", "mix")) -> pd.DataFrame:
    """Return the mean over seeds of the hosts needed and saved, with intervals and ranges.

    Args:
        table: sizings by one policy.
        by: columns that tell the cells.

    Returns:
        As `slackanalysis.sweep.interval.over_seeds`: `hosts_separate`, `hosts_shared`,
        `gain_percent`.
    """
    return over_seeds(with_gain(table), by, ["hosts_separate", "hosts_shared", "gain_percent"])
