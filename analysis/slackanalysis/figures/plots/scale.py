"""Hosts that sharing saves, against the size of the cluster."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from slackanalysis.figures import style
from slackanalysis.figures.saving import DEFAULT_FORMATS, SavedFigure, save_figure
from slackanalysis.sweep.gains import with_gain
from slackanalysis.sweep.interval import over_seeds

_HEIGHT_INCHES = 3.2


def save_scale(
    table: pd.DataFrame,
    output: Path | str,
    *,
    width_in: float = style.WIDTH_IN,
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> SavedFigure:
    """Draw how many hosts sharing saves for different numbers of VMs, and save the figure.

    Args:
        table: sizings by one policy, as `slackanalysis.sweep.gains.read_sizings` returns them.
        output: the files' path without ending, see `save_figure`.
        width_in: width of the figure in inches.
        formats: see `save_figure`.

    Raises:
        ValueError: the table does not tell the number of VMs.
        OSError: a file cannot be written.
    """
    numbers = gain_by_size(table)
    figure = draw_scale(numbers, width_in=width_in)
    return save_figure(figure, numbers, output, formats=formats)


def gain_by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Return which share of hosts is saved, by provider and number of VMs: the mean over mixes.

    Returns:
        One row per provider and number of VMs, as `slackanalysis.sweep.interval.over_seeds`:
        `hosts_separate` (summed over the mixes), `gain_percent`; with `mixes`, their number.

    Raises:
        ValueError: the table does not tell the number of VMs.
    """
    if "vms" not in table:
        raise ValueError("no table of sizings for different numbers of VMs: column vms is missing")
    by = ["provider", "vms", "seed"]
    by_seed = with_gain(table).groupby(by, as_index=False)
    numbers = by_seed.agg(
        hosts_separate=("hosts_separate", "sum"),
        gain_percent=("gain_percent", "mean"),
        mixes=("mix", "nunique"),
    )
    means = over_seeds(numbers, by[:2], ["hosts_separate", "gain_percent"])
    return means.merge(numbers[[*by[:2], "mixes"]].drop_duplicates(), on=by[:2])


def draw_scale(numbers: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw a line for each provider, with the interval of the mean over seeds.

    Args:
        numbers: the table that `gain_by_size` returns.
        width_in: width of the figure in inches.
    """
    providers = sorted(numbers["provider"].unique(), reverse=True)
    figure, axes = style.new_figure(_HEIGHT_INCHES, width_in=width_in)
    for provider, colour, marker in zip(
        providers, style.colours_of(len(providers)), "osD^v"[: len(providers)], strict=True
    ):
        rows = numbers[numbers["provider"] == provider].sort_values("vms")
        axes.fill_between(
            rows["vms"],
            rows["gain_percent_low"],
            rows["gain_percent_high"],
            color=colour,
            alpha=0.2,
            linewidth=0,
        )
        axes.plot(
            rows["vms"],
            rows["gain_percent"],
            color=colour,
            marker=marker,
            markersize=5,
            label=style.provider_name(provider),
        )
    sizes = sorted(numbers["vms"].unique())
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(
        xlabel="VMs at the start",
        ylabel="Hosts saved (%)",
        ylim=(min(0, numbers["gain_percent_low"].min()), None),
    )
    style.finish(axes)
    style.legend(axes, loc="best")
    return figure
