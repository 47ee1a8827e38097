"""A full disk is reported in one line that names the user's file, and nothing half-written stays.

A limit of the size of a file stands for the full disk: writing fails in the same places.
"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from traces import Guest, trace

HEADER = "mix,vm,vcpus,memory_mib,level,start_s,lifetime_s\n"
LIMIT = 600
"""Bytes that a file may have: less than any output here."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = "".join(f"x,vm{number},2,1024,1.0,{number},600\n" for number in range(60))
    (tmp_path / "requests.csv").write_text(HEADER + rows)
    guests = [Guest(f"vm{number}", 1, 64, 2.0, 0, 300) for number in range(8)]
    (tmp_path / "trace.csv").write_text(trace(guests, range(0, 315, 15)))
    return tmp_path


SWEEP = "slackanalysis sweep --mix 50-0-50 --vms 20 --seeds 1-3"
REPLAY = "schedulerlocal --topology=epyc-7662 --load=trace.csv"


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("slackanalysis size requests.csv --output out.csv", "out.csv"),
        ("slackanalysis size requests.csv --output out.parquet", "out.parquet"),
        ("slackanalysis size requests.csv --output o.csv.gz --timeline times.csv", "times.csv"),
        ("slackanalysis workload --requests out.csv.gz", "out.csv.gz"),
        ("slackanalysis workload --requests out.parquet", "out.parquet"),
        ("slackanalysis workload --trace out.csv --duration 300", "out.csv"),
        ("slackanalysis workload --trace out.parquet --duration 300", "out.parquet"),
        (
            "slackanalysis sweep --mix 50-0-50 --vms 20 --seeds 1-3 --output out.csv",
            "out.csv.cells",
        ),
        (f"{REPLAY} --output=out.csv", "out.csv"),
        (f"{REPLAY} --output=out.csv.gz", "out.csv.gz"),
        (f"{REPLAY} --output=out.parquet", "out.parquet"),
        (f"{REPLAY} --operations=out.jsonl", "out.jsonl"),
        ("schedulerlocal topology --preset i7-1185g7 --output out.json", "out.json"),
    ],
)
def test_a_full_disk_is_reported_in_one_line_and_leaves_nothing(
    folder: Path, command: str, named: str
) -> None:
    before = sorted(path.name for path in folder.iterdir())
    result = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith(f"Error: {named}")
    assert result.stderr.endswith(": File too large\n")
    assert result.stderr.count("\n") == 1
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(path.name for path in left) == before
