"""How much of their vCPUs the VMs of each level use."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from slackanalysis.figures import palette, style

_HEIGHT_INCHES = 2.4
_PANELS = {
    "mean_use": "Mean use of its vCPUs (%)",
    "busy_use": "95th percentile of its use (%)",
}


def draw_vm_usage(use: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw which share of each level's VMs uses at most so much: on average, and when busy.

    Args:
        use: the table that `slackanalysis.recordings.vms.read_vm_use` returns.
        width_in: width of the figure in inches.
    """
    figure, axes = style.new_figure(_HEIGHT_INCHES, columns=2, width_in=width_in, sharey=True)
    for panel, (column, label) in zip(axes, _PANELS.items(), strict=True):
        for level, look in palette.levels(use["level"]).items():
            of_level = use[use["level"] == level]
            vms = len(of_level)
            percent = 100 * np.sort(of_level[column].to_numpy())
            panel.plot(
                [0, *percent, max(100, percent[-1])],
                [0, *(100 * np.arange(1, vms + 1) / vms), 100],
                drawstyle="steps-post",
                color=look.colour,
                marker=look.marker,
                markersize=3.5,
                markevery=style.marked(look, vms, first=1),
                label=f"{style.level_name(level)} ({vms} VM{'s' if vms > 1 else ''})",
                **style.OWNED,
            )
        panel.set(xlim=(0, max(100, 100 * use[column].max())), ylim=(0, 102))
        panel.set_xlabel(style.wrapped(label, width_in / 2.5, style.points(figure).label))
        style.finish(panel, "both")
    axes[0].set_ylabel("VMs (%)")
    style.legend_above(figure, axes[0].get_lines())
    return figure


def vm_usage_summary(use: pd.DataFrame) -> pd.DataFrame:
    """Return what fits on paper: the number of VMs of each level, and means over them."""
    shares = use.assign(
        mean_use_percent=100 * use["mean_use"], busy_use_percent=100 * use["busy_use"]
    )
    return (
        shares.groupby("level")
        .agg(
            vms=("vm_uuid", "size"),
            mean_use_percent=("mean_use_percent", "mean"),
            busy_use_percent=("busy_use_percent", "mean"),
            largest_busy_use_percent=("busy_use_percent", "max"),
        )
        .reset_index()
    )
