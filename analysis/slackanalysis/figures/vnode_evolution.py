"""Evolution of the vNodes of a host: Fig. 3 of SlackVM (IEEE Cluster 2024)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import StrMethodFormatter

from slackanalysis.recording import read_vnodes

PUBLISHED_TOP = 140
"""Upper end of the published figure's axis of CPUs."""

_SIZE_INCHES = (6.4, 3.4)
_PNG_DPI = 300
_HEADROOM = 1.05
_ROOM_FOR_LEGEND = 1.4
_OWNED: dict[str, Any] = {"linestyle": "-", "linewidth": 1.6, "drawstyle": "steps-post"}
_IN_USE: dict[str, Any] = {"linestyle": (0, (3, 1.2)), "linewidth": 0.9, "alpha": 0.6}

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SavedFigure:
    """Where a figure and its numbers were written."""

    pdf: Path
    png: Path
    csv: Path


def save_vnode_evolution(monitoring: Path | str, output: Path | str) -> SavedFigure:
    """Draw how the vNodes of a recording evolved, and save the figure with its numbers.

    Args:
        monitoring: the recording, see `slackanalysis.recording.read_vnodes`.
        output: the files' path without ending; `.pdf`, `.png` and `.csv` are added, and folders
            are made.

    Raises:
        ValueError: `monitoring` is no recording, or there is no vNode in it.
        OSError: a file cannot be read or written.
    """
    vnodes = read_vnodes(Path(monitoring))
    stem = Path(output)
    saved = SavedFigure(*(stem.with_name(stem.name + end) for end in (".pdf", ".png", ".csv")))
    stem.parent.mkdir(parents=True, exist_ok=True)
    vnodes.to_csv(saved.csv, index=False)
    figure = draw_vnode_evolution(vnodes)
    figure.savefig(saved.png, dpi=_PNG_DPI)
    figure.savefig(saved.pdf, metadata={"CreationDate": None})
    return saved


def draw_vnode_evolution(vnodes: pd.DataFrame) -> Figure:
    """Draw CPUs over time: owned by each vNode (solid) and in use (pale, dashed).

    The axis of CPUs reaches to 140 as published, further where the numbers need it, and less far
    for a small host, whose lines would lie flat on the ground.

    Args:
        vnodes: the table that `slackanalysis.recording.read_vnodes` returns.
    """
    levels = sorted(vnodes["level"].unique())
    colours = dict(zip(levels, sns.color_palette("colorblind", len(levels)), strict=True))
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        axes = figure.subplots()
    for column, look in (("used_cpus", _IN_USE), ("owned_cpus", _OWNED)):
        sns.lineplot(
            vnodes,
            x="time_s",
            y=column,
            hue="level",
            palette=colours,
            estimator=None,
            legend=False,
            ax=axes,
            **look,
        )
    highest = float(vnodes[["owned_cpus", "used_cpus"]].to_numpy().max())
    axes.set(
        xlim=(0, max(vnodes["time_s"].max(), 1)),
        ylim=(0, _top(highest)),
        xlabel="Time (s)",
        ylabel="CPUs",
    )
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    sns.despine(ax=axes)
    _add_legend(axes, colours)
    return figure


def _top(highest: float) -> float:
    """Return the upper end of the axis of CPUs."""
    is_small = highest < PUBLISHED_TOP / 4
    if is_small:
        return max(1.0, _ROOM_FOR_LEGEND * highest)
    return max(float(PUBLISHED_TOP), _HEADROOM * highest)


def _add_legend(axes: Axes, colours: Mapping[float, Colour]) -> None:
    """Explain colours (vNodes) and strokes (owned, in use) apart from one another."""
    vnodes = [
        Line2D([], [], color=colour, label=f"vNode {level:g}:1", **_OWNED)
        for level, colour in colours.items()
    ]
    strokes = [
        Line2D([], [], color="0.3", label="CPUs owned", **_OWNED),
        Line2D([], [], color="0.3", label="CPUs in use", **_IN_USE),
    ]
    axes.legend(
        handles=[*vnodes, *strokes],
        ncols=2,
        loc="upper left",
        columnspacing=1.5,
        framealpha=1,
        edgecolor="none",
    )
