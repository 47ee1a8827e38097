"""The command `slackvm-local` itself: usage, settings, errors."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command import slackvm_local
from traces import Guest, trace


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "trace.csv"
    file.write_text(trace([Guest("a", 1, 64, 1.0, 0, 0)], [0]))
    return file


def test_help_has_examples() -> None:
    """Of serving a host, on libvirt and with simulated VMs, and of replaying."""
    examples = slackvm_local("--help").stdout.partition("Examples:")[2]
    for example in ("SCL_HYPERVISOR=memory", "settings in .env", "curl '", "--load=trace.csv"):
        assert example in examples
    assert "Examples:" in slackvm_local("topology", "--help").stdout


def test_the_version_is_printed() -> None:
    assert slackvm_local("--version").stdout.startswith("slackvm-local, version ")


def test_a_live_host_keeps_its_own_log(tmp_path: Path) -> None:
    result = slackvm_local("--operations", tmp_path / "x.jsonl", expect=2)
    assert "--operations needs --load" in result.stderr


@pytest.mark.parametrize("name", ["use.parquet", "use.csv.gz", "use"])
def test_a_live_host_records_as_csv_only(name: str, tmp_path: Path) -> None:
    result = slackvm_local("--output", tmp_path / name, expect=2)
    assert "a live host records as .csv" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--load needs --topology"),
        (["--topology=cray-1"], "presets: epyc-7662, i7-1185g7"),
        (
            ["--topology=i7-1185g7", "--selection=best"],
            "'best' is unknown; known: paper",
        ),
        (["--topology=i7-1185g7", "--order=random"], "'strict', 'prototype'"),
        (["--topology=i7-1185g7", "--debug=2"], "2 is not in the range"),
        (["--topology=i7-1185g7", "--env-file=none"], "--env-file: there is no file none"),
    ],
)
def test_bad_usage_names_the_value_and_what_is_allowed(
    arguments: list[str], message: str, recording: Path
) -> None:
    assert message in slackvm_local(f"--load={recording}", *arguments, expect=2).stderr


@pytest.mark.parametrize("value", ["six", "-1", "2.5"])
def test_a_wrong_setting_is_named(
    value: str, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVSB_CRITICAL_SIZE", value)
    result = slackvm_local("--topology=i7-1185g7", f"--load={recording}", expect=2)
    assert f"OVSB_CRITICAL_SIZE: '{value}' is not allowed: Input should be" in result.stderr


def test_the_environment_overrides_the_file_and_an_option_the_environment(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("SCL_CPU_SELECTION=in-the-file\nUNKNOWN=1\n")
    command = ["--topology=i7-1185g7", f"--load={recording}"]
    assert "'in-the-file'" in slackvm_local(*command, expect=2, cwd=tmp_path).stderr
    monkeypatch.setenv("SCL_CPU_SELECTION", "in-the-environment")
    assert "'in-the-environment'" in slackvm_local(*command, expect=2, cwd=tmp_path).stderr
    slackvm_local(*command, "--selection=compact", cwd=tmp_path)


def test_an_invalid_line_of_settings_is_reported_without_its_value(
    recording: Path, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text('OVSB_CRITICAL_SIZE=1\nSCL_TOKEN="secret\n')
    command = ["--topology=i7-1185g7", f"--load={recording}"]
    result = slackvm_local(*command, expect=2, cwd=tmp_path)
    assert ".env:2: not NAME=value" in result.stderr
    assert "secret" not in result.stderr


def test_progress_is_shown_on_a_terminal_only(recording: Path) -> None:
    options = ["--topology=i7-1185g7", f"--load={recording}"]
    command = [sys.executable, "-m", "schedulerlocal", *options]
    terminal, inside = pty.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        subprocess.run(command, stderr=inside, stdout=subprocess.DEVNULL, check=True)
        os.close(inside)
        assert b"deciding" in screen.read(4096)
    assert slackvm_local(*options).stderr == ""


def test_a_replay_needs_no_standard_error(recording: Path) -> None:
    command = f"{sys.executable} -m schedulerlocal --topology=epyc-7662 --load={recording} 2>&-"
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "VMs placed" in done.stdout


def test_a_terminated_replay_leaves_no_half_written_file(tmp_path: Path) -> None:
    source, output = tmp_path / "trace.csv", tmp_path / "out" / "out.csv"
    guests = [Guest(f"vm{i}", 1, 1, 1.0 + i % 5 / 2, i, i + 8) for i in range(20_000)]
    source.write_text(trace_of_many(guests))
    command = [sys.executable, "-m", "schedulerlocal", "--topology=epyc-7662"]
    with subprocess.Popen(
        [*command, f"--load={source}", f"--output={output}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while not (output.parent.exists() and list(output.parent.iterdir())):
            assert time.monotonic() < deadline
            assert process.poll() is None, "it ended before it could be stopped"
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert not list(output.parent.iterdir())


def trace_of_many(guests: list[Guest]) -> str:
    """Return a recording without looking at every VM at every time."""
    rows: dict[int, list[str]] = {}
    for guest in guests:
        for at in range(guest.first, guest.last + 1):
            rows.setdefault(at, []).extend([guest.cpu_row(at), guest.memory_row(at)])
    header = trace([], [])
    return header + "\n".join(row for at in sorted(rows) for row in rows[at]) + "\n"
