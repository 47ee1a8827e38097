"""`slackvm-analysis size` as its user meets it."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from slackanalysis.commands.cli import cli
from slackvm.model import DEFAULT_POLICY
from slackvm.settings import GlobalSettings

REQUESTS = """\
mix,vm,vcpus,memory_mib,level,start_s,lifetime_s
x,a,2,1024,1.0,0,60
x,b,3,2048,2.0,0,60
y,a,4,1024,2.0,0,60
"""


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def requests(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(REQUESTS)
    return path


@pytest.mark.parametrize("name", ["hosts.csv", "hosts.csv.gz", "hosts.parquet"])
def test_it_writes_a_row_per_list_and_policy_and_sums_them_up(tmp_path, requests, name):
    output = tmp_path / name
    policies = ["--policy", "first-fit", "--policy", "progress"]
    result = run("size", requests, "--host-cpus", 4, "--output", output, *policies)
    assert result.exit_code == 0, result.output
    table = pd.read_parquet(output) if output.suffix == ".parquet" else pd.read_csv(output)
    assert table["mix"].tolist() == ["x", "y", "x", "y"]
    assert table["policy"].tolist() == ["first-fit", "first-fit", "progress", "progress"]
    assert table["hosts_shared"].tolist() == [2, 1, 2, 1]
    assert table["hosts_2.0"].tolist() == [1, 1, 1, 1]
    assert "first-fit" in result.stdout
    assert f"{output}: 4 rows" in result.stdout


def test_the_timeline_has_both_kinds_of_cluster(tmp_path, requests):
    timeline = tmp_path / "timeline.csv"
    run("size", requests, "--output", tmp_path / "hosts.csv", "--timeline", timeline)
    table = pd.read_csv(timeline)
    assert list(table)[:4] == ["mix", "policy", "cluster", "time_s"]
    assert table.groupby(["mix", "cluster"]).size().to_dict() == {
        ("x", "separate"): 2,
        ("x", "shared"): 2,
        ("y", "separate"): 2,
        ("y", "shared"): 2,
    }


def test_a_policy_of_the_users_own_is_found_in_the_folder(tmp_path, requests, monkeypatch):
    """One that never shares a host, where it can."""
    (tmp_path / "lonely_policy.py").write_text(
        "def spread(candidates):\n    return -candidates.owned_cpus.astype(float)\n"
    )
    monkeypatch.chdir(tmp_path)
    result = run("size", requests, "--output", "hosts.csv", "--policy", "lonely_policy:spread")
    assert result.exit_code == 0, result.output
    assert set(pd.read_csv("hosts.csv")["policy"]) == {"lonely_policy:spread"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policy", "best"], "'best' is unknown; known: progress, progress-packed, first-fit"),
        (
            ["--policy", "random"],
            "policy 'random' is not allowed: random:SEED, with a whole number",
        ),
        (["--policy", "random:-1"], "policy 'random:-1' is not allowed"),
        (["--policy", "nowhere:best"], "'nowhere:best' cannot be loaded"),
        (
            ["--policy", "math:pi"],
            "math:pi: 3.141592653589793 is not a policy: it must be a function",
        ),
        (["--host-cpus", "0"], "0 is not in the range 1<=x<=1000000000"),
        (["--host-cpus", "2"], "VM b of x needs 3 CPUs, a host has 2"),
        (["--host-memory-mib", "2000"], "VM b of x needs 2048 MiB, a host has 2000"),
        (["--host", "2:16"], "VM b of x needs 3 CPUs, a host has 2"),
        (["--host", "2:16", "--host", "1:64"], "VM b of x needs 3 CPUs, the largest host has 2"),
        (["--host", "8:1", "--host", "2:64"], "needs 3 CPUs and 2048 MiB, and no kind of host has"),
        (["--host", "8"], "host '8' is not allowed: CPUS:GIB or CPUS:GIB:COUNT"),
        (["--host", "8:16:0"], "host '8:16:0': 0 hosts in a row are not allowed: 1 to 10000"),
        (["--host", "0:16"], "host '0:16': 0 CPUs are not allowed"),
        (["--host", "8:-1"], "host '8:-1' is not allowed"),
        (["--host", "8:1e3"], "host '8:1e3' is not allowed"),
        (["--host", "8:16", "--host-cpus", "8"], "--host and --host-cpus both give the size"),
        (["--host", "8:16", "--host-memory-mib", "8"], "--host and --host-memory-mib both give"),
        (["--hosts", "0"], "0 is not in the range 1<=x<=1000000"),
        (["--hosts", "1"], "too few hosts, 1: a cluster for each of 2 levels needs 2"),
        (["--refusals", "refused.csv"], "--refusals goes with --hosts"),
        (["--hour-s", "0"], "0.0 is not in the range"),
        (["--hour-s", "nan"], "nan is not"),
        (["--power", "100"], "power '100' is not allowed: IDLE:PEAK in watts"),
        (["--power", "200:100"], "power '200:100' is not allowed"),
        (["--power", "nan:100"], "power 'nan:100' is not allowed"),
        (["--power", "1:2", "--power", "1:2"], "power is given 2 times; allowed: one"),
        (["--timeline", "timeline.txt"], "timeline.txt: a table is written to a name in .csv"),
    ],
)
def test_errors_are_reported_and_nothing_is_written(
    tmp_path, requests, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    result = run("size", requests, "--output", "hosts.csv", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == [requests]


def test_hosts_of_several_kinds_are_added_in_the_order_of_the_pattern(tmp_path):
    """Each VM fills the kind that it fits; a pattern of three hosts, of which one is large."""
    path, output = tmp_path / "requests.csv", tmp_path / "hosts.csv"
    rows = [f"vm{number},{vcpus},1024,1.0,0,60" for number, vcpus in enumerate([8, 4, 8, 4])]
    path.write_text("vm,vcpus,memory_mib,level,start_s,lifetime_s\n" + "\n".join(rows) + "\n")
    result = run(
        *("size", path, "--output", output, "--policy", "first-fit"),
        *("--host", "4:1:2", "--host", "8:1.5"),
    )
    assert result.exit_code == 0, result.output
    row = pd.read_csv(output).iloc[0]
    # The second VM of 8 CPUs needs the large host of the second round.
    assert (row["hosts_shared"], row["hosts_bound"]) == (6, 5)
    assert row["host_pattern"] == "4:1:2,8:1.5:1"
    assert row["cpus_unallocated_peak_shared"] == 4 * 4 + 2 * 8 - 24


def test_a_given_number_of_hosts_refuses_and_says_what_and_why(tmp_path, requests):
    """List x needs 2 CPUs at 1:1, and 3 for b; two hosts of 3 CPUs refuse the 4 vCPUs of y."""
    output, refused = tmp_path / "hosts.csv", tmp_path / "refused.parquet"
    result = run(
        *("size", requests, "--output", output, "--refusals", refused),
        *("--host-cpus", 3, "--hosts", 2, "--host-memory-mib", 2048),
    )
    assert result.exit_code == 0, result.output
    table = pd.read_csv(output)
    assert table["refused_shared"].tolist() == [0, 1]
    assert table["refused_too_large_shared"].tolist() == [0, 1]
    assert table["hosts_shared"].tolist() == table["hosts_separate"].tolist() == [2, 2]
    row = pd.read_parquet(refused).query("cluster == 'shared'").iloc[0]
    assert (row["mix"], row["vm"], row["code"], row["hosts"]) == ("y", "a", "too_large", 2)
    assert (row["hosts_with_cpus"], row["hosts_with_memory"]) == (0, 2)
    assert "VMs refused" in result.stdout
    assert "too_large" in result.stdout


def test_energy_and_hours_go_by_the_clock_of_the_list(tmp_path, requests):
    """List y: 4 vCPUs at 2:1 for 60 s, so 4 of 8 CPUs of one host, for an hour of its clock."""
    output = tmp_path / "hosts.csv"
    options = ["--host-cpus", 8, "--hour-s", 60, "--power", "100:300"]
    result = run("size", requests, "--output", output, *options)
    assert result.exit_code == 0, result.output
    row = pd.read_csv(output).set_index("mix").loc["y"]
    assert row["host_hours_shared"] == 1
    assert row["energy_kwh_shared"] == pytest.approx((100 + 200 * 4 / 8) / 1000)
    assert "kWh" in result.stdout


def test_the_summary_is_printed_as_json(tmp_path, requests):
    result = run("size", requests, "--output", tmp_path / "hosts.csv", "--host-cpus", 4, "--json")
    (row,) = json.loads(result.stdout)
    assert (row["policy"], row["lists"], row["hosts_shared"]) == (DEFAULT_POLICY, 2, 3)
    assert row["saved_share"] == pytest.approx(1 - 3 / row["hosts_separate"])


def test_a_broken_file_is_reported_with_its_row(tmp_path, requests):
    requests.write_text(REQUESTS + "y,b,4,1024,2.0,0,-60\n")
    result = run("size", requests, "--output", tmp_path / "hosts.csv")
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {requests}: row 4: lifetime_s: -60 is not allowed: more than 0\n"
    )


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("candidates.cpus * numpy.nan", "the policy's score of host host0 is not a number"),
        ("1.0", "the policy returns the single value 1.0; it must return an array of real numbers"),
        ("None", "the policy returns None"),
        ("(score for score in candidates.cpus)", "an object of type generator"),
        ("candidates.cpus[:, None]", "values of shape (1, 1) and type int64"),
        ("candidates.disk", "the policy fails: AttributeError: 'Candidates' object has no"),
    ],
)
def test_a_policy_that_gives_no_score_for_each_host_is_reported(
    tmp_path, requests, monkeypatch, returned, message
):
    name = f"broken_policy_{abs(hash(returned))}"
    (tmp_path / f"{name}.py").write_text(
        f"import numpy\n\ndef broken(candidates):\n    return {returned}\n"
    )
    monkeypatch.chdir(tmp_path)
    result = run("size", requests, "--output", "hosts.csv", "--policy", f"{name}:broken")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: policy {name}:broken: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "hosts.csv").exists()


@pytest.mark.parametrize("name", ["best-fit", "worst-fit", "dot-product", "random:7"])
def test_baselines_are_sized_by_name(tmp_path, requests, name):
    output = tmp_path / "hosts.csv"
    result = run("size", requests, "--output", output, "--policy", name)
    assert result.exit_code == 0, result.output
    assert pd.read_csv(output)["policy"].tolist() == [name, name]


def test_one_policy_is_the_default_everywhere(tmp_path, requests):
    """Of the commands and of the controller."""
    run("size", requests, "--output", tmp_path / "hosts.csv")
    cell = ["--mix", "50-0-50", "--vms", 20, "--catalogue", "azure2017", "--jobs", 1]
    run("sweep", *cell, "--output", tmp_path / "sweep.csv")
    for name in ("hosts.csv", "sweep.csv"):
        assert set(pd.read_csv(tmp_path / name)["policy"]) == {DEFAULT_POLICY}
    of_controller = GlobalSettings.model_fields["scg_policy"]
    assert of_controller.get_default(call_default_factory=True) == DEFAULT_POLICY


def test_a_place_that_cannot_be_written_is_reported(requests):
    result = run("size", requests, "--output", requests / "hosts.csv")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {requests}")


def test_help_has_examples():
    result = run("size", "--help")
    assert result.exit_code == 0
    assert "slackvm-analysis size requests.csv.gz --output hosts.csv" in result.stdout


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
@pytest.mark.parametrize("source", ["-", "/dev/stdin", "fifo"])
def test_lists_come_from_pipes_too(tmp_path, requests, source, pack):
    """The manifest has the hash of what the pipe held."""
    run("size", requests, "--output", tmp_path / "of_file.csv")
    content = pack(requests.read_bytes())
    if source == "fifo":
        os.mkfifo(tmp_path / source)
        source = tmp_path / source
        threading.Thread(target=source.write_bytes, args=[content], daemon=True).start()
    command = ["-m", "slackanalysis", "size", str(source), "--output", "of_pipe.csv"]
    result = subprocess.run(
        [sys.executable, *command],
        input=content,
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "of_pipe.csv").read_bytes() == (tmp_path / "of_file.csv").read_bytes()
    manifest = json.loads((tmp_path / "of_pipe.csv.manifest.json").read_text())
    assert manifest["inputs"][0]["sha256"] == hashlib.sha256(content).hexdigest()


def test_invalid_standard_input_is_reported(tmp_path):
    arguments = ["size", "-", "--output", str(tmp_path / "x.csv")]
    result = CliRunner().invoke(cli, arguments, input="a,b\n")
    assert result.exit_code == 2
    assert "standard input: the columns are a,b; needed:" in result.output
    assert not list(tmp_path.iterdir())
