"""How all figures look: sizes, texts, axes, legends. A figure that needs more says why."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, StrMethodFormatter

from slackanalysis.figures.palette import Look
from slackanalysis.recordings.time import TimeSpan

WIDTH_IN = 7.0
"""Width of a figure in inches unless another is asked for: that of a page with two columns."""

WIDTHS_IN = (3.0, 14.0)
"""Least and largest width in inches; a column of most journals is 3.5 wide."""

OWNED: dict[str, Any] = {"linestyle": "-", "linewidth": 1.4}
"""Stroke of what is given out: CPUs owned, memory allocated, VMs that are there."""

IN_USE: dict[str, Any] = {"linestyle": (0, (3, 1.2)), "linewidth": 0.9}
"""Stroke of what is used of it."""

CAPACITY: dict[str, Any] = {"color": "0.35", "linestyle": ":", "linewidth": 1.2}
"""Stroke of what there is in all, or of a bound."""

WHOLE = ("0.3", "0.62")
"""Greys for what is not one level's: dark, pale."""

PUBLISHED: dict[str, Any] = {
    "linestyle": "none",
    "marker": "D",
    "markersize": 4.2,
    "markerfacecolor": "white",
    "markeredgecolor": "#d55e00",
    "markeredgewidth": 1.2,
}
"""Mark of a published value beside ours."""

FONTS: Any = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "slackvm",
    "hatch.linewidth": 0.5,
}
"""Matplotlib's settings while a figure is laid out or written: the font that comes with it, as
TrueType in PDF and as text in SVG, and names inside an SVG that do not change from run to run."""

_PROVIDERS = {"azure2017": "Azure 2017", "ovhcloud2023": "OVHcloud 2023"}
_NARROW_IN = 5.0
_EM_PER_LETTER = 0.6
_MARKS = 7
_EDGE_IN = 0.1
_BREAKS = re.compile(r"[^\s:_./,-]*[\s:_./,-]?")


@dataclass(frozen=True, slots=True)
class Points:
    """Sizes of text in points."""

    label: float
    tick: float
    note: float


def points(figure: Figure) -> Points:
    """Return the sizes of a figure's texts: the smallest are still legible in print (6 points)."""
    narrow = is_narrow(figure.get_figwidth())
    return Points(7.5, 7.0, 6.5) if narrow else Points(9.0, 8.0, 7.5)


def new_figure(
    height: float, rows: int = 1, columns: int = 1, *, width_in: float = WIDTH_IN, **grid: Any
) -> tuple[Figure, Any]:
    """Return an empty figure and its axes, as `Figure.subplots` returns them.

    Args:
        height: in inches, without a legend above.
        rows: rows of axes.
        columns: columns of axes.
        width_in: width in inches.
        grid: further arguments of `Figure.subplots`.

    Raises:
        ValueError: the width is too small or too large.
    """
    low, high = WIDTHS_IN
    if not low <= width_in <= high:
        raise ValueError(f"width_in {width_in:g} is not allowed: {low:g} to {high:g} inches")
    figure = Figure(figsize=(width_in, height))
    size = points(figure)
    look: Any = {
        **sns.axes_style("ticks"),
        **FONTS,
        "axes.labelsize": size.label,
        "axes.titlesize": size.label,
        "axes.linewidth": 0.8,
        "axes.labelpad": 3.0,
        "axes.titlepad": 5.0,
        "xtick.labelsize": size.tick,
        "ytick.labelsize": size.tick,
        **{f"{axis}tick.{which}.size": 3.0 for axis in "xy" for which in ("major",)},
        **{f"{axis}tick.major.width": 0.8 for axis in "xy"},
        **{f"{axis}tick.major.pad": 2.5 for axis in "xy"},
    }
    with mpl.rc_context(look):
        figure.set_layout_engine("constrained", h_pad=0.04, w_pad=0.05)
        axes = figure.subplots(rows, columns, **grid)
    return figure, axes


def is_narrow(width_in: float) -> bool:
    """Return whether a figure is as wide as a column of text: panels stand below one another."""
    return width_in < _NARROW_IN


