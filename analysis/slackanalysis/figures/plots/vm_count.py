"""How many VMs of each level are on a host over time."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from slackanalysis.figures import palette, style
from slackanalysis.figures.latex import summary_over_time
from slackanalysis.recordings.time import TimeSpan, shown_window, since_first_sample
from slackanalysis.recordings.vms import read_levels

_HEIGHT_INCHES = 2.9
_HEADROOM = 1.06


def vm_count_table(
    monitoring: Path | str, *, from_s: float = 0, until_s: float = 0
) -> pd.DataFrame:
    """Return the VMs of each level over time.

    Args:
        monitoring: the recording.
        from_s: first second, since the first sample.
        until_s: last second, likewise; 0: to the end.

    Returns:
        One row per sample and level: `time_s`, `elapsed_s` (since the first sample), `level`,
        `vms`.

    Raises:
        ValueError: `monitoring` is no recording, or has no sample in the time asked for.
        OSError: the file cannot be read.
    """
    path = Path(monitoring)
    counts = since_first_sample(read_levels(path)[["time_s", "level", "vms"]])
    return shown_window(counts, path, from_s, until_s)


def vm_count_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return `summary_over_time` of what `vm_count_table` returns: the table for print."""
    return summary_over_time(table, ["vms"], ["level"])


def draw_vm_count(table: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw the VMs of each level, and of all levels in grey.

    Args:
        table: what `vm_count_table` returns.
        width_in: width of the figure in inches.
    """
    by_level = table.pivot_table(index="elapsed_s", columns="level", values="vms")
    total = by_level.sum(axis=1)
    span = TimeSpan.of(table)
    elapsed = list(by_level.index)
    figure, axes = style.new_figure(_HEIGHT_INCHES, width_in=width_in)
    wide = style.OWNED | {"linewidth": 2.6}
    style.steps(axes, span, elapsed, total.tolist(), color=style.WHOLE[1], label="all", **wide)
    for level, look in palette.levels(table["level"]).items():
        style.steps(
            axes,
            span,
            elapsed,
            by_level[level].tolist(),
            mark=look,
            label=style.level_name(level),
            **style.OWNED,
        )
    axes.set(ylim=(0, _HEADROOM * max(total.max(), 1)), ylabel="VMs")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    style.time_axis(axes, span)
    style.finish(axes)
    style.legend_above(figure, axes.get_lines())
    return figure
