"""The project's notebooks: what parameters they have, and running one with papermill."""

import ast
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import papermill
from papermill.exceptions import PapermillExecutionError

from slackvm.files import replacing

Value = str | int | float | bool | list[float] | list[str]

FOLDER = Path(__file__).parents[2] / "notebooks"
"""Notebooks come with the project's checkout, not with the installed package."""

_KERNEL = "python3"
_SILENT = ["--log-level=50"]
"""The kernel has nothing to tell the user of a command."""


class NotebookError(Exception):
    """A notebook ended with an error.

    Attributes:
        kind: name of the exception's class.
        reason: its message.
        traceback: where it came from, for a terminal.
    """

    def __init__(self, kind: str, reason: str, traceback: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.traceback = traceback


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a notebook: its default, and what it is."""

    default: Value
    help: str

    def parse(self, text: str) -> Value:
        """Return the value that `text` stands for: of the same kind as the default.

        Raises:
            ValueError: it stands for none; the message says what is wanted.
        """
        kind = type(self.default)
        if kind is str:
            return text
        try:
            value: Value | None = json.loads(text)
        except ValueError:
            value = None
        if kind is float and type(value) is int:
            value = float(value)
        if value is None or type(value) is not kind:
            wanted = {
                bool: "true or false",
                int: "a whole number",
                float: "a number",
                list: "a list such as [1.0, 2.0]",
            }
            raise ValueError(f"{text!r} is not {wanted[kind]}")
        return value


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook that draws one figure or table.

    Attributes:
        name: its file's name, without the ending.
        title: its heading.
        path: the file.
        parameters: those of its cell `parameters`, by name.
    """

    name: str
    title: str
    path: Path
    parameters: Mapping[str, Parameter]

    def values(self, given: Iterable[tuple[str, str]]) -> dict[str, Value]:
        """Return the value of every parameter: as given, else its default.

        Raises:
            ValueError: there is no such parameter, it is given twice, or its value is none.
        """
        values = {name: parameter.default for name, parameter in self.parameters.items()}
        seen: set[str] = set()
        for name, text in given:
            if name not in values:
                raise ValueError(
                    f"notebook {self.name} has no parameter {name!r}; "
                    f"there are: {', '.join(self.parameters)}"
                )
            if name in seen:
                raise ValueError(f"parameter {name} is given twice")
            seen.add(name)
            try:
                values[name] = self.parameters[name].parse(text)
            except ValueError as error:
                raise ValueError(f"parameter {name}: {error}") from error
        return values

    def execute(self, values: Mapping[str, Value], output: Path) -> None:
        """Run it, and write it with what it showed to `output`.

        Raises:
            NotebookError: it ended with an error; there is no `output` then.
            OSError: `output` cannot be written.
        """
        with replacing(output) as finished, tempfile.TemporaryDirectory() as folder:
            # papermill writes after each cell, and wants a name that ends so.
            running = Path(folder) / "running.ipynb"
            try:
                papermill.execute_notebook(
                    self.path,
                    running,
                    dict(values),
                    kernel_name=_KERNEL,
                    progress_bar=False,
                    extra_arguments=_SILENT,
                )
            except PapermillExecutionError as error:
                raise NotebookError(error.ename, error.evalue, str(error)) from error
            finished.write_bytes(running.read_bytes())


def find(name: str) -> Notebook:
    """Return the notebook of that name.

    Raises:
        LookupError: there is none; the message tells those that there are.
    """
    path = FOLDER / f"{name}.ipynb"
    names = [known.stem for known in notebook_paths()]
    if name not in names:
        raise LookupError(f"there is no notebook {name!r}; there are: {', '.join(names)}")
    heading: str = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"][0]
    described = papermill.inspect_notebook(path)
    parameters = {
        name: Parameter(ast.literal_eval(about["default"]), about["help"])
        for name, about in described.items()
    }
    return Notebook(name, heading.removeprefix("# ").strip(), path, parameters)


def notebook_paths() -> list[Path]:
    """Return the notebooks' files, sorted by name.

    Raises:
        LookupError: there are none here.
    """
    paths = sorted(FOLDER.glob("*.ipynb"))
    if not paths:
        raise LookupError(
            f"no notebooks in {FOLDER}: they come with the project's checkout, "
            "not with the installed package"
        )
    return paths
