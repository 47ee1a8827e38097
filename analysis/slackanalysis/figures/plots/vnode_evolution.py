"""Evolution of the vNodes of a host: Fig. 3 of SlackVM (IEEE Cluster 2024)."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from slackanalysis.figures import palette, style
from slackanalysis.figures.latex import summary_over_time
from slackanalysis.recordings.host import read_times, read_vnodes
from slackanalysis.recordings.time import (
    TimeSpan,
    check_window,
    in_window,
    since_first_sample,
    window_text,
)

PUBLISHED_TOP = 140
"""Upper end of the published figure's axis of CPUs."""

_HEIGHT_INCHES = 2.9
_HEADROOM = 1.05
_COLUMNS = ("owned_cpus", "used_cpus")


def vnode_evolution_table(
    monitoring: Path | str, *, from_s: float = 0, until_s: float = 0
) -> pd.DataFrame:
    """Return the CPUs of each vNode over time.

    Args:
        monitoring: the recording.
        from_s: first second, since the first sample of the recording.
        until_s: last second, likewise; 0: to the end.

    Returns:
        One row per sample and level, sorted by both, of zeros where the vNode is not there:
        `time_s` (of the recording's clock), `elapsed_s` (since the first sample), `level`,
        `owned_cpus`, `used_cpus`.

    Raises:
        ValueError: `monitoring` is no recording, or there is no vNode in the time asked for.
        OSError: the file cannot be read.
    """
    check_window(from_s, until_s)
    path = Path(monitoring)
    vnodes, times = read_vnodes(path), read_times(path)
    whole = since_first_sample(vnodes, times[0])
    window = in_window(whole, from_s, until_s)
    if window.empty:
        first, last = whole["elapsed_s"].min(), whole["elapsed_s"].max()
        raise ValueError(
            f"{path}: no vNode in it {window_text(from_s, until_s)}; "
            f"there are vNodes from {first:g} s to {last:g} s"
        )
    levels = sorted(window["level"].unique())
    every = pd.MultiIndex.from_product([times, levels], names=["time_s", "level"])
    complete = vnodes.set_index(["time_s", "level"]).reindex(every, fill_value=0).reset_index()
    return in_window(since_first_sample(complete, times[0]), from_s, until_s)


def vnode_evolution_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return `summary_over_time` of what `vnode_evolution_table` returns: the table for print."""
    return summary_over_time(table, _COLUMNS, ["level"])


def draw_vnode_evolution(table: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw CPUs over time: owned by each vNode (solid, full marks) and in use (dashed, hollow).

    The axis of CPUs reaches to 140 as published, further where the numbers need it, and less far
    for a small host, whose lines would lie flat on the ground.

    Args:
        table: what `vnode_evolution_table` returns.
        width_in: width of the figure in inches.
    """
    looks = palette.levels(table["level"])
    span = TimeSpan.of(table)
    figure, axes = style.new_figure(_HEIGHT_INCHES, width_in=width_in)
    for column, stroke in (("used_cpus", style.IN_USE), ("owned_cpus", style.OWNED)):
        hollow = {"markerfacecolor": "white", "markersize": 3} if column == "used_cpus" else {}
        for level, look in looks.items():
            rows = table[table["level"] == level]
            style.steps(
                axes,
                span,
                rows["elapsed_s"].tolist(),
                rows[column].tolist(),
                mark=look,
                **stroke,
                **hollow,
            )
    highest = float(table[[*_COLUMNS]].to_numpy().max())
    axes.set(ylim=(0, _top(highest)), ylabel="CPUs")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    style.time_axis(axes, span)
    style.finish(axes)
    vnodes = [
        Line2D(
            [],
            [],
            color=look.colour,
            marker=look.marker,
            markersize=4,
            label=f"vNode {style.level_name(level)}",
            **style.OWNED,
        )
        for level, look in looks.items()
    ]
    grey = style.WHOLE[0]
    strokes = [
        Line2D([], [], color=grey, label="CPUs owned", **style.OWNED),
        Line2D([], [], color=grey, label="CPUs in use", **style.IN_USE),
    ]
    style.legend_above(figure, [*vnodes, *strokes])
    return figure


def _top(highest: float) -> float:
    """Return the upper end of the axis of CPUs."""
    is_small = highest < PUBLISHED_TOP / 4
    if is_small:
        return max(1.0, _HEADROOM * highest)
    return max(float(PUBLISHED_TOP), _HEADROOM * highest)
