"""Memory of a host over time: allocated per level, and used."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from slackanalysis.figures import palette, style
from slackanalysis.figures.latex import summary_over_time
from slackanalysis.recordings.host import read_host
from slackanalysis.recordings.time import TimeSpan, shown_window, since_first_sample
from slackanalysis.recordings.vms import read_levels
from slackanalysis.workload.catalogue import GIB

_HEIGHT_INCHES = 2.9
_HEADROOM = 1.06
_HALO = [withStroke(linewidth=2.4, foreground="white")]
"""The line stays visible on dark areas."""

_IN_USE: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 1.5)), "linewidth": 1.1}


def memory_table(monitoring: Path | str, *, from_s: float = 0, until_s: float = 0) -> pd.DataFrame:
    """Return what `slackanalysis.recordings.vms.read_levels` says about memory.

    Args:
        monitoring: the recording.
        from_s: first second, since the first sample.
        until_s: last second, likewise; 0: to the end.

    Returns:
        One row per sample and level: `time_s`, `elapsed_s` (since the first sample), `level`,
        `memory_mib` and `used_mib` of its VMs, `host_mib`.

    Raises:
        ValueError: `monitoring` is no recording, or has no sample in the time asked for.
        OSError: the file cannot be read.
    """
    path = Path(monitoring)
    levels = read_levels(path)[["time_s", "level", "memory_mib", "used_mib"]]
    host = read_host(path)[["time_s", "memory_mib"]].rename(columns={"memory_mib": "host_mib"})
    both = since_first_sample(levels.merge(host, on="time_s", how="left"))
    return shown_window(both, path, from_s, until_s)


def memory_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return `summary_over_time` of what `memory_table` returns: the table for print."""
    return summary_over_time(table, ["memory_mib", "used_mib"], ["level"])


def draw_memory(table: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw the memory that each level's VMs have, stacked, what all use, and what there is.

    Args:
        table: what `memory_table` returns.
        width_in: width of the figure in inches.
    """
    looks = palette.levels(table["level"])
    span = TimeSpan.of(table)
    allocated = table.pivot_table(index="elapsed_s", columns="level", values="memory_mib") / GIB
    by_time = table.groupby("elapsed_s")
    used, whole = by_time["used_mib"].sum() / GIB, by_time["host_mib"].first() / GIB
    figure, axes = style.new_figure(_HEIGHT_INCHES, width_in=width_in)
    x = span.in_units([*allocated.index, span.end_s])
    tops = np.vstack([np.zeros(len(x)), *(_held(allocated[level]) for level in looks)]).cumsum(0)
    with mpl.rc_context(style.FONTS):
        for low, high, look in zip(tops, tops[1:], looks.values(), strict=False):
            axes.fill_between(
                x,
                low,
                high,
                step="post",
                facecolor=look.colour,
                edgecolor="white",
                hatch=look.hatch,
                linewidth=0,
            )
    style.steps(axes, span, list(whole.index), whole.tolist(), **style.CAPACITY)
    style.steps(axes, span, list(used.index), used.tolist(), **_IN_USE, path_effects=_HALO)
    axes.set(ylim=(0, _HEADROOM * max(whole.max(), tops[-1].max(), 1 / GIB)), ylabel="Memory (GiB)")
    style.time_axis(axes, span)
    style.thousands(axes, "y")
    style.finish(axes)
    handles = [
        Patch(
            facecolor=look.colour,
            edgecolor="white",
            hatch=look.hatch,
            linewidth=0,
            label=style.level_name(level),
        )
        for level, look in looks.items()
    ]
    lines = [
        Line2D([], [], **style.CAPACITY, label="Offered by the host"),
        Line2D([], [], **_IN_USE, label="In use by all VMs"),
    ]
    style.legend_above(figure, [*handles, *lines])
    return figure


def _held(values: "pd.Series[float]") -> list[float]:
    """Return values with the last twice: it holds to the end of its sample."""
    return [*values.tolist(), values.iloc[-1]]
