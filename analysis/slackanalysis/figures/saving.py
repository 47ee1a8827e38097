"""A figure on disk: for print, for the screen, and its numbers; all of them or none."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from slackvm.files import replacing

_PNG_DPI = 300


@dataclass(frozen=True, slots=True)
class SavedFigure:
    """Where a figure and its numbers were written."""

    pdf: Path
    png: Path
    csv: Path


def save_figure(figure: Figure, numbers: pd.DataFrame, output: Path | str) -> SavedFigure:
    """Write a figure as PDF and PNG, and its numbers as CSV beside them.

    Equal figures give equal bytes. An error leaves what was there before.

    Args:
        figure: the figure.
        numbers: what is drawn, as a table; its index is not written.
        output: the files' path without ending; `.pdf`, `.png` and `.csv` are added, and folders
            are made.

    Raises:
        OSError: a file cannot be written.
    """
    stem = Path(output)
    saved = SavedFigure(*(stem.with_name(stem.name + end) for end in (".pdf", ".png", ".csv")))
    with ExitStack() as files:
        pdf, png, csv = (
            files.enter_context(replacing(path)) for path in (saved.pdf, saved.png, saved.csv)
        )
        figure.savefig(pdf, format="pdf", metadata={"CreationDate": None})
        figure.savefig(png, format="png", dpi=_PNG_DPI)
        numbers.to_csv(csv, index=False)
    return saved
