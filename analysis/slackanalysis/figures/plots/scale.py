"""Hosts that sharing saves, against the size of the cluster."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from slackanalysis.figures import palette, style
from slackanalysis.figures.spread import draw_spread, drawn_range, explained
from slackanalysis.sweep.gains import refuse_several_hosts, with_gain
from slackanalysis.sweep.interval import over_seeds

_HEIGHT_INCHES = 2.7
_MARGIN = 1.12


def gain_by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Return which share of hosts is saved, by provider and number of VMs: the mean over mixes.

    Returns:
        One row per provider and number of VMs, as `slackanalysis.sweep.interval.over_seeds`:
        `hosts_separate` (summed over the mixes), `gain_percent`; with `mixes`, their number.

    Raises:
        ValueError: the table has no number of VMs, or rows of different hosts, or see
            `slackanalysis.sweep.gains.refuse_misleading`.
    """
    if "vms" not in table:
        raise ValueError("no table of sizings for different numbers of VMs: column vms is missing")
    by = ["provider", "vms", "seed"]
    refuse_several_hosts(table)
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
    looks = palette.providers(numbers["provider"])
    figure, axes = style.new_figure(_HEIGHT_INCHES, width_in=width_in)
    for provider, look in looks.items():
        rows = numbers[numbers["provider"] == provider].sort_values("vms")
        draw_spread(axes, rows["vms"], rows, "gain_percent", colour=look.colour)
        axes.plot(
            rows["vms"],
            rows["gain_percent"],
            color=look.colour,
            marker=look.marker,
            markersize=4.5,
            linewidth=1.2,
            label=style.provider_name(provider),
        )
    sizes = sorted(numbers["vms"].unique())
    axes.set_xscale("log")
    low, high = min(sizes) / _MARGIN, max(sizes) * _MARGIN
    axes.set_xlim(low, high)
    axes.set_xticks(*_spaced(sizes, low, high, width_in, style.points(figure).tick))
    axes.xaxis.set_minor_locator(NullLocator())
    lines = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    least = drawn_range(numbers, ["gain_percent"])[0]
    axes.set(xlabel="VMs at the start", ylabel="Hosts saved (%)", ylim=(min(0, least), None))
    style.finish(axes)
    style.legend_above(figure, [*lines, *explained(numbers, "gain_percent", style.WHOLE[0])])
    return figure


def _spaced(
    sizes: list[int], low: float, high: float, width_in: float, size: float
) -> tuple[list[int], list[str]]:
    """Return the sizes that have room for their label on a logarithmic axis, and the labels."""
    per_log = (width_in - 0.8) / np.log(high / low)
    shown: list[int] = []
    for value in sizes:
        room = (len(f"{value:,}") + 2) * 0.6 * size / 72
        if not shown or np.log(value / shown[-1]) * per_log >= room:
            shown.append(value)
    return shown, [f"{value:,}" for value in shown]
