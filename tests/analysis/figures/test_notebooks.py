"""The notebooks: as they are committed, and executed on small data by one command."""

import json

import nbformat
import pandas as pd
import pytest

from slackanalysis.figures.notebooks import Parameter, figure_names, find

NAMES = figure_names()


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_says_what_it_is(name):
    notebook = find(name)
    assert all(parameter.help for parameter in notebook.parameters.values())
    assert notebook.parameters["output"].default == f"figures/{name}"
    assert notebook.title


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
    executed = nbformat.read(drawn / f"{name}.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
