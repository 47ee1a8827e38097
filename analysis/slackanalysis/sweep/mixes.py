"""Level mixes as the paper writes them: percent of 1:1, 2:1 and 3:1, `50-0-50`."""

import pandas as pd

LEVELS = ["1:1", "2:1", "3:1"]


def shares(mixes: "pd.Series[str]") -> pd.DataFrame:
    """Return the percent of each mix as columns `1:1`, `2:1` and `3:1`.

    Raises:
        ValueError: a mix is written otherwise; names it.
    """
    parts = mixes.str.extract(r"^(\d+)-(\d+)-(\d+)$")
    is_wrong = parts.isna().any(axis=1)
    if is_wrong.any():
        raise ValueError(
            f"mix {mixes[is_wrong].iloc[0]!r} cannot be drawn: percent of 1:1, 2:1 and 3:1 "
            "is needed, as in 50-0-50"
        )
    return parts.astype(int).set_axis(LEVELS, axis=1)


def has_several_levels(mixes: "pd.Series[str]") -> "pd.Series[bool]":
    """Return which mixes have VMs of two levels or more, so that sharing can save anything.

    Raises:
        ValueError: a mix is not written as `50-0-50`.
    """
    several: pd.Series[bool] = (shares(mixes) > 0).sum(axis=1) > 1
    return several


def sorted_by_mix(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table sorted by its columns `provider` and `mix`, these by their shares.

    Raises:
        ValueError: a mix is not written as `50-0-50`.
    """
    order = shares(table["mix"]).assign(provider=table["provider"])
    return table.loc[order.sort_values(["provider", *LEVELS]).index].reset_index(drop=True)
