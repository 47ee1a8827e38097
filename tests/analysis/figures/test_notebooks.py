"""The notebooks: as they are committed, and executed on small data by one command."""

import json
import subprocess
import sys

import nbformat
import pandas as pd
import pytest

from slackanalysis.figures.notebooks import WALK_THROUGH, Parameter, figure_names, find
from slackvm.model import DEFAULT_POLICY

NAMES = figure_names()
ALL = [*NAMES, WALK_THROUGH]


@pytest.mark.parametrize("name", ALL)
def test_notebooks_are_committed_clean_with_plain_parameters(name):
    notebook = nbformat.read(find(name).path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert notebook.metadata.kernelspec.name == "python3"
    (parameters,) = (cell for cell in code if "parameters" in cell.metadata.get("tags", []))
    for line in parameters.source.splitlines():
        _, value = line.partition("  #")[0].split(" = ")
        json.loads(value)


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_says_what_it_is(name):
    notebook = find(name)
    assert all(parameter.help for parameter in notebook.parameters.values())
    assert notebook.parameters["output"].default == f"figures/{name}"
    assert notebook.parameters["width_in"].default == 7.0
    assert notebook.parameters["formats"].default == ["pdf", "png"]
    assert notebook.title


@pytest.mark.parametrize("name", ALL)
def test_every_notebook_is_a_walk_with_words_between_its_steps(name):
    cells = nbformat.read(find(name).path, as_version=4).cells
    headings = [
        line.lstrip("# ")
        for cell in cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    assert {"How to read it", "Parameters", "Save it", "What to try next"} <= set(headings)
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert len(code) >= 5
    assert max(len(source.splitlines()) for source in code) <= 25
    assert all(f"{name}" in source for source in code if "check_parameters(globals()" in source)


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        ("", "abc", "abc"),
        ("", "1", "1"),
        (1, "20", 20),
        (0.5, "2", 2.0),
        (True, "false", False),
        ([1.0], "[1.0, 1.5]", [1.0, 1.5]),
        (["a"], '["b", "c"]', ["b", "c"]),
    ],
)
def test_a_value_has_the_kind_of_the_default(default, text, value):
    parsed = Parameter(default, "").parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("default", "text"),
    [
        *((1, "x"), (1, "1.5"), (1, "true"), (0.5, "x"), (True, "1"), ([1.0], "1.0"), (1, "null")),
        *(([1.0], '["a"]'), (["a"], "[1]"), (["a"], "b"), ([1.0], "[true]")),
    ],
)
def test_a_value_of_another_kind_is_refused(default, text):
    with pytest.raises(ValueError, match="is not"):
        Parameter(default, "").parse(text)


@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_runs_and_leaves_a_figure_with_its_numbers(drawn, name):
    assert (drawn / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert (drawn / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert not pd.read_csv(drawn / f"{name}.csv").empty
    assert "\\toprule" in (drawn / f"{name}.tex").read_text()
    executed = nbformat.read(drawn / f"{name}.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert any("text/html" in output.get("data", {}) for output in outputs)


def test_the_walk_through_shows_the_host_its_vnodes_and_an_answer(tmp_path):
    options = {"topology": "i7-1185g7", "duration_s": 3000, "moments_s": [60.0, 3000.0]}
    small = [part for key, value in options.items() for part in ("-p", key, as_text(value))]
    command = [sys.executable, "-m", "slackanalysis", "figure", "demo", *small]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    executed = nbformat.read(tmp_path / "figures" / "demo.ipynb", as_version=4)
    outputs = {cell.id: cell.outputs for cell in executed.cells if cell.cell_type == "code"}
    pictures = [
        cell
        for cell, shown in outputs.items()
        if any("image/png" in output.get("data", {}) for output in shown)
    ]
    assert pictures == ["host-figure", "fig3", "owners", "question-figure"]
    owners = pd.read_csv(tmp_path / "figures" / "demo.csv")
    assert len(owners) == 2 * 8
    assert owners.loc[owners["moment_s"] == 3000, "level"].notna().sum() >= 6
    assert "compact" in outputs["question"][0]["data"]["text/plain"]


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_figures_draw_the_default_policy_but_those_of_the_paper() -> None:
    """The paper's simulator places as first fit, which its figures name."""
    of_figures = {
        name: find(name).parameters["policy"].default
        for name in figure_names()
        if "policy" in find(name).parameters
    }
    of_the_paper = ("reproduction", "unallocated", "workers_saved")
    assert of_figures == {
        name: "first-fit" if name in of_the_paper else DEFAULT_POLICY for name in of_figures
    }
    assert set(of_the_paper) < set(of_figures)
