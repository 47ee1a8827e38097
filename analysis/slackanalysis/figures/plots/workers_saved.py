"""Hosts that sharing saves, by level mix and provider: heat maps and bars."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from slackanalysis.figures import style
from slackanalysis.figures.saving import DEFAULT_FORMATS, SavedFigure, save_figure
from slackanalysis.sweep.interval import CONFIDENCE
from slackanalysis.sweep.mixes import shares
from slackanalysis.sweep.reproduction import beside_published

_HEIGHT_INCHES = 6.6
_HEAT = "cividis"
_BAR = 0.72
_ENDS = ("gain_percent_low", "gain_percent_high", "gain_percent_min", "gain_percent_max")


def save_workers_saved(
    table: pd.DataFrame,
    output: Path | str,
    *,
    width_in: float = style.WIDTH_IN,
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> SavedFigure:
    """Draw the hosts that sharing saves, beside the published ones, and save the figure.

    Args:
        table: sizings by one policy, as `slackanalysis.sweep.gains.read_sizings` returns them.
        output: the files' path without ending, see `save_figure`.
        width_in: width of the figure in inches.
        formats: see `save_figure`.

    Raises:
        ValueError: a mix is not percent of 1:1, 2:1 and 3:1.
        OSError: a file cannot be written.
    """
    numbers = beside_published(table)
    figure = draw_workers_saved(numbers, width_in=width_in)
    return save_figure(figure, numbers, output, formats=formats)


def draw_workers_saved(numbers: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw a heat map and bars for each provider.

    Args:
        numbers: the table that `beside_published` returns.
        width_in: width of the figure in inches.
    """
    providers = sorted(numbers["provider"].unique(), reverse=True)
    figure, axes = style.new_figure(
        _HEIGHT_INCHES,
        rows=2,
        columns=len(providers),
        squeeze=False,
        height_ratios=(1.25, 1),
        width_in=width_in,
    )
    highest = max(numbers["gain_percent"].max(), 1)
    for column, provider in enumerate(providers):
        of_provider = numbers[numbers["provider"] == provider]
        image = _draw_map(axes[0, column], of_provider, highest)
        axes[0, column].set_title(style.provider_name(provider), fontsize="medium")
        _draw_bars(axes[1, column], of_provider)
    ends = numbers[["gain_percent", *_ENDS, "published_gain_percent"]]
    for panel in axes[1]:
        panel.set_ylim(min(ends.min().min(), 0) - 0.3, 1.05 * max(ends.max().max(), 1))
    figure.colorbar(image, ax=list(axes[0]), label="Hosts saved (%)", shrink=0.9)
    axes[0, 0].set_ylabel("Share of 2:1 (%)")
    axes[1, 0].set_ylabel("Hosts saved (%)")
    _add_legend(figure, numbers)
    return figure


def _draw_map(axes: Axes, numbers: pd.DataFrame, highest: float) -> AxesImage:
    percent = shares(numbers["mix"])
    columns, rows = (np.sort(percent[level].unique()) for level in ("1:1", "2:1"))
    cells = np.full((len(rows), len(columns)), np.nan)
    x, y = np.searchsorted(columns, percent["1:1"]), np.searchsorted(rows, percent["2:1"])
    cells[y, x] = numbers["gain_percent"]
    image = axes.imshow(cells, origin="lower", cmap=_HEAT, vmin=0, vmax=highest, aspect="auto")
    for column, row, ours, theirs in zip(
        x, y, numbers["gain_percent"], numbers["published_gain_percent"], strict=True
    ):
        colour = "black" if ours > 0.6 * highest else "white"
        text = f"{ours:.1f}" if np.isnan(theirs) else f"{ours:.1f}\n({theirs:.1f})"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7.5)
    axes.set_xticks(range(len(columns)), [str(share) for share in columns])
    axes.set_yticks(range(len(rows)), [str(share) for share in rows])
    axes.set_xlabel("Share of 1:1 (%)")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    return image


def _draw_bars(axes: Axes, numbers: pd.DataFrame) -> None:
    place = np.arange(len(numbers))
    gain = numbers["gain_percent"]
    axes.bar(place, gain, _BAR, color=style.WHOLE[1])
    axes.vlines(
        place,
        numbers["gain_percent_min"],
        numbers["gain_percent_max"],
        color="black",
        linewidth=0.6,
    )
    reach = [gain - numbers["gain_percent_low"], numbers["gain_percent_high"] - gain]
    axes.errorbar(place, gain, reach, fmt="none", ecolor="black", elinewidth=2.2)
    axes.plot(place, numbers["published_gain_percent"], **style.PUBLISHED)
    axes.set_xticks(place, numbers["mix"], rotation=90, fontsize=7)
    axes.set_xlabel("Shares of 1:1, 2:1 and 3:1 (%)")
    axes.margins(x=0.02)
    style.finish(axes)


def _add_legend(figure: Figure, numbers: pd.DataFrame) -> None:
    seeds, confidence = numbers["seeds"].max(), f"{100 * CONFIDENCE:.0f} %"
    handles: list[Artist] = [
        Patch(color=style.WHOLE[1], label=f"Ours, mean of {seeds} seeds"),
        Line2D([], [], color="black", linewidth=2.2, label=f"Its {confidence} interval"),
        Line2D([], [], color="black", linewidth=0.6, label="Range of the seeds"),
    ]
    if numbers["published_gain_percent"].notna().any():
        handles.append(Line2D([], [], **style.PUBLISHED, label="Published (in brackets above)"))
    style.legend_above(figure, handles, columns=2)
