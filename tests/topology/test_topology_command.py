"""`slackvm-local topology`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schedulerlocal.topology_command import topology
from slackvm.topologies import PRESETS, TopologyError, read_json, reserve_for_system, to_json


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(topology, arguments)


def _error(*arguments: str) -> str:
    result = _run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


def test_the_epyc_is_summed_up_for_people() -> None:
    result = _run("--preset", "epyc-7662")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "CPUs          232: 12-127,140-255",
        "Sockets       2",
        "Cores         116 of 2 threads",
        "L3 groups     29 of 8 CPUs",
        "Clock         2.00 GHz",
        "Memory        1031742 MiB for VMs, of 1031742 MiB",
        "NUMA nodes    2",
        "  node 0      104: 12-63,140-191",
        "  node 1      128: 64-127,192-255",
        "Distances",
        "  10          116 pairs of CPUs",
        "  40          696 pairs of CPUs",
        "  50          12672 pairs of CPUs",
        "  72          13312 pairs of CPUs",
    ]


def test_one_cpu_is_summed_up_too() -> None:
    result = _run("--describe", "cores=1 memory=100")
    assert result.stdout.splitlines()[2:5] == [
        "Cores         1 of 1 thread",
        "L3 groups     1 of 1 CPU",
        "Clock         not known",
    ]
    assert "none: there is one CPU" in result.stdout


@pytest.mark.parametrize("options", [("--json",), ("--output", "-"), ("--json", "--output", "-")])
def test_the_file_goes_to_standard_output(options: tuple[str, ...]) -> None:
    result = _run("--preset", "i7-1185g7", *options)
    assert result.exit_code == 0
    assert result.stdout == to_json(PRESETS["i7-1185g7"].build()) + "\n"


def test_a_written_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    result = _run("--preset", "EPYC-7662", "--output", str(path))
    assert (result.exit_code, result.output) == (0, "")
    again = _run("--from", str(path), "--exclude", "12,140", "--reserve", "742", "--json")
    left = reserve_for_system(PRESETS["epyc-7662"].build(), (12, 140), 742)
    assert again.stdout == to_json(left) + "\n"
    assert read_json(path).memory_mib == 1_031_742


def test_a_described_host_leaves_out_what_is_excluded() -> None:
    result = _run("--describe", "cores=4 memory=8192", "--exclude", "1-2", "--json")
    listed = json.loads(result.stdout)["cpuset"]["cpu_list"]
    assert [cpu["cpu_id"] for cpu in listed] == [0, 3]


@pytest.mark.skipif(
    not Path("/sys/devices/system/cpu/online").exists(), reason="this machine has no sysfs"
)
def test_this_machine_is_shown_where_no_other_is_named() -> None:
    result = _run()
    assert result.exit_code == 0
    assert "MiB for VMs" in result.stdout


def test_examples_and_keys_stand_in_the_help() -> None:
    text = _run("--help").stdout
    assert "  slackvm-local topology --preset epyc-7662 --output -\n" in text
    assert "\n    l3         cores that share an L3" in text
    assert max(map(len, text.splitlines())) < 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--preset", "epyc-7662", "--from", "x"), "--preset, --describe and --from exclude"),
        (("--json", "--output", "x"), "--json and --output exclude one another"),
        (("--preset", "z80"), "'z80' is not one of 'epyc-7662', 'i7-1185g7'"),
        (("--reserve", "-1"), "-1 is not in the range x>=0"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(
    arguments: tuple[str, ...], message: str
) -> None:
    assert message in _error(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--describe", "cores=x"), "memory missing"),
        (("--from", "/no/such/file"), "/no/such/file: cannot be read (No such file"),
        (("--exclude", "7-5"), "'7-5' runs backward"),
        (("--exclude", "8191"), "cannot exclude CPU 8191"),
        (("--preset", "i7-1185g7", "--reserve", "99999"), "the host has 31776 MiB"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    error = _error(*arguments)
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert message in error


def test_a_file_that_cannot_be_written_is_a_failure() -> None:
    result = _run("--preset", "i7-1185g7", "--output", "/dev/null/file")
    assert result.exit_code == 1
    assert "/dev/null: " in result.stderr


def test_settings_keep_cpus_and_memory_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = json.loads(_run("--json").stdout)
    monkeypatch.setenv("SCL_MEM_RESERVED", "100")
    monkeypatch.setenv("TOPO_EXCLUDE", "8191")
    assert "cannot exclude CPU 8191" in _error()
    monkeypatch.delenv("TOPO_EXCLUDE")
    kept = json.loads(_run("--json").stdout)
    assert kept["memset"]["allowed"] == whole["memset"]["allowed"] - 100


def test_a_topology_error_is_a_value_error() -> None:
    assert issubclass(TopologyError, ValueError)
