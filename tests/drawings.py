"""Looking at a figure as a reader does."""

from itertools import zip_longest

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def legend_texts(owner) -> list[str]:
    """Return the labels in the legend of a figure or of axes, as they are read: row by row."""
    legend = owner.legends[0] if isinstance(owner, Figure) else owner.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    columns = np.array_split(np.array(texts), legend._ncols)
    return [str(text) for row in zip_longest(*columns) for text in row if text is not None]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Return pairs of texts that lie over one another, and texts that stick out of the figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # An axis keeps labels beyond its ends, and does not draw them.
    hidden = [
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in set(axis.get_major_ticks()) - set(axis._update_ticks())
        for label in (tick.label1, tick.label2)
    ]
    shown = [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text() and text not in hidden
    ]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in shown]
    paper = figure.bbox.padded(1)
    outside = [
        (text, "the edge")
        for text, box in boxes
        if not (paper.contains(box.x0, box.y0) and paper.contains(box.x1, box.y1))
    ]
    return outside + [
        (a, b)
        for number, (a, first) in enumerate(boxes)
        for b, second in boxes[number + 1 :]
        if first.overlaps(second)
    ]
