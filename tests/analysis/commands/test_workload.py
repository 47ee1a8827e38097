"""`slackvm-analysis workload` as its user meets it."""

import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from slackanalysis.commands.cli import cli
from slackvm import __version__


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_it_writes_a_trace_and_sums_it_up_in_one_line(tmp_path):
    path = tmp_path / "trace.csv"
    result = run("workload", "--trace", path, "--topology", "i7-1185g7", "--duration", 3000)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert str(path) in result.stdout
    rows = path.read_text().count("\n") - 1
    assert f" {rows:,} rows" in result.stdout
    assert "of 8 CPUs" in result.stdout
    assert result.stderr == ""


def test_options_reach_the_trace(tmp_path):
    path = tmp_path / "trace.csv"
    options = ["--mix", "1.5=1", "--step", 300, "--duration", 1500, "--catalogue", "azure2017"]
    assert run("workload", "--trace", path, *options).exit_code == 0
    fields = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    assert {row[0] for row in fields} == {"0", "300", "600", "900", "1200", "1500"}
    assert {row[8] for row in fields if row[2] == "cpu"} == {"None", "1.5"}


def test_the_default_is_seed_1(tmp_path):
    for name, options in (("a", []), ("b", ["--seed", 1]), ("c", ["--seed", 2])):
        run("workload", "--trace", tmp_path / f"{name}.csv", "--duration", 600, *options)
    first, same, other = (tmp_path.joinpath(f"{name}.csv").read_bytes() for name in "abc")
    assert first == same != other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mix", "50-50"], "mix '50-50' is not allowed"),
        (["--mix", "50-25-20"], "add up to 0.95"),
        (["--load", "0"], "load 0.0 is not allowed"),
        (["--load", "much"], "'much' is not a valid float"),
        (["--duration", "5"], "duration 5 s is not allowed"),
        (["--step", "0"], "step in seconds 0 is not allowed"),
        (["--seed", "-1"], "seed -1 is not allowed"),
        (["--catalogue", "aws"], "catalogue 'aws' is unknown: ovhcloud2023, azure2017, or"),
        (["--topology", "nowhere.json"], "nowhere.json"),
        (["--load", "0.0001"], "no VM of catalogue 'ovhcloud2023' fits"),
    ],
)
def test_bad_values_exit_with_2_and_say_what_is_allowed(tmp_path, options, message):
    result = run("workload", "--trace", tmp_path / "trace.csv", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_is_reported(tmp_path):
    result = run("workload", "--trace", tmp_path / "trace.txt", "--duration", 600)
    assert result.exit_code == 2
    assert "trace.txt" in result.stderr
    assert ".csv, .csv.gz, .parquet" in result.stderr


def test_a_place_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").touch()
    result = run("workload", "--trace", tmp_path / "file" / "trace.csv", "--duration", 600)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {tmp_path / 'file'}")


@pytest.mark.parametrize("files", [[], ["--trace", "a.csv", "--requests", "b.csv"]])
def test_either_a_trace_or_requests_are_asked_for(files):
    result = run("workload", *files)
    assert result.exit_code == 2
    assert "either --requests FILE or --trace FILE" in result.stderr


def test_it_writes_a_request_list_and_sums_it_up_in_one_line(tmp_path):
    path = tmp_path / "requests.csv"
    result = run("workload", "--requests", path, "--mix", "50-0-50", "--vms", 100, "--seed", 3)
    assert result.exit_code == 0
    header, first, *rest = path.read_text().splitlines()
    assert header == "provider,mix,vm,vcpus,memory_mib,level,start_s,lifetime_s"
    assert first.startswith("ovhcloud2023,50-0-50,vm0,")
    assert f"{path}: {len(rest) + 1} VMs, " in result.stdout
    assert result.stdout.count("\n") == 1


def test_options_reach_the_request_list(tmp_path):
    catalogue, path = tmp_path / "mine.yaml", tmp_path / "requests.csv"
    catalogue.write_text("name: mine\nflavours: [{vcpus: 3, memory_gib: 1.5, count: 1}]\n")
    options = ["--catalogue", catalogue, "--mix", "1.5=1", "--vms", 20, "--temporality", "1,4,2"]
    assert run("workload", "--requests", path, *options).exit_code == 0
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    assert {tuple(row[:2] + row[3:6]) for row in rows} == {
        ("mine", "1.5=1", "3", "1536", "1.5"),
    }
    assert {row[6] for row in rows} <= {"0", "4", "5", "6", "7"}


@pytest.mark.parametrize(
    ("files", "option", "message"),
    [
        ("--requests", ["--load", 1], "--load has no effect for a request list"),
        ("--requests", ["--topology", "epyc-7662"], "--topology has no effect for a request"),
        ("--trace", ["--vms", 500], "--vms has no effect for a trace"),
    ],
)
def test_an_option_of_the_other_kind_is_refused(tmp_path, files, option, message):
    result = run("workload", files, tmp_path / "out.csv", *option)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mix", "50-50"], "mix '50-50' is not allowed"),
        (["--vms", "0"], "number of VMs 0 is not allowed: 1 or more"),
        (["--seed", "-1"], "seed -1 is not allowed: 0 or more"),
        (["--temporality", "360,8640"], "temporality '360,8640' is not allowed"),
        (["--temporality", "360,8641,7"], "temporality 360,8641,7 is not allowed"),
        (["--temporality", "0,8640,7"], "temporality 0,8640,7 is not allowed"),
        (["--temporality", "360,8640,0"], "temporality 360,8640,0 is not allowed"),
        (["--catalogue", "nowhere.yaml"], "nowhere.yaml: No such file"),
    ],
)
def test_bad_values_of_a_request_list_are_reported(tmp_path, options, message):
    result = run("workload", "--requests", tmp_path / "requests.csv", *options)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_has_examples():
    result = run("workload", "--help")
    assert result.exit_code == 0
    assert "slackvm-analysis workload --trace trace.csv" in result.stdout


def test_the_version_is_printed():
    assert run("--version").stdout.strip().endswith(__version__)


def test_a_missing_library_is_reported_with_the_extra_that_brings_it():
    program = (
        "import sys; sys.modules['pyarrow'] = None; sys.argv[1:] = ['workload', '--help']; "
        "from slackanalysis.__main__ import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr == (
        "slackvm-analysis: pyarrow is not installed: pip install 'slackvm[analysis]'\n"
    )
