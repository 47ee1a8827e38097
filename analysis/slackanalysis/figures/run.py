"""One run of a notebook: bad input or failure, and a record of what it was made of."""

import re
import time
from collections.abc import Mapping
from pathlib import Path

from slackanalysis.figures.files import named_files, written_files
from slackanalysis.figures.inputs import Inputs
from slackanalysis.figures.notebooks import Notebook, NotebookError, Value
from slackanalysis.figures.saving import FORMATS
from slackanalysis.outputs.manifest import FigureRecord, file_record

_BAD_INPUT = (
    *("ValueError", "TraceError", "LookupError", "FileNotFoundError"),
    *("PermissionError", "IsADirectoryError", "NotADirectoryError"),
)
"""Exceptions with which a notebook says that what it was given is wrong."""


_OF_SYSTEM = re.compile(r"\[Errno (?P<errno>[0-9]+)\] (?P<reason>.*): '(?P<file>.*)'")
"""How an OSError about a file is printed."""


class FigureError(Exception):
    """A figure could not be drawn, or a claim that it checks does not hold."""


def run_figure(notebook: Notebook, values: Mapping[str, Value], inputs: Inputs) -> FigureRecord:
    """Draw a notebook's figure, with the executed notebook beside it.

    Args:
        notebook: the notebook.
        values: of all its parameters.
        inputs: makes what they leave out.

    Raises:
        ValueError: a parameter or a file that one names is wrong.
        LookupError: one names what does not exist.
        OSError: a file cannot be read or written.
        FigureError: the notebook failed otherwise.
    """
    began = time.monotonic()
    try:
        completed = inputs.complete(values)
    except RuntimeError as error:
        raise FigureError(str(error)) from error
    # A file may be replaced while it is drawn; this is what was there before.
    named = dict.fromkeys([*named_files(values), *named_files(completed)])
    used = [file_record(path) for path in named]
    stem = Path(str(values["output"]))
    try:
        notebook.execute(completed, stem.with_name(f"{stem.name}.ipynb"))
    except NotebookError as error:
        if error.kind in _BAD_INPUT:
            raise ValueError(error.reason) from error
        if found := _OF_SYSTEM.fullmatch(error.reason):
            raise OSError(int(found["errno"]), found["reason"], found["file"]) from error
        is_claim = error.kind == "AssertionError"
        raise FigureError(error.reason if is_claim else error.traceback) from error
    outputs = [file_record(path) for path in _written(stem, values)]
    return FigureRecord(
        notebook.name, dict(values), used, outputs, round(time.monotonic() - began, 2)
    )


def _written(stem: Path, values: Mapping[str, Value]) -> list[Path]:
    """Return the files of a figure that was drawn; other formats may be left of an older run."""
    formats = values.get("formats", [])
    others = {f".{each}" for each in FORMATS if each not in formats}  # type: ignore[operator]
    return [
        path
        for path in written_files(stem)
        if path.is_file() and path.suffix not in {*others, ".json"}
    ]
