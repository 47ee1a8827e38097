"""How much of their vCPUs the VMs of each level use."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from slackanalysis.figures import style
from slackanalysis.figures.saving import DEFAULT_FORMATS, SavedFigure, save_figure
from slackanalysis.recordings.vms import read_vm_use

_HEIGHT_INCHES = 2.9


def save_vm_usage(
    monitoring: Path | str,
    output: Path | str,
    *,
    width_in: float = style.WIDTH_IN,
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> SavedFigure:
    """Draw how the VMs of a recording differ in their use of vCPUs, and save the figure.

    Args:
        monitoring: the recording, see `slackanalysis.recordings.vms.read_vm_use`.
        output: the files' path without ending, see `save_figure`.
        width_in: width of the figure in inches.
        formats: see `save_figure`.

    Raises:
        ValueError: `monitoring` is no recording, or there is no VM in it.
        OSError: a file cannot be read or written.
    """
    use = read_vm_use(Path(monitoring))
    figure = draw_vm_usage(use, width_in=width_in)
    return save_figure(figure, use, output, formats=formats)


def draw_vm_usage(use: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw which share of each level's VMs uses at most so much: on average, and when busy.

    Args:
        use: the table that `slackanalysis.recordings.vms.read_vm_use` returns.
        width_in: width of the figure in inches.
    """
    figure, axes = style.new_figure(_HEIGHT_INCHES, columns=2, sharey=True, width_in=width_in)
    for panel, column, label in zip(
        axes,
        ("mean_use", "busy_use"),
        ("Mean use of its vCPUs (%)", "95th percentile of its use (%)"),
        strict=True,
    ):
        for level, colour in style.level_colours(use["level"]).items():
            of_level = use[use["level"] == level]
            sns.ecdfplot(
                x=100 * of_level[column],
                stat="percent",
                color=colour,
                linewidth=1.6,
                label=f"{style.level_name(level)} ({len(of_level)} VMs)",
                ax=panel,
            )
        panel.set(xlim=(0, 100), ylim=(0, 101), xlabel=label, ylabel="VMs (%)")
        style.finish(panel, "both")
    style.legend(axes[1], loc="lower right")
    return figure
