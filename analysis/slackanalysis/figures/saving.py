"""A figure on disk: for print, for the screen, and its numbers; all of them or none."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from slackanalysis.figures import style
from slackanalysis.figures.latex import latex_table
from slackvm.formats.files import atomic_write

FORMATS = ("pdf", "png", "svg")
"""Formats of a figure."""

DEFAULT_FORMATS = ("pdf", "png")

_PNG_DPI = 300
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None},
    "png": {},
    "svg": {"Date": None},
}


@dataclass(frozen=True, slots=True)
class SavedFigure:
    """Where a figure and its numbers were written.

    Attributes:
        paths: the files: the figure in each format, then its numbers as `.csv` and `.tex`.
        image: the figure as PNG, to show it in a notebook.
    """

    paths: tuple[Path, ...]
    image: bytes = field(repr=False)

    @property
    def csv(self) -> Path:
        """The file of the numbers."""
        return next(path for path in self.paths if path.suffix == ".csv")


def output_paths(output: Path | str, formats: Sequence[str] = DEFAULT_FORMATS) -> tuple[Path, ...]:
    """Return the files that `save_figure` writes.

    Args:
        output: their path without ending.
        formats: of the figure.

    Raises:
        ValueError: a format is not one of `FORMATS`, or `formats` is empty.
    """
    stem = Path(output)
    names = [formats] if isinstance(formats, str) else list(dict.fromkeys(formats))
    for name in names or ["(none)"]:
        if name not in FORMATS:
            raise ValueError(f"format {name} is not allowed: one or more of {', '.join(FORMATS)}")
    return tuple(stem.with_name(f"{stem.name}.{ending}") for ending in (*names, "csv", "tex"))


def save_figure(
    figure: Figure,
    numbers: pd.DataFrame,
    output: Path | str,
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    printed: pd.DataFrame | None = None,
) -> SavedFigure:
    """Write a figure, and its numbers as CSV and as a LaTeX table beside it.

    Equal figures give equal bytes. An error leaves what was there before.

    Args:
        figure: the figure.
        numbers: what is drawn, as a table; its index is not written.
        output: the files' path without ending; `.pdf`, `.csv` and so on are added, and folders are
            made.
        formats: of the figure, of `FORMATS`.
        printed: the table in LaTeX, where `numbers` is too long for paper; None: `numbers`.

    Raises:
        ValueError: a format is not allowed.
        OSError: a file cannot be written.
    """
    paths = output_paths(output, formats)
    with ExitStack() as files, mpl.rc_context(style.FONTS):
        png = BytesIO()
        figure.savefig(png, format="png", dpi=_PNG_DPI)
        for path in paths:
            ending, file = path.suffix[1:], files.enter_context(atomic_write(path))
            if ending == "csv":
                numbers.to_csv(file, index=False)
            elif ending == "tex":
                table = latex_table(numbers if printed is None else printed)
                file.write_text(table, encoding="utf-8")
            elif ending == "png":
                file.write_bytes(png.getvalue())
            else:
                figure.savefig(file, format=ending, metadata=_METADATA[ending])
    return SavedFigure(paths, png.getvalue())
