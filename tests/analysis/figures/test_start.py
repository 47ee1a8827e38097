"""How notebooks start: under papermill, in Jupyter, and from whichever folder."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from slackanalysis.figures.files import named_files, output_stem
from slackanalysis.figures.notebooks import FOLDER, find
from slackanalysis.figures.start import check_parameters

ROOT = Path(__file__).parents[3]


def papermill(folder: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "papermill", "--no-progress-bar"]
    files = [str(FOLDER / f"{name}.ipynb"), "out.ipynb"]
    return subprocess.run(
        [*command, *files, *options], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ["-p", "monitorng", "monitoring.csv"],
            "no parameter 'monitorng'; did you mean monitoring?",
        ),
        (["-p", "In", "x"], "notebook vm_count has no parameter 'In'"),
        (
            ["-p", "monitoring", "monitoring.csv", "-p", "output", "monitoring"],
            "monitoring.csv is an input, too",
        ),
    ],
)
def test_papermill_refuses_what_is_misspelt_or_would_be_overwritten(
    tmp_path, monitoring, options, reason
):
    before = monitoring.read_bytes()
    result = papermill(tmp_path, "vm_count", *options)
    assert result.returncode != 0
    assert reason in result.stderr
    assert monitoring.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["monitoring.csv", "out.ipynb"]


def test_papermill_draws_relative_to_where_it_is_called(tmp_path, monitoring):
    result = papermill(tmp_path, "vm_count", "-p", "monitoring", monitoring.name)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "figures" / "vm_count.pdf").is_file()


@pytest.fixture
def jupyter() -> Iterator[InteractiveShell]:
    """What runs the cells of a notebook in Jupyter."""
    without_history_file = Config(HistoryManager={"enabled": False})
    yield InteractiveShell.instance(config=without_history_file)
    InteractiveShell.clear_instance()


PARAMETERS = next(
    cell.source
    for cell in nbformat.read(find("vm_count").path, as_version=4).cells
    if "parameters" in cell.metadata.get("tags", [])
)


def start(shell: InteractiveShell, *cells: str) -> str:
    """Run cells and then the check; return why it refuses, or nothing."""
    for cell in cells:
        shell.run_cell(cell, store_history=True).raise_error()
    try:
        check_parameters(shell.user_ns, "vm_count")
    except ValueError as error:
        return str(error)
    return ""


def test_jupyter_lets_readers_define_what_they_like_and_run_cells_again(jupyter):
    assert start(jupyter, "import os\nmonitorng = 1", PARAMETERS) == ""
    assert start(jupyter, "seeed = 3\nfor name in 'ab': pass\n%pwd") == ""
    assert start(jupyter, PARAMETERS.replace("seed = 1", "seed = 2") + "\nmine = 5") == ""
    assert start(jupyter, "seed = 'x'") == "parameter seed: 'x' is not a whole number"


@pytest.mark.parametrize(
    ("injected", "reason"),
    [
        ("_trace = 'x'", "no parameter '_trace'; did you mean trace?"),
        ("seed = 'x'", "parameter seed: 'x' is not a whole number"),
        ("seed = True", "parameter seed: True is not a whole number"),
        ("monitoring = 12", "parameter monitoring: 12 is not a text in quotes"),
        ("until_s = 'x'", "parameter until_s: 'x' is not a number"),
        ("width_in = 0.5", "parameter width_in: 0.5 is not allowed: "),
        ("width_in = float('nan')", "parameter width_in: nan is not allowed: "),
        ("formats = ['pdf', 'jpg']", "parameter formats: ['pdf', 'jpg'] is not allowed: "),
        ("formats = []", "parameter formats: [] is not allowed: "),
        ("formats = 'pdf'", "parameter formats: 'pdf' is not a list such as"),
        ("output = ''", "parameter output: '' names no file"),
    ],
)
def test_what_papermill_sets_is_checked(jupyter, injected, reason):
    assert reason in start(jupyter, PARAMETERS, f"# Parameters\n{injected}\n")
    assert start(jupyter, PARAMETERS, "# Parameters\nuntil_s = 30\nwidth_in = 7\n") == ""


def test_jupyter_refuses_a_parameter_that_was_renamed_until_it_is_mended(jupyter):
    misspelt = PARAMETERS.replace("monitoring = ", "monitorng = ")
    assert "did you mean monitoring?" in start(jupyter, misspelt)
    assert start(jupyter, PARAMETERS) == ""
    assert "did you mean monitoring?" in start(jupyter, misspelt)


def test_an_executed_notebook_is_checked_when_it_is_run_again(jupyter):
    injected = '# Parameters\nmonitorng = "x"\n'
    assert "did you mean monitoring?" in start(jupyter, PARAMETERS, injected)
    assert start(jupyter, '# Parameters\nmonitoring = "x"\n') == ""
    assert "did you mean monitoring?" in start(jupyter, injected)
    assert start(jupyter, PARAMETERS) == ""


def test_the_default_goes_beside_no_notebook(tmp_path, monkeypatch):
    default = "figures/memory"
    monkeypatch.chdir(FOLDER)
    assert output_stem(default, default) == ROOT / default
    assert output_stem("mine/memory", default) == Path("mine/memory")
    monkeypatch.chdir(tmp_path)
    assert output_stem(default, default) == Path(default)
    other_checkout = tmp_path / "analysis" / "notebooks"
    other_checkout.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(other_checkout)
    assert output_stem(default, default) == tmp_path / default


def test_parameters_name_files_in_lists_and_policies_of_modules(tmp_path, monkeypatch):
    for name in ("a.csv", "b.csv", "mine.yaml", "fitting.py", "azure2017"):
        (tmp_path / name).write_text("def first(candidates): ...")
    (tmp_path / "folder.parquet").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    values = {
        "recordings": "a.csv,b.csv,nope.csv",
        "catalogues": ["ovhcloud2023", "mine.yaml"],
        "policies": ["progress", "fitting:first", "nowhere:first"],
        "sweep": "folder.parquet",
        "output": "azure2017",
        "seeds": 3,
    }
    names = [path.name for path in named_files(values)]
    assert names == ["a.csv", "b.csv", "mine.yaml", "fitting.py", "folder.parquet"]
