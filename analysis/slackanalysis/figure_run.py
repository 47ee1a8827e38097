"""One run of a notebook: bad input told from failure, and a record of what it was made of."""

import time
from collections.abc import Mapping
from pathlib import Path

from slackanalysis.figures.inputs import Inputs
from slackanalysis.manifest import FigureRecord, FileRecord, file_record
from slackanalysis.notebooks import Notebook, NotebookError, Value

_BAD_INPUT = (
    *("ValueError", "TraceError", "FileNotFoundError"),
    *("PermissionError", "IsADirectoryError", "NotADirectoryError"),
)
"""Exceptions with which a notebook says that what it was given is wrong."""

_ENDINGS = (".pdf", ".png", ".csv", ".ipynb")


class BadInputError(Exception):
    """What a figure was to be drawn of is wrong; the message says what."""


class FigureError(Exception):
    """A figure could not be drawn, or a claim that it checks does not hold."""


def run_figure(notebook: Notebook, values: Mapping[str, Value], inputs: Inputs) -> FigureRecord:
    """Draw a notebook's figure, with the executed notebook beside it.

    Args:
        notebook: the notebook.
        values: of all its parameters.
        inputs: makes what they leave out.

    Raises:
        BadInputError: a parameter or a file that one names is wrong.
        FigureError: the notebook failed otherwise, or a file cannot be written.
    """
    began = time.monotonic()
    try:
        completed = inputs.complete(values)
        # A file may be replaced while it is read; this is what was there before.
        used = _files(values) + [
            record for record in _files(completed) if record not in _files(values)
        ]
    except (ValueError, LookupError, OSError) as error:
        raise BadInputError(str(error)) from error
    except RuntimeError as error:
        raise FigureError(str(error)) from error
    stem = Path(str(values["output"]))
    executed = stem.with_name(f"{stem.name}.ipynb")
    try:
        notebook.execute(completed, executed)
    except NotebookError as error:
        if error.kind in _BAD_INPUT:
            raise BadInputError(error.reason) from error
        if error.kind == "AssertionError":
            raise FigureError(error.reason) from error
        raise FigureError(error.traceback) from error
    except OSError as error:
        raise FigureError(f"{executed}: cannot be written ({error.strerror or error})") from error
    written = [stem.with_name(stem.name + ending) for ending in _ENDINGS]
    outputs = [file_record(path) for path in written if path.is_file()]
    return FigureRecord(
        notebook.name, dict(values), used, outputs, round(time.monotonic() - began, 2)
    )


def _files(values: Mapping[str, Value]) -> list[FileRecord]:
    """Return the files that values name."""
    named = [Path(value) for value in values.values() if isinstance(value, str) and value]
    return [file_record(path) for path in named if path.is_file()]
