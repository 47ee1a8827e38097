"""CPUs and memory of a host over time: offered, allocated and used."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from slackanalysis.figures import style
from slackanalysis.figures.latex import summary_over_time
from slackanalysis.recordings.host import read_host
from slackanalysis.recordings.time import TimeSpan, shown_window, since_first_sample
from slackanalysis.workload.catalogue import GIB

_HEIGHT_INCHES = 3.9
_HEADROOM = 1.06
_LABELS = ("Offered by the host", "Owned by vNodes, allocated to VMs", "In use")
_CPUS = ("cpus", "owned_cpus", "used_cpus")
_MEMORY = ("memory_mib", "allocated_mib", "used_mib")


def host_usage_table(
    monitoring: Path | str, *, from_s: float = 0, until_s: float = 0
) -> pd.DataFrame:
    """Return `slackanalysis.recordings.host.read_host` with `elapsed_s`, since the first sample.

    Args:
        monitoring: the recording.
        from_s: first second, since the first sample.
        until_s: last second, likewise; 0: to the end.

    Raises:
        ValueError: `monitoring` is no recording, or has no sample in the time asked for.
        OSError: the file cannot be read.
    """
    path = Path(monitoring)
    return shown_window(since_first_sample(read_host(path)), path, from_s, until_s)


def host_usage_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return `summary_over_time` of what `host_usage_table` returns: the table for print."""
    return summary_over_time(table, [*_CPUS, *_MEMORY])


def draw_host_usage(table: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw CPUs above and memory below: offered (dotted), allocated (solid), used (dashed).

    Args:
        table: what `host_usage_table` returns.
        width_in: width of the figure in inches.
    """
    span = TimeSpan.of(table)
    figure, (above, below) = style.new_figure(
        _HEIGHT_INCHES, rows=2, width_in=width_in, sharex=True
    )
    _draw(above, span, table["elapsed_s"], table[[*_CPUS]])
    _draw(below, span, table["elapsed_s"], table[[*_MEMORY]] / GIB)
    above.set_ylabel("CPUs")
    below.set_ylabel("Memory (GiB)")
    style.time_axis(above, span, has_label=False)
    style.time_axis(below, span)
    for axes in (above, below):
        style.thousands(axes, "y")
    figure.align_ylabels()
    lines = above.get_lines()
    for line, label in zip(lines, _LABELS, strict=True):
        line.set_label(label)
    style.legend_above(figure, lines)
    return figure


def _draw(axes: Axes, span: TimeSpan, elapsed_s: "pd.Series[float]", amounts: pd.DataFrame) -> None:
    """Draw columns `amounts`: offered, allocated, used."""
    grey = {"color": style.WHOLE[0]}
    strokes = (style.CAPACITY, grey | style.OWNED, grey | style.IN_USE)
    for name, stroke in zip(amounts, strokes, strict=True):
        style.steps(axes, span, elapsed_s.tolist(), amounts[name].tolist(), **stroke)
    axes.set_ylim(0, _HEADROOM * max(amounts.to_numpy().max(), 1))
    style.finish(axes)
