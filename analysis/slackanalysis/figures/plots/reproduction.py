"""Our table of hosts beside the published one: cell by cell, and seed by seed."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from slackanalysis.figures import style
from slackanalysis.figures.saving import DEFAULT_FORMATS, SavedFigure, save_figure
from slackanalysis.sweep.interval import CONFIDENCE
from slackanalysis.sweep.reproduction import Reproduction

_HEIGHT_INCHES = 3.3
_MARKERS = "os"


def save_reproduction(
    found: Reproduction,
    output: Path | str,
    *,
    width_in: float = style.WIDTH_IN,
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> SavedFigure:
    """Draw our gains against the published ones, and save the figure with the table of cells.

    Args:
        found: what `slackanalysis.sweep.reproduction.reproduction` returns.
        output: the files' path without ending, see `save_figure`.
        width_in: width of the figure in inches.
        formats: see `save_figure`.

    Raises:
        OSError: a file cannot be written.
    """
    figure = draw_reproduction(found, width_in=width_in)
    return save_figure(figure, found.cells, output, formats=formats)


def draw_reproduction(found: Reproduction, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw a mark per cell, ours against the published gain, and a mark per seed."""
    figure, (cells, seeds) = style.new_figure(
        _HEIGHT_INCHES, columns=2, width_ratios=(1.6, 1), width_in=width_in
    )
    _draw_cells(cells, found.cells)
    _draw_seeds(seeds, found)
    handles = cells.get_legend_handles_labels()[0] + seeds.get_legend_handles_labels()[0]
    style.legend_above(figure, handles)
    return figure


def _draw_cells(axes: Axes, cells: pd.DataFrame) -> None:
    providers = sorted(cells["provider"].unique(), reverse=True)
    for provider, colour, marker in zip(
        providers, style.colours_of(len(providers)), _MARKERS[: len(providers)], strict=True
    ):
        rows = cells[cells["provider"] == provider]
        published, ours = rows["published_gain_percent"], rows["gain_percent"]
        axes.vlines(
            published,
            rows["gain_percent_min"],
            rows["gain_percent_max"],
            color=colour,
            linewidth=0.6,
        )
        axes.errorbar(
            published,
            ours,
            [ours - rows["gain_percent_low"], rows["gain_percent_high"] - ours],
            fmt=marker,
            color=colour,
            markersize=4,
            elinewidth=1.8,
            label=style.provider_name(provider),
        )
    top = max(cells["published_gain_percent"].max(), cells["gain_percent_max"].max(), 1) * 1.05
    axes.plot([0, top], [0, top], **style.CAPACITY, label="As published")
    axes.set(
        xlim=(-0.03 * top, top),
        ylim=(min(-0.03 * top, 1.05 * cells["gain_percent_min"].min()), top),
        xlabel="Hosts saved, published (%)",
        ylabel="Hosts saved, ours (%)",
    )
    style.finish(axes, "both")


def _draw_seeds(axes: Axes, found: Reproduction) -> None:
    gain = found.seeds["gain_percent"].sort_values().to_numpy()
    pale, dark = style.WHOLE[1], style.WHOLE[0]
    place = range(1, len(gain) + 1)
    axes.plot(gain, place, "o", color=pale, markersize=4, label="A seed, mean over cells")
    axes.axvspan(
        found.low,
        found.high,
        color=pale,
        alpha=0.3,
        linewidth=0,
        label=f"{100 * CONFIDENCE:.0f} % interval of the mean",
    )
    axes.axvline(found.mean, color=dark, linewidth=1.2, label="Mean of the seeds")
    axes.axvline(found.published_mean, **style.CAPACITY)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="Mean over the cells (%)", ylabel="Seeds, by their mean")
    style.finish(axes, "x")
