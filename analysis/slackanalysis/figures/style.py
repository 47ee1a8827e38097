"""How all figures look: sizes, colours, axes. A figure that needs more says why."""

from collections.abc import Iterable, Sequence
from typing import Any

import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

WIDTH_INCHES = 6.4
"""Width of every figure: that of a page's text."""

OWNED: dict[str, Any] = {"linestyle": "-", "linewidth": 1.6, "drawstyle": "steps-post"}
"""Stroke of what is given out: CPUs owned, memory allocated, VMs that are there."""

IN_USE: dict[str, Any] = {"linestyle": (0, (3, 1.2)), "linewidth": 0.9, "alpha": 0.6}
"""Stroke of what is used of it."""

CAPACITY: dict[str, Any] = {"color": "0.35", "linestyle": ":", "linewidth": 1.2}
"""Stroke of what there is in all, or of a bound."""

WHOLE = ("0.3", "0.62")
"""Greys for what is not one level's: dark, pale."""

PUBLISHED: dict[str, Any] = {
    "linestyle": "none",
    "marker": "D",
    "markersize": 4.2,
    "markerfacecolor": "white",
    "markeredgecolor": "#d55e00",
    "markeredgewidth": 1.2,
}
"""Mark of a published value beside ours."""

_PALETTE = "colorblind"
_PROVIDERS = {"azure2017": "Azure 2017", "ovhcloud2023": "OVHcloud 2023"}
_LEGEND_POINTS = 8.8
_PLACE_OF_LEVEL = {1.0: 0, 2.0: 1, 3.0: 2}

Colour = tuple[float, float, float]


def new_figure(height: float, rows: int = 1, columns: int = 1, **grid: Any) -> tuple[Figure, Any]:
    """Return an empty figure and its axes, as `Figure.subplots` returns them.

    Args:
        height: in inches.
        rows: rows of axes.
        columns: columns of axes.
        grid: further arguments of `Figure.subplots`.
    """
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        axes = figure.subplots(rows, columns, **grid)
    return figure, axes


def colours_of(count: int) -> list[Colour]:
    """Return that many colours that colour-blind readers can tell apart (10 at most differ)."""
    return [tuple(colour) for colour in sns.color_palette(_PALETTE, count)]


def level_colours(levels: Iterable[float]) -> dict[float, Colour]:
    """Return the colour of each level, ascending: 1, 2 and 3 have the same one in all figures."""
    ascending = sorted(set(levels))
    others = [level for level in ascending if level not in _PLACE_OF_LEVEL]
    places = _PLACE_OF_LEVEL | {
        level: len(_PLACE_OF_LEVEL) + number for number, level in enumerate(others)
    }
    palette = colours_of(len(places))
    return {level: palette[places[level]] for level in ascending}


def level_name(level: float) -> str:
    """Return how a level is written in figures: `1.5:1`."""
    return f"{level:g}:1"


def provider_name(provider: str) -> str:
    """Return how a provider is written in figures."""
    return _PROVIDERS.get(provider, provider)


def finish(axes: Axes, grid: str = "y") -> None:
    """Give axes the lines that all figures have, and numbers with thousands told apart."""
    axes.grid(axis=grid, linewidth=0.4, alpha=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    sns.despine(ax=axes)


def thousands(axes: Axes, *which: str) -> None:
    """Write the numbers of the axes named, `x` or `y`, as `30,000`."""
    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def legend(axes: Axes, **options: Any) -> None:
    """Add a legend without a frame that hides the grid behind it."""
    axes.legend(**{"columnspacing": 1.5, "framealpha": 1, "edgecolor": "none", **options})


def legend_above(figure: Figure, handles: Sequence[Artist], columns: int = 3) -> None:
    """Add a legend over all axes, where no line can run into it."""
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=min(columns, len(handles)),
        columnspacing=1.5,
        frameon=False,
        fontsize=_LEGEND_POINTS,
    )
