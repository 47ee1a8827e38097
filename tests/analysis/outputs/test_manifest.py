"""Manifests: every file that was read or written, and the command line."""

import json
import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from slackanalysis.commands.cli import cli
from slackanalysis.outputs.manifest import file_record, write_manifest
from slackvm import __version__

POLICY = "def tight(candidates):\n    return -candidates.memory_free_mib.astype(float)\n"
CATALOGUE = "name: mine\nflavours:\n  - {vcpus: 1, memory_gib: 2, count: 3}\n"


def run(*arguments: object) -> list[str]:
    given = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cli, given, prog_name="slackvm-analysis")
    assert result.exit_code == 0, result.output
    return ["slackvm-analysis", *given]


def manifest_of(output: Path) -> dict:
    return json.loads(output.with_name(f"{output.name}.manifest.json").read_text())


def hashes(files: list[dict]) -> dict[str, tuple[str, int]]:
    return {file["path"]: (file["sha256"], file["bytes"]) for file in files}


def expected(*paths: Path | str) -> dict[str, tuple[str, int]]:
    contents = {str(path): Path(path).read_bytes() for path in paths}
    return {path: (sha256(each).hexdigest(), len(each)) for path, each in contents.items()}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("manifest_policy.py").write_text(POLICY)
    return tmp_path


def test_size_lists_its_command_and_every_file(here):
    run("workload", "--requests", "requests.csv", "--vms", 20)
    arguments = ["--output", "hosts.csv", "--timeline", "course.csv"]
    arguments += ["--policy", "first-fit", "--policy", "manifest_policy:tight"]
    command = run("size", "requests.csv", *arguments)
    manifest = manifest_of(here / "hosts.csv")
    assert manifest["command"] == command
    assert manifest["slackvm"] == __version__
    assert manifest["parameters"]["host_cpus"] == 32
    assert hashes(manifest["inputs"]) == expected("requests.csv", here / "manifest_policy.py")
    assert hashes(manifest["outputs"]) == expected("hosts.csv", "course.csv")


def test_a_sweep_lists_catalogues_and_its_table(here):
    Path("mine.yaml").write_text(CATALOGUE)
    asked = ["--catalogue", "mine.yaml", "--mix", "50-0-50", "--vms", 5, "--policy", "first-fit"]
    command = run("sweep", "--output", "table.csv", *asked, "--jobs", 1)
    manifest = manifest_of(here / "table.csv")
    assert manifest["command"] == command
    assert hashes(manifest["inputs"]) == expected("mine.yaml")
    assert hashes(manifest["outputs"]) == expected("table.csv")


def test_a_folder_is_identified_by_all_of_its_files(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"23")
    first = file_record(folder)
    assert first.bytes == 3
    (folder / "b").write_bytes(b"32")
    assert file_record(folder).sha256 != first.sha256


def test_a_manifest_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.manifest.json"
    path.write_text("before")
    about = {"command": [], "parameters": {}, "outputs": []}
    with pytest.raises(FileNotFoundError):
        write_manifest(path, **about, inputs=[tmp_path / "missing"])
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


IMPORT = ("import", "huawei-east-1", "events.csv")
SWEEP = ("sweep", "--mix", "50-0-50", "--vms", 5, "--seeds", "1-2", "--jobs", 1)
POLICIES = ("--policy", "first-fit", "--policy", "progress")


@pytest.mark.parametrize(
    "command",
    [("size", "requests.csv"), (*SWEEP, *POLICIES), IMPORT, ("compare", "table.parquet")],
    ids=lambda command: command[0],
)
@pytest.mark.usefixtures("here")
def test_a_table_without_its_manifest_is_not_written(command):
    """Else the older manifest would stand beside a table that it says nothing about."""
    Path("events.csv").write_text("vmid,cpu,memory,time,type\n1,2,4,10,0\n")
    run("workload", "--requests", "requests.csv", "--vms", 20)
    run(*SWEEP, *POLICIES, "--output", "table.parquet")
    Path("out.csv").write_text("before")
    Path("out.csv.manifest.json").mkdir()
    result = CliRunner().invoke(cli, [*map(str, command), "--output", "out.csv"])
    assert result.exit_code == 1, result.output
    assert result.stderr == "Error: out.csv.manifest.json: Is a directory\n"
    assert Path("out.csv").read_text() == "before"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "Error: output '.' names no file\n"),
        (f"{'x' * 250}.csv", "… is too long: 241 bytes at most, since NAME.manifest.json stands"),
        (f"{'é' * 120}.csv", "… is too long: 241 bytes at most"),
    ],
)
def test_an_output_that_no_manifest_can_stand_beside_is_refused(here, output, message):
    run("workload", "--requests", "requests.csv", "--vms", 20)
    before = sorted(here.iterdir())
    result = CliRunner().invoke(cli, ["size", "requests.csv", "--output", output])
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert sorted(here.iterdir()) == before


def test_a_table_goes_into_a_pipe_once(here):
    run("workload", "--requests", "requests.csv", "--vms", 20)
    os.mkfifo("hosts.csv")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("hosts.csv").read_text()))
    reader.start()
    run("size", "requests.csv", "--output", "hosts.csv")
    reader.join()
    assert read[0].startswith("provider,mix,policy,hosts_shared")
    assert manifest_of(here / "hosts.csv")["outputs"] == []


def test_a_file_in_the_place_of_a_folder_is_reported(here):
    run("workload", "--requests", "requests.csv", "--vms", 20)
    result = CliRunner().invoke(cli, ["size", "requests.csv", "--output", "requests.csv/out.csv"])
    assert result.exit_code == 1
    assert result.stderr == f"Error: {here}/requests.csv: not a folder\n"
