"""What sharing costs the oversubscribed levels: CPU time that VMs demand and do not get."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from slackanalysis.contention.arrangements import ARRANGEMENTS
from slackanalysis.figures import style
from slackanalysis.figures.saving import DEFAULT_FORMATS, SavedFigure, save_figure
from slackanalysis.sweep.interval import over_seeds

LABELS = {
    "separate": "Separate clusters",
    "shared": "Shared, no balancing",
    "balanced": "Shared, the paper's balancing",
    "lent": "Shared, free CPUs lent by need",
}

_COLOURS = {
    "separate": style.WHOLE[1],
    "shared": style.colours_of(10)[5],
    "balanced": style.colours_of(10)[4],
    "lent": style.colours_of(10)[9],
}
_ROW_INCHES = 1.8
_FRAME_INCHES = 1.1
_GROUP = 0.8
"""Share of the distance between two levels that their bars take."""


def save_contention(
    table: pd.DataFrame,
    output: Path | str,
    *,
    width_in: float = style.WIDTH_IN,
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> SavedFigure:
    """Draw which share of the demanded CPU time is not served, and how often; save the figure.

    Args:
        table: rows of `slackanalysis.contention.table.contention_of`, with a column `seed`.
        output: the files' path without ending, see `save_figure`.
        width_in: width of the figure in inches.
        formats: see `save_figure`.

    Raises:
        OSError: a file cannot be written.
    """
    summary = summarise(table)
    figure = draw_contention(summary, width_in=width_in)
    return save_figure(figure, summary, output, formats=formats)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds of what is not served, in percent.

    Returns:
        One row per provider, arrangement and level, as `slackanalysis.sweep.interval.over_seeds`:
        `unserved_percent` (of the CPU time that VMs of the level demand), `short_percent` (of their
        time, in which their pool lacked CPUs), `hosts` (of the arrangement, all levels).
    """
    shares = table.assign(
        unserved_percent=100 * table["unserved_cpu_s"] / table["demanded_cpu_s"],
        short_percent=100 * table["short_vm_s"] / table["vm_s"],
    )
    by = ["provider", "arrangement", "level"]
    return over_seeds(shares, by, ["unserved_percent", "short_percent", "hosts"])


def draw_contention(summary: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw bars per level and arrangement, a row of axes for each provider.

    Args:
        summary: the table that `summarise` returns.
        width_in: width of the figure in inches.
    """
    providers = sorted(summary["provider"].unique(), reverse=True)
    figure, axes = style.new_figure(
        _FRAME_INCHES + _ROW_INCHES * len(providers),
        rows=len(providers),
        columns=2,
        squeeze=False,
        sharex=True,
        sharey="col",
        width_in=width_in,
    )
    for (unserved, short), provider in zip(axes, providers, strict=True):
        rows = summary[summary["provider"] == provider]
        _draw(unserved, rows, "unserved_percent")
        _draw(short, rows, "short_percent")
        unserved.set_ylabel(f"{style.provider_name(provider)}\n(%)")
    axes[0, 0].set_title("CPU time demanded and not served", fontsize="medium")
    axes[0, 1].set_title("Time of VMs whose pool lacks CPUs", fontsize="medium")
    for panel in axes[-1]:
        panel.set_xlabel("Level")
    style.legend_above(figure, axes[0, 0].get_legend_handles_labels()[0], columns=2)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    levels = sorted(rows["level"].unique())
    width = _GROUP / len(ARRANGEMENTS)
    for place, arrangement in enumerate(ARRANGEMENTS):
        of_arrangement = rows[rows["arrangement"] == arrangement].set_index("level").loc[levels]
        middle = np.arange(len(levels)) + (place - (len(ARRANGEMENTS) - 1) / 2) * width
        axes.bar(
            middle,
            of_arrangement[column],
            width,
            color=_COLOURS[arrangement],
            label=LABELS[arrangement],
        )
        low, high = of_arrangement[f"{column}_low"], of_arrangement[f"{column}_high"]
        axes.vlines(middle, low, high, color="black", linewidth=0.9)
    axes.set_xticks(range(len(levels)), [style.level_name(level) for level in levels])
    axes.set_ylim(0, None)
    axes.tick_params(axis="x", length=0)
    style.finish(axes)
