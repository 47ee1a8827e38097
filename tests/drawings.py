"""Looking at a figure as a reader does."""

from itertools import combinations, zip_longest

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

LEAST_POINTS = 6
MOST_INCHES = 12
"""Smallest legible text, and the highest page."""


def legend_texts(owner) -> list[str]:
    """Return the labels in the legend of a figure or of axes, as they are read: row by row."""
    legend = owner.legends[0] if isinstance(owner, Figure) else owner.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    columns = np.array_split(np.array(texts), legend._ncols)
    return [str(text) for row in zip_longest(*columns) for text in row if text is not None]


def problems(figure: Figure, least_span: float = 0.4) -> list[str]:
    """Return what is wrong with how a figure looks.

    Args:
        figure: the figure.
        least_span: share of each axis x that data must span.
    """
    found = [f"{a!r} lies over {b!r}" for a, b in overlaps(figure)]
    paper = figure.bbox.padded(0.5)
    texts = _texts(figure)
    found += [
        f"{text.get_text()!r} has {text.get_fontsize()} points"
        for text in texts
        if text.get_fontsize() < LEAST_POINTS
    ]
    for legend in figure.legends:
        box = legend.get_window_extent()
        if not _contains(paper, box):
            found.append("a legend leaves the page")
        for axes in _panels(figure):
            if box.overlaps(axes.bbox):
                found.append(f"a legend lies over the data of {axes.get_title()!r}")
        inside = set(legend.get_texts())
        found += [
            f"a legend lies over {text.get_text()!r}"
            for text in texts
            if text not in inside and text.get_window_extent().overlaps(box)
        ]
    for axes in _panels(figure):
        if axes.get_legend() is not None:
            found.append("a legend lies inside axes")
        if not _contains(paper, axes.bbox) or min(axes.bbox.width, axes.bbox.height) < 30:
            found.append("axes leave the page, or have no room on it")
        span = _span(axes)
        if span < least_span:
            found.append(f"data span {span:.0%} of the axis {axes.get_xlabel()!r}")
    if figure.get_figheight() > MOST_INCHES:
        found.append(f"the page is {figure.get_figheight():.1f} inches high")
    return found


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Return pairs of texts that lie over one another, and texts that stick out of the figure."""
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in _texts(figure)]
    paper = figure.bbox.padded(0.5)
    outside = [(text, "the edge") for text, box in boxes if not _contains(paper, box)]
    return outside + [
        (a, b)
        for (a, first), (b, second) in combinations(boxes, 2)
        if first.padded(-0.5).overlaps(second)
    ]


def _texts(figure: Figure) -> list[Text]:
    # An axis keeps labels beyond its ends, and does not draw them.
    hidden = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in set(axis.get_major_ticks()) - set(axis._update_ticks())
        for label in (tick.label1, tick.label2)
    }
    unseen = {text for axes in figure.axes if not axes.get_visible() for text in axes.findobj(Text)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in hidden | unseen
    ]


def _panels(figure: Figure) -> list[Axes]:
    """Return the axes that a reader sees, but for those of colours."""
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def _span(axes: Axes) -> float:
    """Return which share of an axis x data span; 0 where none is between the ends of the axis y."""
    drawn = axes.transData.transform(axes.dataLim.get_points())
    low, high = np.sort(drawn, axis=0)
    inside = np.clip([low, high], axes.bbox.min, axes.bbox.max)
    is_seen = high[1] >= axes.bbox.y0 and low[1] <= axes.bbox.y1 + 0.5
    return float(np.ptp(inside[:, 0]) / axes.bbox.width) if is_seen else 0.0


def _contains(outer: Bbox, inner: Bbox) -> bool:
    return outer.contains(*inner.min) and outer.contains(*inner.max)
