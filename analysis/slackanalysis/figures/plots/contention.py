"""What sharing costs the oversubscribed levels: CPU time that VMs demand and do not get."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from slackanalysis.contention.arrangements import ARRANGEMENTS
from slackanalysis.figures import palette, style
from slackanalysis.figures.spread import draw_spread, drawn_range, explained
from slackanalysis.sweep.interval import over_seeds

LABELS = {
    "separate": "Separate clusters",
    "shared": "Shared, no balancing",
    "balanced": "Shared, the paper's balancing",
    "lent": "Shared, free CPUs lent by need",
}

_EDGE = {"edgecolor": "white", "linewidth": 0}
_LOOKS: dict[str, Any] = {
    "separate": {"facecolor": "0.78", **_EDGE},
    "shared": {"facecolor": "#7f3b08", **_EDGE},
    "balanced": {"facecolor": "#de62a3", "hatch": "////", **_EDGE},
    "lent": {"facecolor": "#3f9fd6", "hatch": "....", **_EDGE},
}
_COLUMNS = ("unserved_percent", "short_percent")
_NAMES = ("CPU time\nnot served (%)", "Time short\nof CPUs (%)")
_ROW_INCHES = 1.45
_FRAME_INCHES = 0.45
_HEADROOM = 1.06
_GROUP = 0.8
"""Share of the distance between two levels that their bars take."""


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
    providers = list(palette.providers(summary["provider"]))
    figure, axes = style.new_figure(
        _FRAME_INCHES + _ROW_INCHES * len(providers),
        rows=len(providers),
        columns=2,
        width_in=width_in,
        squeeze=False,
        sharex=True,
        sharey="col",
    )
    size = style.points(figure)
    for (unserved, short), provider in zip(axes, providers, strict=True):
        rows = summary[summary["provider"] == provider]
        for panel, column, name in zip((unserved, short), _COLUMNS, _NAMES, strict=True):
            _draw(panel, rows, column)
            panel.set_ylabel(name)
        name = style.wrapped(style.provider_name(provider), width_in - 0.9, size.label, lines=1)
        style.title(unserved, name, loc="left")
    labels = [style.level_name(level) for level in sorted(summary["level"].unique())]
    turned = style.rotation(labels, width_in / 2 - 0.6, size.tick)
    for panel, column in zip(axes[-1], _COLUMNS, strict=True):
        panel.set_xlabel("Level")
        panel.tick_params(axis="x", rotation=turned)
        highest = drawn_range(summary, [column])[1]
        panel.set_ylim(0, max(_HEADROOM * highest, 1))
    figure.align_ylabels()
    handles: list[Artist] = [Patch(label=LABELS[name], **_LOOKS[name]) for name in ARRANGEMENTS]
    style.legend_above(figure, [*handles, *explained(summary, _COLUMNS[0])])
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    levels = sorted(rows["level"].unique())
    width = _GROUP / len(ARRANGEMENTS)
    for place, arrangement in enumerate(ARRANGEMENTS):
        of_arrangement = rows[rows["arrangement"] == arrangement].set_index("level").loc[levels]
        middle = np.arange(len(levels)) + (place - (len(ARRANGEMENTS) - 1) / 2) * width
        axes.bar(middle, of_arrangement[column], width, **_LOOKS[arrangement])
        draw_spread(axes, middle, of_arrangement, column)
    axes.set_xticks(range(len(levels)), [style.level_name(level) for level in levels])
    axes.set_xlim(-0.5, len(levels) - 0.5)
    axes.tick_params(axis="x", length=0)
    style.finish(axes)