def panels(count: int, width_in: float, least_in: float) -> tuple[int, int]:
    """Return rows and columns for that many panels, each at least `least_in` inches wide."""
    most = max(1, int(width_in / least_in))
    rows = -(-count // most)
    return rows, -(-count // rows)


def rotation(labels: Iterable[str], room_in: float, size: float) -> int:
    """Return by how many degrees labels of ticks are turned so that they fit side by side."""
    texts = list(labels)
    letters = len(texts) * (max(map(len, texts)) + 1)
    return 90 if letters * _EM_PER_LETTER * size / 72 > room_in else 0


def level_name(level: float) -> str:
    """Return how a level is written in figures: `1.5:1`."""
    return f"{level:g}:1"


def provider_name(provider: str) -> str:
    """Return how a provider is written in figures."""
    return _PROVIDERS.get(provider, provider)


def wrapped(text: str, width_in: float, size: float, lines: int = 3) -> str:
    """Return a text on several lines, with its middle left out where it is too long even so.

    Args:
        text: the text; it breaks behind spaces and the signs `: _ . / , -`, else anywhere.
        width_in: width that it may have, in inches.
        size: of its letters, in points.
        lines: how many it may have.
    """
    room = max(8, int(width_in * 72 / (_EM_PER_LETTER * size)))
    if len(text) <= room:
        return text
    # Lines that break at signs are seldom full.
    most = int(lines * room * 0.85)
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[len(text) - most // 2 :]}"
    pieces = [piece for piece in _BREAKS.findall(text) if piece]
    broken = [""]
    for piece in pieces:
        if broken[-1] and len(broken[-1] + piece.rstrip()) > room:
            broken.append("")
        broken[-1] += piece
        while len(broken[-1].rstrip()) > room:
            broken[-1:] = [broken[-1][:room], broken[-1][room:]]
    return "\n".join(line.rstrip() for line in broken)


def title(axes: Axes, text: str, **options: Any) -> None:
    """Write what a panel shows above it."""
    figure = axes.get_figure(root=True)
    size = 9.0 if figure is None else points(figure).label
    axes.set_title(text, fontsize=size, pad=4, **options)


def finish(axes: Axes, grid: str = "y") -> None:
    """Give axes the lines that all figures have."""
    axes.grid(axis=grid, linewidth=0.4, alpha=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    sns.despine(ax=axes)


def thousands(axes: Axes, *which: str) -> None:
    """Write the numbers of the axes named, `x` or `y`, as `30,000`."""
    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(StrMethodFormatter("{x:,.10g}"))


def time_axis(axes: Axes, span: TimeSpan, *, has_label: bool = True) -> None:
    """Make the axis x one of time since the first sample, in a sensible unit."""
    figure = axes.get_figure(root=True)
    narrow = figure is not None and is_narrow(figure.get_figwidth())
    axes.set_xlim(*span.in_units((span.begin_s, span.end_s)))
    axes.xaxis.set_major_locator(MultipleLocator(span.tick_step(5 if narrow else 9)))
    thousands(axes, "x")
    if has_label:
        axes.set_xlabel(span.label)


def marked(look: Look, count: int, first: int = 0) -> list[int]:
    """Return a few of `count` points, from `first` on, to be marked: others for other looks."""
    shift = "o^sDvPX<>ph*d8".find(look.marker) % _MARKS / _MARKS
    marks = min(_MARKS, count)
    return sorted({first + int((place + shift) / marks * count) for place in range(marks)})


def steps(
    axes: Axes,
    span: TimeSpan,
    elapsed_s: Sequence[float],
    values: Sequence[float],
    *,
    mark: Look | None = None,
    **look: Any,
) -> None:
    """Draw values that hold from their sample to the next, the last to the end of the span.

    Args:
        axes: where.
        span: the time drawn.
        elapsed_s: seconds since the recording's first sample, ascending.
        values: one for each.
        mark: a few marks of this look are set on the line, at other samples for other looks.
        look: further arguments of `Axes.plot`.
    """
    if mark is not None:
        every = marked(mark, len(values))
        look = {"color": mark.colour, "marker": mark.marker, "markevery": every, **look}
        look = {"markersize": 4, "markeredgewidth": 0.7, **look}
    x = span.in_units([*elapsed_s, span.end_s])
    axes.plot(x, [*values, values[-1]], drawstyle="steps-post", **look)


def legend_above(figure: Figure, handles: Iterable[Artist], columns: int | None = None) -> None:
    """Add a legend over all axes, where no line can run into it, and make the figure higher by it.

    Rows are read from left to right. There are as many columns as the width allows.

    Args:
        figure: the figure.
        handles: what is explained.
        columns: the most columns; None: as many as fit.
    """
    entries = list(handles)
    size = points(figure).tick
    for handle in entries:
        label = wrapped(str(handle.get_label()), figure.get_figwidth() - 0.8, size)
        handle.set_label(label)
    canvas = FigureCanvasAgg(figure)
    options: Mapping[str, Any] = {
        "loc": "outside upper center",
        "columnspacing": 1.4,
        "handlelength": 2.2,
        "handletextpad": 0.6,
        "labelspacing": 0.35,
        "borderpad": 0.2,
        "frameon": False,
        "fontsize": size,
    }
    with mpl.rc_context(FONTS):
        most = min(columns or len(entries), len(entries))
        for count in range(most, 0, -1):
            # Matplotlib fills a column after the other.
            ordered = [entry for column in range(count) for entry in entries[column::count]]
            legend = figure.legend(handles=ordered, ncols=count, **options)
            box = legend.get_window_extent(canvas.get_renderer())  # type: ignore[no-untyped-call]
            if box.width <= figure.bbox.width - 2 * _EDGE_IN * figure.dpi or count == 1:
                break
            legend.remove()
    rows = -(-len(entries) // count)
    if -(-len(entries) // (count - 1 or 1)) == rows and count > 1:
        # The same number of rows with columns that are better filled.
        legend.remove()
        count = -(-len(entries) // rows)
        ordered = [entry for column in range(count) for entry in entries[column::count]]
        figure.legend(handles=ordered, ncols=count, **options)
    figure.set_figheight(figure.get_figheight() + box.height / figure.dpi)
