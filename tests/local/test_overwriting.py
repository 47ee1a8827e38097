"""`slackvm-local` never overwrites what it reads, or one of its outputs by another."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from command import slackvm_local
from slackvm.topologies import PRESETS, write_json
from traces import Guest, trace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trace, a topology and settings under names that outputs may have."""
    (tmp_path / "debug").mkdir()
    recording = trace([Guest("a", 1, 64, 1.0, 0, 0)], [0])
    (tmp_path / "debug" / "monitoring.csv").write_text(recording)
    (tmp_path / "my.env").write_text("SCL_PORT=8099\n")
    (tmp_path / ".env").write_text("SCL_PORT=8099\n")
    write_json(PRESETS["i7-1185g7"].build(), tmp_path / "host.json")
    return tmp_path


TRACE = "debug/monitoring.csv"
LINKS: dict[str, Callable[[Path, Path], None]] = {
    "same": lambda _input, _output: None,
    "symbolic link": lambda source, output: output.symlink_to(source),
    "hard link": lambda source, output: os.link(source, output),
}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (f"--topology=host.json --load={TRACE} --output={{}}", TRACE),
        (f"--topology=host.json --load={TRACE} --operations={{}}", TRACE),
        (f"--topology=host.json --load={TRACE} --output={{}}", "host.json"),
        (f"--topology=host.json --load={TRACE} --operations={{}}", "host.json"),
        (
            f"--topology=host.json --load={TRACE} --output={{}} --env-file=my.env",
            "my.env",
        ),
        (f"--topology=host.json --load={TRACE} --operations={{}}", ".env"),
        ("topology --from host.json --exclude 0 --output {}", "host.json"),
        ("topology --output {}", ".env"),
    ],
)
def test_an_input_is_never_overwritten(folder: Path, arguments: str, name: str, link: str) -> None:
    output = name if link == "same" else "link.csv"
    LINKS[link](folder / name, folder / output)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = slackvm_local(*arguments.format(output).split(), cwd=folder, expect=2)
    assert f"{output}" in result.stderr
    assert f"{name}" in result.stderr
    assert "is an input, too" in result.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_trace_where_debug_writes_is_not_overwritten(folder: Path) -> None:
    before = (folder / TRACE).read_bytes()
    arguments = ["--topology=host.json", "--load=./debug/../debug/monitoring.csv", "--debug=1"]
    result = slackvm_local(*arguments, cwd=folder, expect=2)
    assert "debug/monitoring.csv" in result.stderr
    assert (folder / TRACE).read_bytes() == before


def test_a_live_host_does_not_record_over_its_topology(folder: Path) -> None:
    (folder / "host.csv").write_bytes((folder / "host.json").read_bytes())
    result = slackvm_local("--topology=host.csv", "--output=host.csv", cwd=folder, expect=2)
    assert "host.csv is an input, too" in result.stderr
    assert not (folder / "host.csv.1").exists()


def test_recording_and_operations_are_two_files(folder: Path) -> None:
    arguments = f"--load={TRACE} --topology=host.json --output=x.csv --operations=./x.csv"
    result = slackvm_local(*arguments.split(), cwd=folder, expect=2)
    assert "x.csv would be written twice" in result.stderr
    assert not (folder / "x.csv").exists()
