"""`slackvm-analysis figure` and `figures`, as a user runs them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slackanalysis.commands.cli import cli


def run(*arguments: str) -> Result:
    """Run a command that ends before a notebook runs."""
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def slackvm_analysis(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slackanalysis", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["figure", "nope"], "there is no notebook 'nope'; there are: "),
        (
            ["figure", "memory", "-p", "monitorin", "x"],
            "notebook memory has no parameter 'monitorin'; did you mean monitoring? there are: ",
        ),
        (["figure", "memory", "-p", "seed", "x"], "parameter seed: 'x' is not a whole number"),
        (["figure", "memory", "-p", "seed", "1", "-p", "seed", "2"], "seed is given twice"),
        (["figure", "memory", "-p", "monitoring", "nope.csv"], "nope.csv: no such file"),
        (["figure", "memory", "-p", "trace", "nope.csv"], "nope.csv"),
        (["figure", "memory", "-p", "topology", "nope"], "topology 'nope'"),
        (["figure", "memory", "-p", "seed", "-1"], "seed -1 is not allowed"),
        (["figure", "scale", "-p", "sweep", "nope.parquet"], "nope.parquet: no such file"),
        (["figure", "scale", "-p", "seeds", "0"], "seeds: 1 or more is needed"),
        (["figure", "scale", "-p", "mixes", "50-0-50"], "'50-0-50' is not a list such as"),
        (["figure", "scale", "-p", "policy", "best"], "'best' is unknown"),
        (
            ["figure", "memory", "-p", "monitoring", "a.csv", "-p", "trace", "b.csv"],
            "only one of them can be drawn",
        ),
        (["figures"], "name figures, or --all; there are: "),
        (["figures", "memory", "--all"], "name figures, or --all"),
        (["figures", "memory", "nope"], "there is no notebook 'nope'"),
        (["figures", "memory", "-p", "nope", "1"], "no notebook has a parameter 'nope'"),
        (["figures", "memory", "-p", "output", "x"], "use --output FOLDER"),
        (["figures", "memory", "-p", "tracee", "x"], "'tracee'; did you mean trace?"),
        (["figure", "memory", "-p", "output", ""], "parameter output: '' names no file"),
        (["figure", "memory", "-p", "monitoring", "-"], "-: not a file; figures are drawn of"),
        (["figures", "memory", "-p", "seed", "1", "-p", "seed", "1"], "seed is given twice"),
    ],
)
def test_bad_input_ends_with_the_reason_and_writes_nothing(
    tmp_path, monkeypatch, arguments, reason
):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["figure", "vm_count", "-p", "monitoring", "in.csv", "-p", "output", "in"], "in.csv"),
        (["figure", "vm_count", "-p", "trace", "in.csv", "-p", "output", "link"], "link.csv"),
        (["figure", "scale", "-p", "sweep", "in.csv", "-p", "output", "hard"], "hard.csv"),
        (
            ["figure", "contention", "-p", "recordings", "x.csv,in.csv", "-p", "output", "in"],
            "in.csv",
        ),
        (["figures", "memory", "-p", "monitoring", "figures/memory.csv"], "figures/memory.csv"),
        (["figures", "memory", "-p", "topology", "figures/manifest.json"], "figures/manifest.json"),
    ],
)
def test_no_figure_overwrites_what_it_is_drawn_of(
    tmp_path, monitoring, monkeypatch, arguments, output
):
    monkeypatch.chdir(tmp_path)
    monitoring.rename("in.csv")
    Path("link.csv").symlink_to("in.csv")
    Path("hard.csv").hardlink_to("in.csv")
    Path("figures").mkdir()
    for name in ("memory.csv", "manifest.json"):
        Path("figures", name).write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = run(*arguments)
    assert result.exit_code == 2
    assert output in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_error_of_a_notebook_is_reported_in_one_line(tmp_path, monitoring, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monitoring.write_text(monitoring.read_text().replace("global", "globe"))
    result = run("figure", "host_usage", "-p", "monitoring", monitoring.name)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: monitoring.csv:2: column 2 (rec): 'globe' is not one of")
    assert list(tmp_path.rglob("figures/*")) == []


def test_a_trace_of_ones_own_is_replayed_and_drawn_by_one_command(tmp_path, monitoring):
    result = slackvm_analysis(
        tmp_path,
        *("figure", "vm_count", "-p", "trace", monitoring.name, "-p", "topology", "i7-1185g7"),
        *("-p", "output", "mine/count"),
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "mine" / "count.csv").read_text().splitlines()[1:] == [
        *("0,0,1.0,1", "0,0,3.0,1"),
        *("15,15,1.0,0", "15,15,3.0,2"),
    ]
    manifest = json.loads((tmp_path / "mine" / "count.manifest.json").read_text())
    (figure,) = manifest["figures"]
    paths = [used["path"] for used in figure["inputs"]]
    assert paths == ["monitoring.csv", "mine/inputs/replay-monitoring.parquet"]
    assert figure["parameters"]["trace"] == "monitoring.csv"


def test_a_claim_that_does_not_hold_ends_with_an_error(tmp_path, monitoring, monkeypatch):
    monkeypatch.chdir(tmp_path)
    played = hashlib.sha256(monitoring.read_bytes()).hexdigest()
    trace = ["-p", "trace", monitoring.name, "-p", "topology", "i7-1185g7"]
    result = run("figure", "vnode_evolution", *trace, "-p", "published_sha256", played)
    assert result.exit_code == 1
    assert "claims of the paper do not hold: Fig. 3: CPUs owned by vNode 1:1" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_manifest_tells_how_each_figure_can_be_made_again(drawn):
    manifest = json.loads((drawn / "manifest.json").read_text())
    assert set(manifest["libraries"]) >= {"numpy", "matplotlib", "papermill"}
    assert len(manifest["revision"].removesuffix("-dirty")) == 40
    assert manifest["failed"] == {}
    figures = {figure["notebook"]: figure for figure in manifest["figures"]}
    memory = figures["memory"]
    assert memory["parameters"]["monitoring"] == "recording.csv"
    recording = (drawn.parent / "recording.csv").read_bytes()
    assert memory["inputs"] == [
        {
            "path": "recording.csv",
            "sha256": hashlib.sha256(recording).hexdigest(),
            "bytes": len(recording),
        }
    ]
    costs = figures["contention"]
    assert [used["path"] for used in costs["inputs"]] == ["recording.csv", "again.csv"]
    for figure in figures.values():
        for output in figure["outputs"]:
            content = (drawn.parent / output["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == output["sha256"]


def test_one_figure_that_fails_does_not_keep_the_others_from_being_drawn(tmp_path, monitoring):
    lines = [line for line in monitoring.read_text().splitlines() if "global" not in line]
    monitoring.write_text("\n".join(lines) + "\n")
    result = slackvm_analysis(
        tmp_path, "figures", "host_usage", "vm_count", "-p", "monitoring", "monitoring.csv"
    )
    assert result.returncode == 2
    assert "1 of 2 figures failed:\nhost_usage: monitoring.csv: no row" in result.stderr
    manifest = json.loads((tmp_path / "figures" / "manifest.json").read_text())
    assert list(manifest["failed"]) == ["host_usage"]
    assert [figure["notebook"] for figure in manifest["figures"]] == ["vm_count"]
    assert (tmp_path / "figures" / "vm_count.pdf").is_file()
    assert not (tmp_path / "figures" / "host_usage.pdf").exists()


def test_parameters_are_shown_with_their_defaults():
    result = run("figure", "memory", "--parameters")
    assert result.exit_code == 0
    assert "epyc-7662" in result.stdout
    assert "generated trace" in result.stdout
