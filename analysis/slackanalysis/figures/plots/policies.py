"""How close placement policies come to the fewest hosts that could do."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slackanalysis.figures import palette, style
from slackanalysis.figures.spread import draw_spread, explained
from slackanalysis.sweep.gains import refuse_misleading, refuse_several_hosts
from slackanalysis.sweep.interval import over_seeds

REFERENCE = "first-fit"
"""Policy with which others are compared: that of the paper's simulator."""

CLUSTERS = ("shared", "separate")

_ROW_INCHES = 0.42
_LANE_INCHES = 0.085
_FRAME_INCHES = 0.55
_GROUP = 0.86
_NAMES_SHARE, _NAMES_SHARE_NARROW = 0.28, 0.36
"""Share of the width that policies' names take."""


def above_bound(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many hosts more than the volume bound each policy needs, over all mixes.

    Hosts are summed over the mixes of a provider, for each seed. `percent_above` is the sum beyond
    the bound's; `percent_more` the sum beyond that of the policy `REFERENCE` (of the first, where
    it is not there) for the same seeds, so that what seeds have in common cancels out.

    Returns:
        One row per cluster (`shared`, `separate`), policy and provider, as
        `slackanalysis.sweep.interval.over_seeds`: `hosts`, `percent_above`, `percent_more`.

    Raises:
        ValueError: not every policy has sizings of the same lists on the same hosts, or see
            `slackanalysis.sweep.gains.refuse_misleading`.
    """
    refuse_several_hosts(table)
    refuse_misleading(table)
    lists = table.groupby("policy", sort=False)[["provider", "mix", "seed"]]
    of_policy = {policy: set(rows.itertuples(index=False)) for policy, rows in lists}
    if any(each != next(iter(of_policy.values())) for each in of_policy.values()):
        sizes = {policy: len(each) for policy, each in of_policy.items()}
        raise ValueError(f"policies have sizings of different lists: {sizes}")
    reference = REFERENCE if REFERENCE in of_policy else next(iter(of_policy))
    parts = []
    for cluster in CLUSTERS:
        by = ["policy", "provider", "seed"]
        summed = table.groupby(by, sort=False)[[f"hosts_{cluster}", "hosts_bound"]].sum()
        numbers = summed.reset_index().rename(columns={f"hosts_{cluster}": "hosts"})
        others = numbers.loc[numbers["policy"] == reference, ["provider", "seed", "hosts"]]
        numbers = numbers.merge(others, on=["provider", "seed"], suffixes=("", "_reference"))
        numbers["percent_above"] = 100 * (numbers["hosts"] / numbers["hosts_bound"] - 1)
        numbers["percent_more"] = 100 * (numbers["hosts"] / numbers["hosts_reference"] - 1)
        numbers.insert(0, "cluster", cluster)
        parts.append(numbers)
    columns = ["hosts", "percent_above", "percent_more"]
    return over_seeds(pd.concat(parts), ["cluster", "policy", "provider"], columns)


def draw_policies(numbers: pd.DataFrame, *, width_in: float = style.WIDTH_IN) -> Figure:
    """Draw a row for each policy, a mark for each provider and cluster, with its interval.

    Args:
        numbers: the table that `above_bound` returns.
        width_in: width of the figure in inches.
    """
    policies = list(dict.fromkeys(numbers["policy"]))
    looks = palette.providers(numbers["provider"])
    zero = numbers.groupby("policy")["percent_more"].apply(lambda more: (more == 0).all())
    reference = zero.idxmax()
    is_narrow = style.is_narrow(width_in)
    share = _NAMES_SHARE_NARROW if is_narrow else _NAMES_SHARE
    tick = 7.0 if is_narrow else 8.0
    names = [style.wrapped(policy, width_in * share, tick, lines=4) for policy in policies]
    name_in = max(name.count("\n") + 1 for name in names) * 1.35 * tick / 72 + 0.05
    lane_in = _LANE_INCHES * len(looks)
    heights = [
        len(policies) * max(least, name_in, lane_in * lanes)
        for least, lanes in ((_ROW_INCHES, len(CLUSTERS)), (0.7 * _ROW_INCHES, 1))
    ]
    grid: dict[str, Any] = (
        {"rows": 2, "height_ratios": heights} if is_narrow else {"columns": 2, "sharey": True}
    )
    figure, (above, more) = style.new_figure(
        _FRAME_INCHES + (sum(heights) + _FRAME_INCHES if is_narrow else heights[0]),
        width_in=width_in,
        **grid,
    )
    size = style.points(figure)
    _draw(above, numbers, "percent_above", looks)
    _draw(more, numbers[numbers["cluster"] == "shared"], "percent_more", looks)
    for panel in (above, more) if is_narrow else (above,):
        panel.set_yticks(range(len(policies)), names)
    for panel in (above, more):
        panel.set_ylim(len(policies) - 0.5, -0.5)
        panel.tick_params(axis="y", length=0)
        for border in range(1, len(policies)):
            panel.axhline(border - 0.5, color="0.85", linewidth=0.6)
    above.set_xlabel("Hosts above the volume bound (%)")
    above.set_xlim(min(0, above.get_xlim()[0]), None)
    more.axvline(0, **style.CAPACITY)
    room_in = width_in * (0.6 if is_narrow else 0.42)
    against = style.wrapped(f"Against {reference}, same seeds (%)", room_in, size.label)
    more.set_xlabel(against)
    handles = [
        Line2D(
            [],
            [],
            color=look.colour,
            linestyle="none",
            marker=look.marker,
            markersize=5,
            label=style.provider_name(provider),
        )
        for provider, look in looks.items()
    ]
    grey: dict[str, Any] = {"color": style.WHOLE[0], "linestyle": "none", "markersize": 5}
    handles += [
        Line2D([], [], marker="o", label="Shared cluster", **grey),
        Line2D([], [], marker="o", label="Separate clusters", markerfacecolor="white", **grey),
    ]
    style.legend_above(figure, [*handles, *explained(numbers, "percent_above", style.WHOLE[0])])
    return figure


def _draw(
    axes: Axes, numbers: pd.DataFrame, column: str, looks: Mapping[str, palette.Look]
) -> None:
    policies = list(dict.fromkeys(numbers["policy"]))
    clusters = [cluster for cluster in CLUSTERS if cluster in set(numbers["cluster"])]
    lanes = len(looks) * len(clusters)
    lane = 0
    for provider, look in looks.items():
        for cluster in clusters:
            rows = numbers[(numbers["provider"] == provider) & (numbers["cluster"] == cluster)]
            place = np.array([policies.index(policy) for policy in rows["policy"]], dtype=float)
            place += _GROUP * ((lane + 0.5) / lanes - 0.5)
            lane += 1
            draw_spread(axes, place, rows, column, colour=look.colour, is_horizontal=True)
            axes.plot(
                rows[column],
                place,
                linestyle="none",
                marker=look.marker,
                color=look.colour,
                markerfacecolor=look.colour if cluster == "shared" else "white",
                markersize=5,
                zorder=4,
            )
    style.finish(axes, "x")
