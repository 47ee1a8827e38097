"""`slackvm-analysis figure` and `figures`: run notebooks, with manifests of their inputs.

What takes long to load, papermill above all, is loaded only when a figure is drawn.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.table import Table

from slackanalysis.progress import tracking
from slackvm.cli.failures import BadInput, reported

if TYPE_CHECKING:
    from slackanalysis.figures.notebooks import Notebook, Value
    from slackanalysis.outputs.manifest import FigureRecord

Given = tuple[tuple[str, str], ...]

SMALL: Given = (("seeds", "3"),)
"""Parameters with --small, for the notebooks that have them."""

_MANIFEST = "manifest.json"
_INPUTS = "inputs"
"""Folder, beside the figures, for inputs that the user did not give."""

_ONE = """\b
Examples:
  slackvm-analysis figure vnode_evolution
  slackvm-analysis figure vnode_evolution -p trace trace.csv -p topology epyc-7662
  slackvm-analysis figure memory -p monitoring debug/monitoring.csv -p output figures/mine
  slackvm-analysis figure vm_count -p width_in 3.5 -p formats '["pdf", "svg"]'
  slackvm-analysis figure memory --parameters
"""

_ALL = """\b
Examples:
  slackvm-analysis figures --all
  slackvm-analysis figures --all --small --output draft
  slackvm-analysis figures host_usage memory -p monitoring debug/monitoring.csv
"""

_given = click.option(
    "-p", "given", nargs=2, multiple=True, metavar="KEY VALUE", help="Set a notebook's parameter."
)


@click.command("figure", epilog=_ONE)
@click.argument("name")
@_given
@click.option("--parameters", "asked", is_flag=True, help="Show the parameters, and draw nothing.")
def figure(name: str, given: Given, asked: bool) -> None:
    """Draw one figure: run notebook NAME with papermill.

    The parameter `output` is the path without ending of what is written: the figure in the
    `formats` asked for, its numbers as CSV and LaTeX, the executed notebook, and a manifest with
    versions, parameters and checksums of what was read. A file that is read is never overwritten.
    """
    from slackanalysis.figures.files import output_stem, refuse_overwritten, written_files
    from slackanalysis.figures.inputs import Inputs
    from slackanalysis.figures.notebooks import find
    from slackanalysis.figures.run import FigureError, run_figure
    from slackanalysis.outputs.manifest import write_figures_manifest

    with reported():
        notebook = find(name)
        values = notebook.values(given)
        if asked:
            Console(markup=False).print(_parameter_table(notebook))
            return
        stem = output_stem(str(values["output"]), str(notebook.parameters["output"].default))
        values["output"] = str(stem)
        refuse_overwritten(written_files(stem), [values])
        try:
            with tracking(Console(stderr=True)) as track:
                record = run_figure(notebook, values, Inputs(stem.parent / _INPUTS, track))
        except FigureError as error:
            raise click.ClickException(str(error)) from error
        write_figures_manifest(stem.with_name(f"{stem.name}.{_MANIFEST}"), [record])
    _say(_written(record))


@click.command("figures", epilog=_ALL)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "is_all", is_flag=True, help="Draw every figure.")
@click.option(
    "--small", "is_small", is_flag=True, help="3 seeds instead of 20: a draft in less time."
)
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("figures"),
    show_default=True,
    help="Folder for the figures and their manifest.",
)
@_given
def figures(
    names: tuple[str, ...], is_all: bool, is_small: bool, folder: Path, given: Given
) -> None:
    """Draw several figures, all by --all, with one manifest.

    Each notebook that has a parameter gets it. If a figure fails, the others are still drawn.
    """
    from slackanalysis.figures.files import refuse_overwritten, written_files
    from slackanalysis.figures.notebooks import figure_names, find
    from slackanalysis.outputs.manifest import write_figures_manifest

    with reported():
        known = figure_names()
        if is_all == bool(names):
            raise ValueError(f"name figures, or --all; there are: {', '.join(known)}")
        notebooks = [find(name) for name in (known if is_all else dict.fromkeys(names))]
        _refuse_unknown(given, notebooks)
        mode = SMALL if is_small else ()
        todo = [(notebook, _values(notebook, mode, given, folder)) for notebook in notebooks]
        outputs = [path for name in notebooks for path in written_files(folder / name.name)]
        refuse_overwritten([*outputs, folder / _MANIFEST], [values for _, values in todo])
        records, failures = _draw_all(todo, folder)
        reasons = {name: str(error) for name, error in failures.items()}
        write_figures_manifest(folder / _MANIFEST, records, reasons)
    if failures:
        text = "\n".join(f"{name}: {reason}" for name, reason in reasons.items())
        message = f"{len(failures)} of {len(todo)} figures failed:\n{text}"
        is_input = all(isinstance(error, ValueError | LookupError) for error in failures.values())
        raise BadInput(message) if is_input else click.ClickException(message)


def _draw_all(
    todo: "Sequence[tuple[Notebook, dict[str, Value]]]", folder: Path
) -> "tuple[list[FigureRecord], dict[str, Exception]]":
    """Return the records of what was drawn, and why the rest was not, by notebook."""
    from slackanalysis.figures.inputs import Inputs
    from slackanalysis.figures.run import FigureError, run_figure

    records: list[FigureRecord] = []
    failures: dict[str, Exception] = {}
    with tracking(Console(stderr=True)) as track:
        inputs = Inputs(folder / _INPUTS, track)
        advance = track("figures", len(todo))
        for number, (notebook, values) in enumerate(todo, 1):
            _say(f"{number}/{len(todo)} {notebook.name}: {notebook.title}")
            try:
                records.append(run_figure(notebook, values, inputs))
                _say(_written(records[-1]))
            except (ValueError, LookupError, OSError, FigureError) as error:
                failures[notebook.name] = error
                _say(f"{notebook.name}: failed")
            advance(1)
    return records, failures


def _values(notebook: "Notebook", mode: Given, given: Given, folder: Path) -> "dict[str, Value]":
    """Return the values of a notebook's parameters: as given, else the mode's, else its own."""
    chosen = dict(mode) | dict(given) | {"output": str(folder / notebook.name)}
    return notebook.values(
        (key, text) for key, text in chosen.items() if key in notebook.parameters
    )


def _refuse_unknown(given: Given, notebooks: "Iterable[Notebook]") -> None:
    """Refuse parameters that none of the notebooks has, or that are given twice.

    Raises:
        ValueError: names the first, the one most like it, and those that there are.
    """
    from slackanalysis.figures.notebooks import nearest

    known = {name for notebook in notebooks for name in notebook.parameters} - {"output"}
    names = [name for name, _ in given]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"parameter {name} is given twice")
        if name == "output":
            raise ValueError("parameter output is not allowed here: use --output FOLDER")
        if name not in known:
            raise ValueError(f"no notebook has a parameter {name!r}; {nearest(name, known)}")


def _parameter_table(notebook: "Notebook") -> Table:
    table = Table("parameter", "default", "meaning", box=box.SIMPLE_HEAD, title=notebook.title)
    for name, parameter in notebook.parameters.items():
        table.add_row(name, repr(parameter.default), parameter.help)
    return table


def _written(record: "FigureRecord") -> str:
    first = record.outputs[0].path.rpartition(".")[0]
    endings = ", ".join(f".{output.path.rpartition('.')[2]}" for output in record.outputs)
    return f"wrote {first} {endings} in {record.seconds:.0f} s"


def _say(text: str) -> None:
    click.echo(text, err=True)
