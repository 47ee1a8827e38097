"""Why sharing helps: which resource each level runs out of first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from slackanalysis.figures import style
from slackanalysis.figures.saving import DEFAULT_FORMATS, SavedFigure, save_figure
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.workload.catalogue import GIB

_HEIGHT_INCHES = 3.0
_GROUP = 0.76
_MARKERS = "osD^v"


def save_levels_complement(
    table: pd.DataFrame,
    size: HostSize,
    output: Path | str,
    *,
    width_in: float = style.WIDTH_IN,
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> SavedFigure:
    """Draw memory per CPU of each level, and what a cluster of its own leaves; save the figure.

    Args:
        table: what `slackanalysis.sizing.complement` returns.
        size: what a host offers.
        output: the files' path without ending, see `save_figure`.
        width_in: width of the figure in inches.
        formats: see `save_figure`.

    Raises:
        OSError: a file cannot be written.
    """
    figure = draw_levels_complement(table, size, width_in=width_in)
    return save_figure(figure, table, output, formats=formats)


def draw_levels_complement(
    table: pd.DataFrame, size: HostSize, *, width_in: float = style.WIDTH_IN
) -> Figure:
    """Draw GiB per CPU against the host's, and mirrored bars of what is left."""
    providers = sorted(table["provider"].unique(), reverse=True)
    levels = sorted(table["level"].unique())
    figure, (ratio, left) = style.new_figure(
        _HEIGHT_INCHES, columns=2, width_ratios=(1, 1.15), width_in=width_in
    )
    colours = style.colours_of(len(providers))
    width = _GROUP / len(providers)
    for number, (provider, colour) in enumerate(zip(providers, colours, strict=True)):
        rows = table[table["provider"] == provider].set_index("level").reindex(levels)
        ratio.plot(
            range(len(levels)),
            rows["gib_per_cpu"],
            color=colour,
            marker=_MARKERS[number % len(_MARKERS)],
            label=style.provider_name(provider),
        )
        place = np.arange(len(levels)) + (number - (len(providers) - 1) / 2) * width
        left.barh(place, -rows["cpus_left_percent"], width, color=colour)
        left.barh(place, rows["memory_left_percent"], width, color=colour)
    ideal = size.memory_mib / GIB / size.cpus
    ratio.axhline(ideal, **style.CAPACITY, label=f"Host: {ideal:g} GiB per CPU")
    _finish_ratio(ratio, levels, ideal, float(table["gib_per_cpu"].max()))
    _finish_left(left, levels)
    style.legend_above(figure, ratio.get_legend_handles_labels()[0], columns=len(providers) + 1)
    return figure


def _finish_ratio(axes: Axes, levels: list[float], ideal: float, highest: float) -> None:
    top = 1.15 * max(ideal, highest)
    axes.set_xticks(range(len(levels)), [style.level_name(level) for level in levels])
    axes.set(xlabel="Level", ylabel="Memory per CPU (GiB)", ylim=(0, top))
    axes.set_xlim(-0.4, len(levels) - 0.6)
    note: dict[str, Any] = {"transform": axes.transAxes, "fontsize": "small", "color": "0.3"}
    axes.text(0.03, 0.97, "above: memory is full first", ha="left", va="top", **note)
    axes.text(0.97, 0.03, "below: CPUs are full first", ha="right", va="bottom", **note)
    style.finish(axes)


def _finish_left(axes: Axes, levels: list[float]) -> None:
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(levels)), [style.level_name(level) for level in levels])
    axes.set_ylabel("Level")
    widest = max(10, *(abs(end) for end in axes.get_xlim()))
    axes.set_xlim(-widest, widest)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
    axes.set_xlabel("CPUs $\\leftarrow$  left over (%)  $\\rightarrow$ memory")
    style.finish(axes, "x")
