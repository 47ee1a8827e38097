"""How many VMs of each level are on a host over time."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from slackanalysis.figures import style
from slackanalysis.figures.saving import SavedFigure, save_figure
from slackanalysis.recordings.vms import read_levels

_HEIGHT_INCHES = 3.4
_HEADROOM = 1.06


def save_vm_count(monitoring: Path | str, output: Path | str) -> SavedFigure:
    """Draw how many VMs of each level a recording has over time, and save the figure.

    Args:
        monitoring: the recording, see `slackanalysis.recordings.vms.read_levels`.
        output: the files' path without ending, see `save_figure`.

    Raises:
        ValueError: `monitoring` is no recording, or there is no VM in it.
        OSError: a file cannot be read or written.
    """
    counts = read_levels(Path(monitoring))[["time_s", "level", "vms"]]
    return save_figure(draw_vm_count(counts), counts, output)


def draw_vm_count(counts: pd.DataFrame) -> Figure:
    """Draw the VMs of each level, and of all levels in grey.

    Args:
        counts: one row per timestamp and level: `time_s`, `level`, `vms`.
    """
    by_level = counts.pivot_table(index="time_s", columns="level", values="vms")
    total = by_level.sum(axis=1)
    figure, axes = style.new_figure(_HEIGHT_INCHES)
    axes.plot(by_level.index, total, color=style.WHOLE[1], label="all", **style.OWNED)
    for level, colour in style.level_colours(counts["level"]).items():
        axes.plot(
            by_level.index,
            by_level[level],
            color=colour,
            label=style.level_name(level),
            **style.OWNED,
        )
    axes.set(
        xlim=(0, max(by_level.index.max(), 1)),
        ylim=(0, _HEADROOM * max(total.max(), 1)),
        xlabel="Time (s)",
        ylabel="VMs",
    )
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    style.thousands(axes, "x")
    style.finish(axes)
    style.legend(axes, loc="upper left")
    return figure
