"""Why sharing helps: which resource each level runs out of first."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from slackanalysis.figures import palette, style
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.workload.catalogue import GIB

_FRAME_INCHES = 0.8
_LEAST_BARS_INCHES = 1.9
_BAR_INCHES = 0.09
_RATIO_ROOM_INCHES = 2.6
_GROUP = 0.8


def draw_levels_complement(
    table: pd.DataFrame, size: HostSize, *, width_in: float = style.WIDTH_IN
) -> Figure:
    """Draw GiB per CPU against the host's, and mirrored bars of what is left.

    Args:
        table: what `slackanalysis.sizing.complement` returns.
        size: what a host offers.
        width_in: width of the figure in inches.
    """
    looks = palette.providers(table["provider"])
    levels = sorted(table["level"].unique())
    bars_in = max(_LEAST_BARS_INCHES, _BAR_INCHES * len(looks) * len(levels))
    is_narrow = style.is_narrow(width_in)
    ratio_in = _LEAST_BARS_INCHES if is_narrow else 0
    grid: dict[str, Any] = (
        {"rows": 2, "height_ratios": (ratio_in, bars_in)} if is_narrow else {"columns": 2}
    )
    figure, (ratio, left) = style.new_figure(
        _FRAME_INCHES + ratio_in + bars_in, width_in=width_in, **grid
    )
    width = _GROUP / len(looks)
    for number, (provider, look) in enumerate(looks.items()):
        rows = table[table["provider"] == provider].set_index("level").reindex(levels)
        ratio.plot(
            range(len(levels)),
            rows["gib_per_cpu"],
            color=look.colour,
            marker=look.marker,
            markersize=4.5,
            linewidth=1.2,
            label=style.provider_name(provider),
        )
        place = np.arange(len(levels)) + (number - (len(looks) - 1) / 2) * width
        for bars in (-rows["cpus_left_percent"], rows["memory_left_percent"]):
            left.barh(
                place,
                bars,
                width,
                facecolor=look.colour,
                hatch=look.hatch,
                edgecolor="white",
                linewidth=0,
            )
    ideal = size.memory_mib / GIB / size.cpus
    ratio.axhline(ideal, **style.CAPACITY, label=f"Host: {ideal:g} GiB per CPU")
    _finish_ratio(ratio, levels, ideal, float(table["gib_per_cpu"].max()))
    _finish_left(left, levels)
    left_over = table[["cpus_left_percent", "memory_left_percent"]].to_numpy(dtype=float)
    widest = 1.04 * max(10.0, float(np.nanmax(left_over)))
    left.set_xlim(-widest, widest)
    style.legend_above(figure, ratio.get_legend_handles_labels()[0])
    return figure


def _finish_ratio(axes: Axes, levels: list[float], ideal: float, highest: float) -> None:
    labels = [style.level_name(level) for level in levels]
    figure = axes.get_figure(root=True)
    size = style.points(figure) if figure is not None else style.Points(9, 8, 7.5)
    axes.set_xticks(range(len(levels)), labels)
    axes.tick_params(axis="x", rotation=style.rotation(labels, _RATIO_ROOM_INCHES, size.tick))
    axes.set(xlabel="Level", ylabel="Memory per CPU (GiB)")
    axes.set_ylim(0, 1.08 * max(ideal, highest))
    axes.set_xlim(-0.25, len(levels) - 0.75)
    style.title(axes, "Above the host's line memory is full first,\nbelow it CPUs are")
    style.finish(axes)


def _finish_left(axes: Axes, levels: list[float]) -> None:
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(levels)), [style.level_name(level) for level in levels])
    axes.set_ylabel("Level")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(levels) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
    axes.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    axes.set_xlabel("← CPUs    left over (%)    memory →")
    style.title(axes, "What is left over of the other\nwhen one of both is full")
    style.finish(axes, "x")
