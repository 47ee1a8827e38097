"""No command of `slackvm-analysis` overwrites what it reads, or one of its outputs by another."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from slackanalysis.commands.cli import cli
from slackvm.topologies import PRESETS, write_json

REQUESTS = "vm,vcpus,memory_mib,level,start_s,lifetime_s\na,2,1024,1.0,0,60\n"
CATALOGUE = "name: mine\nflavours: [{vcpus: 1, memory_gib: 2, count: 1}]\n"
POLICY = "def first(candidates):\n    return -candidates.owned_cpus.astype(float)\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inputs whose names may all be given to outputs, too."""
    (tmp_path / "requests.csv").write_text(REQUESTS)
    (tmp_path / "mine.yaml").write_text(CATALOGUE)
    (tmp_path / "my_policy.py").write_text(POLICY)
    write_json(PRESETS["i7-1185g7"].build(), tmp_path / "host.json")
    monkeypatch.chdir(tmp_path)
    # A policy is looked for in the current folder, which differs from test to test.
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_policy", raising=False)
    return tmp_path


SPELLINGS: dict[str, Callable[[str], str]] = {
    "same": lambda name: name,
    "dot": lambda name: f"./new/../{name}",
    "symbolic link": lambda name: _linked(os.symlink, name),
    "hard link": lambda name: _linked(os.link, name),
}


def _linked(link: Callable[[str, str], None], name: str) -> str:
    link(name, "link.csv")
    return "link.csv"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("size requests.csv --output {}", "requests.csv"),
        ("size requests.csv --output hosts.csv --timeline {}", "requests.csv"),
        ("size log.jsonl --topology host.json --output {}", "host.json"),
        (
            "size requests.csv --policy my_policy:first --output {}",
            "my_policy.py",
        ),
        ("workload --requests {} --catalogue mine.yaml", "mine.yaml"),
        ("workload --trace {} --catalogue mine.yaml", "mine.yaml"),
        ("workload --trace {} --topology host.json", "host.json"),
        ("sweep --catalogue mine.yaml --output {}", "mine.yaml"),
        ("sweep --policy my_policy:first --output {}", "my_policy.py"),
    ],
)
def test_an_input_is_never_overwritten(
    folder: Path, command: str, name: str, spelling: str
) -> None:
    (folder / "log.jsonl").touch()
    output = SPELLINGS[spelling](name)
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    result = CliRunner().invoke(cli, [part.format(output) for part in command.split()])
    assert result.exit_code == 2, result.output
    assert f"{Path(output)}" in result.output
    assert name in result.output
    assert "is an input, too" in result.output
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "command",
    [
        "size requests.csv --output x.csv --timeline x.csv",
        "size requests.csv --output x.csv --timeline ./new/../x.csv",
        "sweep --output x.csv --cells x.csv",
    ],
)
def test_two_outputs_are_two_files(folder: Path, command: str) -> None:
    result = CliRunner().invoke(cli, command.split())
    assert result.exit_code == 2, result.output
    assert "x.csv would be written twice" in result.output.replace(" (the same file as x.csv)", "")
    assert not (folder / "x.csv").exists()
