"""Our table of hosts beside the published one: cell by cell, and seed by seed."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from slackanalysis.figures import palette, style
from slackanalysis.figures.spread import draw_spread, explained
from slackanalysis.sweep.interval import CONFIDENCE
from slackanalysis.sweep.reproduction import WITH_ONES, WITHOUT_ONES, Reproduction

_HEIGHT_INCHES = 2.8


def draw_reproduction(found: Reproduction, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw a mark per cell, ours against the published gain, and a mark per seed.

    Cells of a mix without 1:1 have hollow marks.

    Args:
        found: what `slackanalysis.sweep.reproduction.reproduction` returns.
        width_in: width of the figure in inches.
    """
    is_narrow = style.is_narrow(width_in)
    seeds_in = min(1.9, 0.7 + 0.14 * len(found.seeds))
    grid: dict[str, Any] = (
        {"rows": 2, "height_ratios": (_HEIGHT_INCHES, seeds_in)}
        if is_narrow
        else {"columns": 2, "width_ratios": (1.5, 1)}
    )
    figure, (cells, seeds) = style.new_figure(
        _HEIGHT_INCHES + (seeds_in if is_narrow else 0), width_in=width_in, **grid
    )
    marks = _draw_cells(cells, found.cells)
    handles = [*marks, *_draw_seeds(seeds, found)]
    style.legend_above(figure, handles)
    return figure


def _draw_cells(axes: Axes, cells: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = []
    for provider, look in palette.providers(cells["provider"]).items():
        rows = cells[cells["provider"] == provider]
        published, ours = rows["published_gain_percent"], rows["gain_percent"]
        ranges = (rows["gain_percent_min"], rows["gain_percent_max"])
        axes.vlines(published, *ranges, color=look.colour, linewidth=0.5, alpha=0.7)
        draw_spread(axes, published.to_numpy(), rows, "gain_percent", colour=look.colour)
        mark: dict[str, Any] = {
            "linestyle": "none",
            "marker": look.marker,
            "markersize": 4.2,
            "markeredgewidth": 0.9,
            "color": look.colour,
            "zorder": 4,
        }
        has_ones = rows["group"] == WITH_ONES
        axes.plot(published[has_ones], ours[has_ones], **mark)
        axes.plot(published[~has_ones], ours[~has_ones], markerfacecolor="white", **mark)
        handles.append(Line2D([], [], label=style.provider_name(provider), **mark))
    if (cells["group"] == WITHOUT_ONES).any():
        hollow: dict[str, Any] = {"color": style.WHOLE[0], "markerfacecolor": "white"}
        label = "Hollow: no 1:1 in the mix"
        handles.append(Line2D([], [], linestyle="none", marker="o", label=label, **hollow))
    top = max(cells["published_gain_percent"].max(), cells["gain_percent_max"].max(), 1) * 1.05
    bottom = min(-0.03 * top, 1.05 * cells["gain_percent_min"].min())
    (same,) = axes.plot([0, top], [0, top], **style.CAPACITY, label="As published")
    axes.set(xlim=(-0.03 * top, top), ylim=(bottom, top))
    axes.set(xlabel="Hosts saved, published (%)", ylabel="Hosts saved, ours (%)")
    style.finish(axes, "both")
    thin = Line2D([], [], color=style.WHOLE[0], linewidth=0.5, label="Range of the seeds")
    return [*handles, same, *explained(cells, "gain_percent", style.WHOLE[0]), thin]


def _draw_seeds(axes: Axes, found: Reproduction) -> list[Artist]:
    gain = found.seeds["gain_percent"].sort_values().to_numpy()
    pale, dark = style.WHOLE[1], style.WHOLE[0]
    (seeds,) = axes.plot(
        gain,
        range(1, len(gain) + 1),
        "h",
        color=pale,
        markersize=4,
        label="A seed, mean over cells",
    )
    handles: list[Artist] = [seeds]
    if np.isfinite(found.low):
        label = f"{100 * CONFIDENCE:.0f} % interval of the mean"
        band = axes.axvspan(found.low, found.high, color=pale, alpha=0.3, linewidth=0, label=label)
        handles.append(band)
    handles.append(axes.axvline(found.mean, color=dark, linewidth=1.2, label="Mean of the seeds"))
    axes.axvline(found.published_mean, **style.CAPACITY)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_ylim(0.4, len(gain) + 0.6)
    axes.set(xlabel="Mean over the cells (%)", ylabel="Seeds, by their mean")
    style.finish(axes, "x")
    return handles
