"""How seeds scatter about their mean: its interval, or each seed where there are few."""

from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from slackanalysis.sweep.interval import CONFIDENCE, seed_values

_SEED = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.2,
    "markerfacecolor": "white",
    "markeredgewidth": 0.6,
}
_LINE = {"linestyle": "-", "linewidth": 1.1}


def draw_spread(
    axes: Axes,
    places: Iterable[float],
    rows: pd.DataFrame,
    column: str,
    *,
    colour: str = "black",
    is_horizontal: bool = False,
    sign: int = 1,
) -> None:
    """Draw the interval of each mean as a line, or the values of its seeds as small circles.

    Args:
        axes: where.
        places: place of each row on the other axis.
        rows: of `slackanalysis.sweep.interval.over_seeds`.
        column: the mean.
        colour: of lines and circles.
        is_horizontal: whether values are along x.
        sign: -1 where values are drawn to the other side.
    """
    few = f"{column}_seeds"
    texts = rows[few] if few in rows else [None] * len(rows)
    ends = zip(places, rows[f"{column}_low"], rows[f"{column}_high"], texts, strict=True)
    for place, low, high, text in ends:
        values = seed_values(text)
        look = _SEED if values else _LINE
        along = [sign * value for value in values or (low, high)]
        across = [float(place)] * len(along)
        x, y = (along, across) if is_horizontal else (across, along)
        axes.plot(x, y, color=colour, zorder=3, **look)  # type: ignore[arg-type]


def drawn_range(rows: pd.DataFrame, columns: Sequence[str]) -> tuple[float, float]:
    """Return the least and the largest value that means and `draw_spread` show.

    Args:
        rows: of `slackanalysis.sweep.interval.over_seeds`.
        columns: the means.
    """
    lows, highs = [], []
    for column in columns:
        lows += [rows[column], rows[f"{column}_low"].fillna(rows[f"{column}_min"])]
        highs += [rows[column], rows[f"{column}_high"].fillna(rows[f"{column}_max"])]
    return float(pd.concat(lows).min()), float(pd.concat(highs).max())


def explained(rows: pd.DataFrame, column: str, colour: str = "black") -> list[Line2D]:
    """Return what a legend says of `draw_spread`."""
    handles = []
    if rows[f"{column}_low"].notna().any():
        label = f"{100 * CONFIDENCE:.0f} % interval"
        handles.append(Line2D([], [], color=colour, label=label, **_LINE))  # type: ignore[arg-type]
    if f"{column}_seeds" in rows:
        handles.append(Line2D([], [], color=colour, label="A seed", **_SEED))  # type: ignore[arg-type]
    return handles
