"""How a notebook starts: its parameters are checked, and it learns where its figure goes."""

from collections.abc import Mapping
from pathlib import Path

from IPython.core.getipython import get_ipython

from slackanalysis.figures.files import output_stem, refuse_overwritten, written_files
from slackanalysis.figures.notebooks import Notebook, assigned_names, find

_INJECTED = "# Parameters"
"""First line of the cell that papermill puts behind the notebook's own parameters."""


def check_parameters(namespace: Mapping[str, object], name: str) -> Path:
    """Check the parameters of a running notebook; the notebook's first cell of code calls it.

    papermill takes any name for a parameter. So the names that its cell sets are looked at here,
    and in Jupyter those of the cell with the notebook's parameters. What else a reader has defined
    is left alone, also when cells are run again.

    Args:
        namespace: the notebook's `globals()`.
        name: the notebook's name.

    Returns:
        The path without ending of the files to write. Their folder may not exist yet.

    Raises:
        ValueError: a parameter is unknown, is missing, has the wrong type, or its value is not
            allowed; or a file to be read would be overwritten.
    """
    notebook = find(name)
    own, injected = _parameter_cells(notebook)
    notebook.refuse_unknown(injected)
    missing = [each for each in notebook.parameters if each not in (own or namespace)]
    if missing:
        notebook.refuse_unknown(own)
        raise ValueError(
            f"parameter {missing[0]} of notebook {name} has no value; "
            "put it back into the cell of parameters, and run that cell"
        )
    values = notebook.check({each: namespace[each] for each in notebook.parameters})
    stem = output_stem(str(values["output"]), str(notebook.parameters["output"].default))
    refuse_overwritten(written_files(stem), [values])
    return stem


def _parameter_cells(notebook: Notebook) -> tuple[list[str], list[str]]:
    """Return the names set by the notebook's last cell of parameters, and by papermill's after it.

    Each list is empty where no such cell was run.
    """
    own: list[str] = []
    injected: list[str] = []
    for source in _cells_run():
        try:
            names = list(assigned_names(source))
        except SyntaxError:
            continue
        if source.startswith(_INJECTED):
            injected = names
        elif 2 * len(notebook.parameters.keys() & set(names)) > len(notebook.parameters):
            own, injected = names, []
    return own, injected


def _cells_run() -> list[str]:
    """Return the cells of code that this kernel has run, in order; none outside a kernel."""
    shell = get_ipython()
    return list(shell.history_manager.input_hist_parsed) if shell and shell.history_manager else []
