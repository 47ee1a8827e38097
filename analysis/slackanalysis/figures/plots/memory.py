"""Who has the memory of a host over time, and how much of it is used."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from slackanalysis.figures import style
from slackanalysis.figures.saving import SavedFigure, save_figure
from slackanalysis.recordings.host import read_host
from slackanalysis.recordings.vms import read_levels
from slackanalysis.workload.catalogue import GIB

_HEIGHT_INCHES = 3.4
_HEADROOM = 1.06
_PALE = 0.75


def save_memory(monitoring: Path | str, output: Path | str) -> SavedFigure:
    """Draw the memory of each level's VMs on the host of a recording, and save the figure.

    The numbers are those of `slackanalysis.recordings.vms.read_levels` that are about memory, with
    the host's memory as `host_mib`.

    Args:
        monitoring: the recording.
        output: the files' path without ending, see `save_figure`.

    Raises:
        ValueError: `monitoring` is no recording, or lacks rows of the host or of VMs.
        OSError: a file cannot be read or written.
    """
    path = Path(monitoring)
    levels = read_levels(path)[["time_s", "level", "memory_mib", "used_mib"]]
    host = read_host(path)[["time_s", "memory_mib"]].rename(columns={"memory_mib": "host_mib"})
    memory = levels.merge(host, on="time_s", how="left")
    return save_figure(draw_memory(memory), memory, output)


def draw_memory(memory: pd.DataFrame) -> Figure:
    """Draw the memory that each level's VMs have, stacked, what all use, and what there is.

    Args:
        memory: one row per timestamp and level: `time_s`, `level`, `memory_mib`, `used_mib`,
            `host_mib`.
    """
    colours = style.level_colours(memory["level"])
    allocated = memory.pivot_table(index="time_s", columns="level", values="memory_mib") / GIB
    by_time = memory.groupby("time_s")
    used, whole = by_time["used_mib"].sum() / GIB, by_time["host_mib"].first() / GIB
    figure, axes = style.new_figure(_HEIGHT_INCHES)
    axes.stackplot(
        allocated.index,
        *(allocated[level] for level in colours),
        colors=list(colours.values()),
        alpha=_PALE,
        step="post",
        linewidth=0,
    )
    axes.plot(whole.index, whole, **style.CAPACITY)
    axes.plot(used.index, used, color="black", linestyle="--", linewidth=1.1)
    axes.set(
        xlim=(0, max(memory["time_s"].max(), 1)),
        ylim=(0, _HEADROOM * max(whole.max(), allocated.sum(axis=1).max())),
        xlabel="Time (s)",
        ylabel="Memory (GiB)",
    )
    style.thousands(axes, "x", "y")
    style.finish(axes)
    handles = [
        Patch(color=colour, alpha=_PALE, linewidth=0, label=style.level_name(level))
        for level, colour in reversed(colours.items())
    ]
    lines = [
        Line2D([], [], **style.CAPACITY, label="Offered by the host"),
        Line2D([], [], color="black", linestyle="--", linewidth=1.1, label="In use by all VMs"),
    ]
    style.legend_above(figure, [*handles, *lines], columns=len(colours) + 2)
    return figure
