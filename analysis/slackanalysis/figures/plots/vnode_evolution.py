"""Evolution of the vNodes of a host: Fig. 3 of SlackVM (IEEE Cluster 2024)."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slackanalysis.figures import style
from slackanalysis.figures.saving import SavedFigure, save_figure
from slackanalysis.recordings.host import read_vnodes

PUBLISHED_TOP = 140
"""Upper end of the published figure's axis of CPUs."""

_HEIGHT_INCHES = 3.4
_HEADROOM = 1.05
_ROOM_FOR_LEGEND = 1.4


def save_vnode_evolution(
    monitoring: Path | str, output: Path | str, until_s: int = 0
) -> SavedFigure:
    """Draw how the vNodes of a recording evolved, and save the figure with its numbers.

    Args:
        monitoring: the recording, see `slackanalysis.recordings.host.read_vnodes`.
        output: the files' path without ending, see `save_figure`.
        until_s: last timestamp that is drawn; 0: that of the recording.

    Raises:
        ValueError: `monitoring` is no recording, or there is no vNode in it.
        OSError: a file cannot be read or written.
    """
    vnodes = read_vnodes(Path(monitoring))
    if until_s:
        vnodes = vnodes[vnodes["time_s"] <= until_s]
        if vnodes.empty:
            raise ValueError(f"{monitoring}: no vNode in it until {until_s} s")
    return save_figure(draw_vnode_evolution(vnodes), vnodes, output)


def draw_vnode_evolution(vnodes: pd.DataFrame) -> Figure:
    """Draw CPUs over time: owned by each vNode (solid) and in use (pale, dashed).

    The axis of CPUs reaches to 140 as published, further where the numbers need it, and less far
    for a small host, whose lines would lie flat on the ground.

    Args:
        vnodes: the table that `slackanalysis.recordings.host.read_vnodes` returns.
    """
    colours = style.level_colours(vnodes["level"])
    figure, axes = style.new_figure(_HEIGHT_INCHES)
    for column, look in (("used_cpus", style.IN_USE), ("owned_cpus", style.OWNED)):
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
    style.thousands(axes, "x")
    style.finish(axes)
    _add_legend(axes, colours)
    return figure


def _top(highest: float) -> float:
    """Return the upper end of the axis of CPUs."""
    is_small = highest < PUBLISHED_TOP / 4
    if is_small:
        return max(1.0, _ROOM_FOR_LEGEND * highest)
    return max(float(PUBLISHED_TOP), _HEADROOM * highest)


def _add_legend(axes: Axes, colours: Mapping[float, style.Colour]) -> None:
    """Explain colours (vNodes) and strokes (owned, in use) apart from one another."""
    vnodes = [
        Line2D([], [], color=colour, label=f"vNode {style.level_name(level)}", **style.OWNED)
        for level, colour in colours.items()
    ]
    grey = style.WHOLE[0]
    strokes = [
        Line2D([], [], color=grey, label="CPUs owned", **style.OWNED),
        Line2D([], [], color=grey, label="CPUs in use", **style.IN_USE),
    ]
    style.legend(axes, handles=[*vnodes, *strokes], ncols=2, loc="upper left")
