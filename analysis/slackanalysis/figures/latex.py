"""Tables for LaTeX, with rules of the package booktabs."""

from collections.abc import Sequence

import pandas as pd

_UNITS = {"s": "s", "percent": "\\%", "mib": "MiB", "gib": "GiB"}


def latex_table(table: pd.DataFrame) -> str:
    r"""Return a table as LaTeX's `tabular`; the preamble needs `\usepackage{booktabs}`.

    Names of columns are written as words with their unit in brackets; texts are escaped. A mean
    with its interval stands in one column. What is missing is a dash.
    """
    shown = _with_intervals(table)
    number_columns = [name for name in shown if pd.api.types.is_numeric_dtype(shown[name])]
    sides = "".join("r" if name in number_columns else "l" for name in shown)
    body: str = shown.rename(columns=_heading).to_latex(
        index=False, escape=True, na_rep="--", float_format=_number, column_format=sides
    )
    return "% needs \\usepackage{booktabs}\n" + body


def summary_over_time(
    table: pd.DataFrame, columns: Sequence[str], by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the least, mean, largest and last value of some columns: a row for each and group.

    Args:
        table: rows in the order of time, with `elapsed_s`.
        columns: numbers that are summarised; a mean is over samples.
        by: columns that tell the groups.
    """
    rows = []
    groups = table.groupby(list(by)) if by else [((), table)]
    for key, group in groups:
        for name in columns:
            values = group[name]
            row = dict(zip(by, key, strict=True)) | {"quantity": _heading(name).replace("\\%", "%")}
            row |= {"samples": len(values), "least": values.min(), "mean": values.mean()}
            rows.append(row | {"largest": values.max(), "last": values.iloc[-1]})
    return pd.DataFrame(rows)


def _with_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Return columns `x`, `x_low`, `x_high` and so on of `over_seeds` as one: `3.1 [2.5, 4]`."""
    means = [name for name in table if {f"{name}_low", f"{name}_high"} <= set(table)]
    parts = {f"{name}_{part}" for name in means for part in ("low", "high", "min", "max", "seeds")}
    shown = table[[name for name in table if name not in parts]].copy()
    for name in means:
        shown[name] = [
            _with_interval(*row)
            for row in table[[name, f"{name}_low", f"{name}_high"]].itertuples(index=False)
        ]
    return shown


def _with_interval(mean: float, low: float, high: float) -> str | None:
    if pd.isna(mean):
        return None
    return _number(mean) if pd.isna(low) else f"{_number(mean)} [{_number(low)}, {_number(high)}]"


def _heading(name: str) -> str:
    words = str(name).split("_")
    unit = next((word for word in words[1:] if word in _UNITS), None)
    if unit is None:
        return " ".join(words)
    words.remove(unit)
    return f"{' '.join(words)} ({_UNITS[unit]})".replace("\\%", "%")


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"
