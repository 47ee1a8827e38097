"""What a host has, gives out and uses over time: CPUs and memory."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from slackanalysis.figures import style
from slackanalysis.figures.saving import SavedFigure, save_figure
from slackanalysis.recordings.host import read_host
from slackanalysis.workload.catalogue import GIB

_HEIGHT_INCHES = 4.6
_HEADROOM = 1.06
_LABELS = ("Offered by the host", "Owned by vNodes, allocated to VMs", "In use")


def save_host_usage(monitoring: Path | str, output: Path | str) -> SavedFigure:
    """Draw what the host of a recording has, gives out and uses, and save the figure.

    Args:
        monitoring: the recording, see `slackanalysis.recordings.host.read_host`.
        output: the files' path without ending, see `save_figure`.

    Raises:
        ValueError: `monitoring` is no recording, or lacks rows of the host.
        OSError: a file cannot be read or written.
    """
    host = read_host(Path(monitoring))
    return save_figure(draw_host_usage(host), host, output)


def draw_host_usage(host: pd.DataFrame) -> Figure:
    """Draw CPUs above and memory below: all (dotted), given out (solid), in use (dashed).

    Args:
        host: the table that `slackanalysis.recordings.host.read_host` returns.
    """
    figure, (above, below) = style.new_figure(_HEIGHT_INCHES, rows=2, sharex=True)
    _draw(above, host["time_s"], host[["cpus", "owned_cpus", "used_cpus"]])
    gib = host[["memory_mib", "allocated_mib", "used_mib"]] / GIB
    _draw(below, host["time_s"], gib)
    above.set_ylabel("CPUs")
    below.set(ylabel="Memory (GiB)", xlabel="Time (s)")
    style.thousands(below, "x", "y")
    lines = above.get_lines()
    for line, label in zip(lines, _LABELS, strict=True):
        line.set_label(label)
    style.legend_above(figure, lines)
    return figure


def _draw(axes: Axes, time_s: "pd.Series[int]", amounts: pd.DataFrame) -> None:
    """Draw columns `amounts`: all, given out, in use."""
    whole, given, used = (amounts[name] for name in amounts)
    axes.plot(time_s, whole, **style.CAPACITY)
    axes.plot(time_s, given, color=style.WHOLE[0], **style.OWNED)
    axes.plot(time_s, used, color=style.WHOLE[0], **style.IN_USE)
    axes.set(xlim=(0, max(time_s.max(), 1)), ylim=(0, _HEADROOM * max(amounts.to_numpy().max(), 1)))
    style.finish(axes)
