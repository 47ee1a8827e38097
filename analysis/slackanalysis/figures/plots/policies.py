"""How close placement policies come to the fewest hosts that could do."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from slackanalysis.figures import style
from slackanalysis.figures.saving import DEFAULT_FORMATS, SavedFigure, save_figure
from slackanalysis.sweep.interval import over_seeds

REFERENCE = "first-fit"
"""Policy that others are held against: that of the paper's simulator."""

CLUSTERS = ("shared", "separate")

_ROW_INCHES = 0.42
_FRAME_INCHES = 1.1
_APART = 0.16


def save_policies(
    table: pd.DataFrame,
    output: Path | str,
    *,
    width_in: float = style.WIDTH_IN,
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> SavedFigure:
    """Draw how many hosts each policy needs above the volume bound, and save the figure.

    Args:
        table: sizings, as `slackanalysis.sweep.gains.read_sizings` returns them.
        output: the files' path without ending, see `save_figure`.
        width_in: width of the figure in inches.
        formats: see `save_figure`.

    Raises:
        ValueError: not every policy has sizings of the same lists.
        OSError: a file cannot be written.
    """
    numbers = above_bound(table)
    figure = draw_policies(numbers, width_in=width_in)
    return save_figure(figure, numbers, output, formats=formats)


def above_bound(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many hosts more than the volume bound each policy needs, over all mixes.

    Hosts are summed over the mixes of a provider, for each seed. `percent_above` is the sum beyond
    the bound's; `percent_more` the sum beyond that of the policy `REFERENCE` (of the first, where
    it is not there) for the same seeds, so that what seeds have in common cancels out.

    Returns:
        One row per cluster (`shared`, `separate`), policy and provider, as
        `slackanalysis.sweep.interval.over_seeds`: `hosts`, `percent_above`, `percent_more`.

    Raises:
        ValueError: not every policy has sizings of the same lists.
    """
    lists = table.groupby("policy", sort=False)[["provider", "mix", "seed"]]
    of_policy = {policy: set(rows.itertuples(index=False)) for policy, rows in lists}
    if any(each != next(iter(of_policy.values())) for each in of_policy.values()):
        sizes = {policy: len(each) for policy, each in of_policy.items()}
        raise ValueError(f"policies have sizings of different lists: {sizes}")
    reference = REFERENCE if REFERENCE in of_policy else next(iter(of_policy))
    parts = []
    for cluster in CLUSTERS:
        by = ["policy", "provider", "seed"]
        summed = table.groupby(by, sort=False)[[f"hosts_{cluster}", "hosts_bound"]].sum()
        numbers = summed.reset_index().rename(columns={f"hosts_{cluster}": "hosts"})
        others = numbers.loc[numbers["policy"] == reference, ["provider", "seed", "hosts"]]
        numbers = numbers.merge(others, on=["provider", "seed"], suffixes=("", "_reference"))
        numbers["percent_above"] = 100 * (numbers["hosts"] / numbers["hosts_bound"] - 1)
        numbers["percent_more"] = 100 * (numbers["hosts"] / numbers["hosts_reference"] - 1)
        numbers.insert(0, "cluster", cluster)
        parts.append(numbers)
    columns = ["hosts", "percent_above", "percent_more"]
    return over_seeds(pd.concat(parts), ["cluster", "policy", "provider"], columns)


def draw_policies(numbers: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw a row for each policy, a mark for each provider and cluster, with its interval.

    Args:
        numbers: the table that `above_bound` returns.
        width_in: width of the figure in inches.
    """
    policies = list(dict.fromkeys(numbers["policy"]))
    zero = numbers.groupby("policy")["percent_more"].apply(lambda more: (more == 0).all())
    reference = zero.idxmax()
    figure, (above, more) = style.new_figure(
        _FRAME_INCHES + _ROW_INCHES * len(policies), columns=2, sharey=True, width_in=width_in
    )
    _draw(above, numbers, "percent_above")
    _draw(more, numbers[numbers["cluster"] == "shared"], "percent_more")
    above.set_yticks(range(len(policies)), policies)
    above.set(
        xlabel="Hosts above the volume bound (%)", ylim=(len(policies) - 0.5, -0.5), xlim=(0, None)
    )
    more.axvline(0, **style.CAPACITY)
    more.set_xlabel(f"Against {reference}, same seeds (%)")
    style.legend_above(figure, above.get_legend_handles_labels()[0], columns=2)
    return figure


def _draw(axes: Axes, numbers: pd.DataFrame, column: str) -> None:
    policies = list(dict.fromkeys(numbers["policy"]))
    providers = sorted(numbers["provider"].unique(), reverse=True)
    colours = style.colours_of(len(providers))
    for number, (provider, colour) in enumerate(zip(providers, colours, strict=True)):
        for cluster, marker, fill in (("shared", "o", colour), ("separate", "s", "white")):
            rows = numbers[(numbers["provider"] == provider) & (numbers["cluster"] == cluster)]
            place = np.array([policies.index(policy) for policy in rows["policy"]])
            middle = rows[column]
            axes.errorbar(
                middle,
                place + _APART * (number - (len(providers) - 1) / 2),
                xerr=[middle - rows[f"{column}_low"], rows[f"{column}_high"] - middle],
                fmt=marker,
                color=colour,
                markerfacecolor=fill,
                markersize=5,
                elinewidth=1.2,
                label=f"{style.provider_name(provider)}, {cluster}",
            )
    style.finish(axes, "x")
