"""CPUs and memory that hosts have left at the peak, by level mix: mirrored bars."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from slackanalysis.figures import palette, style
from slackanalysis.figures.spread import draw_spread, drawn_range, explained
from slackanalysis.sweep.interval import over_seeds
from slackanalysis.sweep.mixes import sorted_by_mix
from slackanalysis.sweep.published import PUBLISHED_SIZE, published_hosts
from slackanalysis.sweep.reproduction import of_comparable
from slackanalysis.workload.catalogue import GIB

CLUSTERS = ("separate", "shared")
RESOURCES = ("cpus", "memory_mib")

_LABELS = {"separate": "Separate clusters", "shared": "One shared cluster"}
_LOOKS: dict[str, Any] = {
    "separate": {"facecolor": "0.85", "edgecolor": "0.5", "hatch": "///", "linewidth": 0},
    "shared": {"facecolor": style.WHOLE[1], "edgecolor": "white", "linewidth": 0},
}
_PANEL_INCHES = 1.7
_MIX_INCHES = 0.22
_TITLE_INCHES = 0.3
_FRAME_INCHES = 0.4
_BAR = 0.4


def unallocated(table: pd.DataFrame) -> pd.DataFrame:
    """Return which share of CPUs and memory is left when the VMs have most memory, in percent.

    CPUs are allocated after oversubscription: as many as the vNodes own.

    Returns:
        One row per provider and mix, as `slackanalysis.sweep.interval.over_seeds`: for each cluster
        and resource `cpus_shared_percent` and so on; `published_cpus_shared_percent` and so on
        are the published numbers, at an instant that the paper does not name, nan where none may be
        compared (`slackanalysis.sweep.published.comparable`).

    Raises:
        ValueError: a column is missing, or a mix is not percent of 1:1, 2:1 and 3:1.
    """
    shares = table[["provider", "mix", "seed"]].copy()
    names = []
    for cluster in CLUSTERS:
        for resource in RESOURCES:
            columns = [f"{resource}_{what}_peak_{cluster}" for what in ("unallocated", "allocated")]
            missing = [column for column in columns if column not in table]
            if missing:
                raise ValueError(f"no table of sizings: column {', '.join(missing)} is missing")
            left, given = (table[column] for column in columns)
            names.append(f"{resource}_{cluster}_percent")
            shares[names[-1]] = 100 * left / (left + given)
    ours = over_seeds(shares, ["provider", "mix"], names)
    return sorted_by_mix(
        ours.merge(of_comparable(_published_hosts(), table), on=["provider", "mix"], how="left")
    )


def _published_hosts() -> pd.DataFrame:
    table = published_hosts()
    shares = table[["provider", "mix"]].copy()
    whole = {
        "cpus": ("cpus_allocated", PUBLISHED_SIZE.cpus),
        "memory_mib": ("memory_gib_allocated", PUBLISHED_SIZE.memory_mib / GIB),
    }
    for cluster in CLUSTERS:
        for resource, (column, of_host) in whole.items():
            given = table[f"{column}_{cluster}"] / (of_host * table[f"hosts_{cluster}"])
            shares[f"published_{resource}_{cluster}_percent"] = 100 * (1 - given)
    return shares


def draw_unallocated(numbers: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw CPUs to the left and memory to the right, a pair of bars for each mix.

    Args:
        numbers: the table that `unallocated` returns.
        width_in: width of the figure in inches.
    """
    providers = list(palette.providers(numbers["provider"]))
    mixes = list(dict.fromkeys(numbers["mix"]))
    rows, columns = style.panels(len(providers), width_in, _PANEL_INCHES)
    figure, axes = style.new_figure(
        _FRAME_INCHES + rows * (_TITLE_INCHES + _MIX_INCHES * len(mixes)),
        rows=rows,
        columns=columns,
        width_in=width_in,
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    size = style.points(figure)
    for panel, provider in zip(axes.flat, providers, strict=False):
        of_provider = numbers[numbers["provider"] == provider]
        _draw(panel, of_provider.set_index("mix").reindex(mixes))
        name = style.provider_name(provider)
        style.title(
            panel, style.wrapped(name, (width_in - 0.9) / columns - 0.1, size.label, lines=2)
        )
    for panel in list(axes.flat)[len(providers) :]:
        panel.set_visible(False)
    for panel in list(axes.flat)[: len(providers)][-columns:]:
        panel.tick_params(axis="x", labelbottom=True)
    ends = [f"{resource}_{cluster}_percent" for resource in RESOURCES for cluster in CLUSTERS]
    widest = 1.04 * max(1.0, drawn_range(numbers, ends)[1])
    axes[0, 0].set_xlim(-widest, widest)
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(5, symmetric=True, steps=[1, 2, 5, 10]))
    axes[0, 0].set_ylim(len(mixes) - 0.5, -0.5)
    figure.supylabel("Shares of 1:1, 2:1 and 3:1 (%)", fontsize=size.label)
    figure.supxlabel("← CPUs    unallocated (%)    memory →", fontsize=size.label)
    handles: list[Artist] = [Patch(label=_LABELS[name], **_LOOKS[name]) for name in CLUSTERS]
    style.legend_above(figure, [*handles, *explained(numbers, ends[0])])
    return figure


def _draw(axes: Axes, numbers: pd.DataFrame) -> None:
    place = np.arange(len(numbers))
    for shift, cluster in zip((-_BAR / 2, _BAR / 2), CLUSTERS, strict=True):
        for sign, resource in zip((-1, 1), RESOURCES, strict=True):
            name = f"{resource}_{cluster}_percent"
            axes.barh(place + shift, sign * numbers[name], _BAR, **_LOOKS[cluster])
            draw_spread(axes, place + shift, numbers, name, is_horizontal=True, sign=sign)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(place, numbers.index)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
    style.finish(axes, "x")
