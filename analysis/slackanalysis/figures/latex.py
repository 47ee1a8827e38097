"""Tables for LaTeX, with rules of the package booktabs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from slackanalysis.figures.style import level_name

_UNITS = {"percent": "%", "mib": "MiB", "gib": "GiB", "s": "s"}
_WORDS = {"vms": "VMs", "vcpus": "vCPUs", "cpus": "CPUs", "cpu": "CPU", "gib": "GiB"}
_NOTHING = "--"


def latex_table(table: pd.DataFrame) -> str:
    r"""Return a table as LaTeX's `tabular`; the preamble needs `\usepackage{booktabs}`.

    Names of columns are written as words with their unit in brackets; texts are escaped. A mean
    stands in one column with its interval, `3.1 [2.5, 4.0]`, or with the range of the seeds where
    there are too few for one, `3.1 (2.5 to 4.0)`. What is missing is a dash.
    """
    columns = [str(name) for name in table]
    means = [name for name in columns if {f"{name}_low", f"{name}_high"} <= set(table)]
    parts = {f"{name}_{part}" for name in means for part in ("low", "high", "min", "max", "seeds")}
    names = [name for name in columns if name not in parts]
    sides = ["r" if pd.api.types.is_numeric_dtype(table[name]) else "l" for name in names]
    texts = {
        _heading(name): _means(table, name) if name in means else _texts(name, table[name])
        for name in names
    }
    body: str = pd.DataFrame(texts).to_latex(index=False, escape=True, column_format="".join(sides))
    return f"% needs \\usepackage{{booktabs}}\n{body}"


def summary_over_time(
    table: pd.DataFrame, columns: Sequence[str], by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the least, mean, largest and last value of some columns: a row for each and group.

    Args:
        table: rows in the order of time.
        columns: numbers that are summarised; a mean is over samples.
        by: columns that identify the groups.
    """
    rows = []
    for key, group in table.groupby(list(by)) if by else [((), table)]:
        for name in columns:
            values = group[name]
            row = dict(zip(by, key, strict=True)) | {"quantity": _heading(name)}
            row |= {"samples": len(values), "least": values.min(), "mean": values.mean()}
            rows.append(row | {"largest": values.max(), "last": values.iloc[-1]})
    return pd.DataFrame(rows)


def _means(table: pd.DataFrame, name: str) -> list[str]:
    columns = [f"{name}{part}" for part in ("", "_low", "_high", "_min", "_max")]
    texts = []
    for mean, low, high, least, largest in table[columns].to_numpy(dtype=float):
        if np.isfinite(low):
            texts.append(f"{mean:.2f} [{low:.2f}, {high:.2f}]")
        elif np.isfinite(mean) and least < largest:
            texts.append(f"{mean:.2f} ({least:.2f} to {largest:.2f})")
        else:
            texts.append(f"{mean:.2f}" if np.isfinite(mean) else _NOTHING)
    return texts


def _texts(name: str, column: pd.Series) -> list[str]:
    """Return the values of a column as text: numbers with as many digits as one another."""
    if name == "level":
        return [level_name(float(level)) for level in column.to_numpy(dtype=float)]
    if pd.api.types.is_bool_dtype(column):
        return ["yes" if value else "no" for value in column]
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=float)
        known = numbers[np.isfinite(numbers)]
        digits = 0 if (known == known.round()).all() else 2
        return [f"{n:.{digits}f}" if np.isfinite(n) else _NOTHING for n in numbers]
    return [_NOTHING if pd.isna(value) else str(value) for value in column]


def _heading(name: str) -> str:
    """Return a column's name as words: `memory_mib` is `memory (MiB)`."""
    words = str(name).split("_")
    unit = next((unit for unit in _UNITS if unit in words[1:]), None)
    # A share of MiB has no MiB.
    words = [word for word in words if words.index(word) == 0 or word not in (unit, "mib")]
    text = " ".join(_WORDS.get(word, word) for word in words)
    return text if unit is None else f"{text} ({_UNITS[unit]})"
