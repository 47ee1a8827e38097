"""The project's notebooks: where they are, what parameters they have, and running one.

What takes a second to load, papermill and Matplotlib, is loaded when it is needed.
"""

import ast
import io
import json
import tempfile
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from slackvm.formats.files import atomic_write

Value = str | int | float | bool | list[float] | list[str]

_PACKAGE = Path(__file__).parents[1]
_INSTALLED = _PACKAGE / "notebooks"

FOLDER = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.with_name("notebooks")
"""The notebooks: data of the installed package, or `analysis/notebooks` of a checkout."""

WALK_THROUGH = "demo"
"""The notebook that is no figure: a guided tour."""

_KERNEL = "python3"
_SILENT = ["--log-level=50"]
"""Options that keep the kernel silent."""


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
        """Return the value that `text` stands for: of the same type as the default.

        Raises:
            ValueError: `text` is no such value; the message says what is allowed.
        """
        if isinstance(self.default, str):
            return text
        try:
            value: object = json.loads(text)
        except ValueError:
            value = text
        try:
            return self.check(value)
        except ValueError as error:
            raise ValueError(f"{text!r} is not {self._allowed}") from error

    def check(self, value: object) -> Value:
        """Return a value if it has the type of the default; a whole number may stand for a number.

        Raises:
            ValueError: it has another type; the message says what is allowed.
        """
        kind = type(self.default)
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind or not self._has_right_items(value):
            raise ValueError(f"{value!r} is not {self._allowed}")
        return value

    @property
    def _allowed(self) -> str:
        if isinstance(self.default, list):
            is_text = bool(self.default) and isinstance(self.default[0], str)
            return 'a list such as ["a", "b"]' if is_text else "a list such as [1.0, 2.0]"
        return {
            str: "a text in quotes",
            bool: "true or false",
            int: "a whole number",
            float: "a number",
        }[type(self.default)]

    def _has_right_items(self, value: object) -> bool:
        """Return whether a list's items are texts where the default's are, else numbers."""
        if not isinstance(value, list) or not isinstance(self.default, list) or not self.default:
            return True
        allowed = (str,) if isinstance(self.default[0], str) else (int, float)
        return all(type(item) in allowed for item in value)


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
            ValueError: there is no such parameter, it is given twice, or its value is not allowed.
        """
        values = {name: parameter.default for name, parameter in self.parameters.items()}
        seen: set[str] = set()
        for name, text in given:
            self.refuse_unknown([name])
            if name in seen:
                raise ValueError(f"parameter {name} is given twice")
            seen.add(name)
            try:
                values[name] = self.parameters[name].parse(text)
            except ValueError as error:
                raise ValueError(f"parameter {name}: {error}") from error
        return self.check(values)

    def refuse_unknown(self, names: Iterable[str]) -> None:
        """Refuse names that are no parameter of this notebook.

        Raises:
            ValueError: names the first, the parameter that is most like it, and all parameters.
        """
        for name in names:
            if name not in self.parameters:
                raise ValueError(
                    f"notebook {self.name} has no parameter {name!r}; "
                    f"{nearest(name, self.parameters)}"
                )

    def check(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Return the values of all parameters, of the right types.

        Raises:
            ValueError: one has the wrong type, or `width_in`, `formats` or `output` is not allowed.
        """
        checked: dict[str, Value] = {}
        for name, parameter in self.parameters.items():
            try:
                checked[name] = parameter.check(values[name])
            except ValueError as error:
                raise ValueError(f"parameter {name}: {error}") from error
        _check_look(checked)
        if Path(str(checked["output"])).name in ("", ".."):
            raise ValueError(
                f"parameter output: {checked['output']!r} names no file; "
                "give a path without ending, such as figures/mine"
            )
        return checked

    def execute(self, values: Mapping[str, Value], output: Path) -> None:
        """Run it, and write it with what it showed to `output`.

        Raises:
            NotebookError: it ended with an error; there is no `output` then.
            OSError: `output` cannot be written.
        """
        import papermill
        from papermill.exceptions import PapermillExecutionError

        with atomic_write(output) as finished, tempfile.TemporaryDirectory() as folder:
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
        LookupError: no notebook has this name; the message lists the names.
    """
    names = [*figure_names(), WALK_THROUGH]
    if name not in names:
        raise LookupError(f"there is no notebook {name!r}; there are: {', '.join(names)}")
    path = FOLDER / f"{name}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    heading: str = cells[0]["source"][0]
    (source,) = (
        "".join(cell["source"])
        for cell in cells
        if "parameters" in cell["metadata"].get("tags", ())
    )
    return Notebook(name, heading.removeprefix("# ").strip(), path, _parameters_of(source))


def figure_names() -> list[str]:
    """Return the names of the notebooks that draw a figure, sorted.

    Raises:
        LookupError: this installation has no notebooks.
    """
    names = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    if not names:
        raise LookupError(f"no notebooks in {FOLDER}; install the package slackvm again")
    return [name for name in names if name != WALK_THROUGH]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the one meant, perhaps, and all."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}there are: {', '.join(names)}"


def assigned_names(source: str) -> dict[str, ast.expr]:
    """Return the names that the top level of a cell assigns, each with its last value.

    Raises:
        SyntaxError: the cell is not Python.
    """
    return {
        target.id: statement.value
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _parameters_of(source: str) -> dict[str, Parameter]:
    """Return the parameters of a cell whose lines are `name = value  # what it is`."""
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    return {
        name: Parameter(ast.literal_eval(value), comments.get(value.end_lineno or 0, ""))
        for name, value in assigned_names(source).items()
    }


def _check_look(values: Mapping[str, Value]) -> None:
    """Refuse a width or formats that are not allowed.

    Raises:
        ValueError: names the value and what is allowed.
    """
    from slackanalysis.figures.saving import FORMATS
    from slackanalysis.figures.style import WIDTHS_IN

    low, high = WIDTHS_IN
    width = values.get("width_in", low)
    if not isinstance(width, float) or not low <= width <= high:
        raise ValueError(f"parameter width_in: {width} is not allowed: {low:g} to {high:g} inches")
    formats = values.get("formats", list(FORMATS))
    if not isinstance(formats, list) or not formats or set(formats) - set(FORMATS):
        raise ValueError(
            f"parameter formats: {formats} is not allowed: a list of {', '.join(FORMATS)}"
        )
