"""What sizings come to, for people."""

import pandas as pd
from rich import box
from rich.table import Table


def summary(table: pd.DataFrame) -> Table:
    """Return the sums over all lists per policy.

    Hosts that a shared cluster saves are told of all lists together, and as the mean over lists.

    Args:
        table: as `sizing.sizing_table` returns it.
    """
    shown = Table(box=box.SIMPLE_HEAD)
    for heading in (
        *("policy", "lists", "hosts shared", "separate", "at least"),
        *("saved", "mean of lists"),
    ):
        shown.add_column(heading, justify="left" if heading == "policy" else "right")
    for policy, rows in table.groupby("policy", sort=False):
        shared, separate, bound = (
            rows[f"hosts_{what}"] for what in ("shared", "separate", "bound")
        )
        sums = [str(int(numbers.sum())) for numbers in (shared, separate, bound)]
        saved = (1 - shared.sum() / separate.sum(), (1 - shared / separate).mean())
        shown.add_row(str(policy), str(len(rows)), *sums, *(f"{share:.2%}" for share in saved))
    return shown
