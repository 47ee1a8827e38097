"""Hosts that sharing saves, by level mix and provider: heat maps and bars."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from slackanalysis.figures import palette, style
from slackanalysis.figures.spread import draw_spread, drawn_range, explained
from slackanalysis.sweep.mixes import shares

_PANEL_INCHES = 2.1
_MAP_INCHES = 1.9
_BARS_INCHES = 1.9
_MOST_BELOW = 2
_LEAST_POINTS = 6.0
_MOST_POINTS = 7.5
_MAP_SHARE = 0.62
"""Share of a map's height that is not title or labels."""
_HEAT = "cividis"
_BAR = 0.72


def draw_workers_saved(numbers: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw a heat map and bars for each provider.

    Args:
        numbers: the table that `beside_published` returns.
        width_in: width of the figure in inches.
    """
    providers = list(palette.providers(numbers["provider"]))
    # A column of text has two providers side by side only where a page would be too short.
    is_many = style.is_narrow(width_in) and len(providers) > _MOST_BELOW
    least_in = width_in / 2 if is_many else _PANEL_INCHES
    blocks, columns = style.panels(len(providers), width_in, least_in)
    figure, axes = style.new_figure(
        blocks * (_MAP_INCHES + _BARS_INCHES),
        rows=2 * blocks,
        columns=columns,
        width_in=width_in,
        squeeze=False,
        height_ratios=(_MAP_INCHES, _BARS_INCHES) * blocks,
    )
    size = style.points(figure)
    panel_in = (width_in - 1.2) / columns
    scale = (min(numbers["gain_percent"].min(), 0), max(numbers["gain_percent"].max(), 1))
    least, largest = drawn_range(numbers, ["gain_percent"])
    published = numbers["published_gain_percent"].fillna(0)
    low = min(least, float(published.min()), 0.0)
    high = max(largest, float(published.max()), 1.0)
    for block in range(blocks):
        maps, bars = axes[2 * block], axes[2 * block + 1]
        here = providers[block * columns : (block + 1) * columns]
        for heat, bar, provider in zip(maps, bars, here, strict=False):
            of_provider = numbers[numbers["provider"] == provider]
            image = _draw_map(heat, of_provider, scale, panel_in)
            name = style.wrapped(style.provider_name(provider), panel_in - 0.1, size.label)
            style.title(heat, name)
            _draw_bars(bar, of_provider, panel_in, size.tick)
            bar.set_ylim(low - 0.02 * (high - low) * (low < 0), high + 0.05 * (high - low))
        for empty in (*maps[len(here) :], *bars[len(here) :]):
            empty.set_visible(False)
        bar_of_colours = figure.colorbar(image, ax=list(maps), pad=0.02, aspect=16)
        bar_of_colours.set_label("Hosts saved (%)", fontsize=size.label)
        bar_of_colours.ax.tick_params(labelsize=size.tick, width=0.8, length=3)
        bar_of_colours.outline.set_visible(False)
        maps[0].set_ylabel("Share of 2:1 (%)")
        bars[0].set_ylabel("Hosts saved (%)")
    _add_legend(figure, numbers)
    return figure


def _draw_map(
    axes: Axes, numbers: pd.DataFrame, scale: tuple[float, float], panel_in: float
) -> AxesImage:
    percent = shares(numbers["mix"])
    columns, rows = (np.sort(percent[level].unique()) for level in ("1:1", "2:1"))
    cells = np.full((len(rows), len(columns)), np.nan)
    x, y = np.searchsorted(columns, percent["1:1"]), np.searchsorted(rows, percent["2:1"])
    cells[y, x] = numbers["gain_percent"]
    low, high = scale
    image = axes.imshow(cells, origin="lower", cmap=_HEAT, vmin=low, vmax=high, aspect="auto")
    shown = [f"{gain:.1f}".replace("-0.0", "0.0") for gain in numbers["gain_percent"]]
    beside = [
        text if np.isnan(theirs) else f"{text}\n({theirs:.1f})"
        for text, theirs in zip(shown, numbers["published_gain_percent"], strict=True)
    ]
    colour_map = ScalarMappable(image.norm, image.cmap)
    cell_in = panel_in / len(columns), _MAP_INCHES * _MAP_SHARE / len(rows)
    for texts in (beside, shown):
        size = min(_MOST_POINTS, *(_fitting_points(text, cell_in) for text in texts))
        if size >= _LEAST_POINTS:
            for column, row, text, ours in zip(x, y, texts, numbers["gain_percent"], strict=True):
                colour = _readable_on(colour_map.to_rgba(ours))
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
            break
    for set_ticks, values in ((axes.set_xticks, columns), (axes.set_yticks, rows)):
        # At most ten labels on each side.
        step = -(-len(values) // 10)
        set_ticks(range(0, len(values), step), [str(share) for share in values[::step]])
    axes.set_xlabel("Share of 1:1 (%)")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    return image


def _fitting_points(text: str, room_in: tuple[float, float]) -> float:
    """Return the size of letters with which a text fits into so many inches, in points."""
    lines = text.split("\n")
    letters = max(map(len, lines))
    return min(72 * room_in[0] / (0.62 * letters), 72 * room_in[1] / (1.25 * len(lines)))


def _readable_on(colour: Sequence[float] | NDArray[np.float64]) -> str:
    """Return black or white, whichever has more contrast on a colour (WCAG 2.1: luminance)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"


def _draw_bars(axes: Axes, numbers: pd.DataFrame, panel_in: float, size: float) -> None:
    place = np.arange(len(numbers), dtype=float)
    axes.bar(place, numbers["gain_percent"], _BAR, color=style.WHOLE[1])
    draw_spread(axes, place, numbers, "gain_percent")
    axes.plot(place, numbers["published_gain_percent"], clip_on=False, **style.PUBLISHED)
    if (numbers["gain_percent_min"] < 0).any():
        axes.axhline(0, color="black", linewidth=0.6)
    # Turned labels stand side by side, each as wide as its text is high.
    size = max(_LEAST_POINTS, min(size, 72 * panel_in / len(numbers) / 1.15))
    step = math.ceil(len(numbers) * 1.15 * size / (72 * panel_in))
    axes.set_xticks(place[::step], numbers["mix"][::step], rotation=90, fontsize=size)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("Shares of 1:1, 2:1, 3:1 (%)")
    axes.set_xlim(-0.6, len(numbers) - 0.4)
    style.finish(axes)


def _add_legend(figure: Figure, numbers: pd.DataFrame) -> None:
    seeds = numbers["seeds"].max()
    label = f"Ours, mean of {seeds} seeds" if seeds > 1 else "Ours, one seed"
    handles: list[Artist] = [Patch(color=style.WHOLE[1], label=label)]
    handles += explained(numbers, "gain_percent")
    if numbers["published_gain_percent"].notna().any():
        handles.append(Line2D([], [], **style.PUBLISHED, label="Published (in brackets above)"))
    style.legend_above(figure, handles)
