"""A recording so small that its numbers can be checked by hand, and figures of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from sizings import sizings

ROWS = """\
tmp rec res val config subset vm_uuid vm_cmn sb_oc sb_unused sb_dsc
0 global cpu 0.125 8 None None None None None None
0 subset cpu 0.75 2 subset-1.0 None None 1.0 0 {}
0 vm cpu 0.375 2 subset-1.0 uuid-a a 1.0 None None
0 subset cpu 0.25 1 subset-3.0 None None 3.0 0 {}
0 vm cpu 0.25 1 subset-3.0 uuid-b b 3.0 None None
0 global mem 0.1 4096 None None None None None None
0 subset mem 0.5 2048 subset-1 None None 1 0 {}
0 vm mem 0.5 1024 subset-1 uuid-a a 1 None None
0 vm mem 0.5 1024 subset-1 uuid-b b 1 None None
15 global cpu 0.0625 8 None None None None None None
15 subset cpu 0.0 0 subset-1.0 None None 1.0 0 {}
15 subset cpu 0.5 2 subset-3.0 None None 3.0 0 {}
15 vm cpu 0.25 1 subset-3.0 uuid-b b 3.0 None None
15 vm cpu 0.125 2 subset-3.0 uuid-c c 3.0 None None
15 global mem 0.1 4096 None None None None None None
15 subset mem 0.5 2048 subset-1 None None 1 0 {}
15 vm mem 0.5 1024 subset-1 uuid-b b 1 None None
15 vm mem 0.5 1024 subset-1 uuid-c c 1 None None
"""

VNODES_CSV = """\
time_s,elapsed_s,level,owned_cpus,used_cpus
0,0,1.0,2,0.75
0,0,3.0,1,0.25
15,15,1.0,0,0.0
15,15,3.0,2,0.5
"""


@pytest.fixture
def monitoring(tmp_path: Path) -> Path:
    path = tmp_path / "monitoring.csv"
    path.write_text(ROWS.replace(" ", "\t"))
    return path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all figures, drawn of small data by one command; what it read is beside it."""
    folder = tmp_path_factory.mktemp("figures")
    (folder / "recording.csv").write_text(ROWS.replace(" ", "\t"))
    sizings(policies=("first-fit", "progress")).to_csv(folder / "sweep.csv", index=False)
    options = ["-p", "monitoring", "recording.csv", "-p", "sweep", "sweep.csv"]
    (folder / "again.csv").write_text(ROWS.replace(" ", "\t"))
    options += ["-p", "recordings", "recording.csv,again.csv"]
    command = [sys.executable, "-m", "slackanalysis", "figures", "--all", "--output", "drawn"]
    result = subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return folder / "drawn"


@pytest.fixture
def vnodes_csv() -> str:
    return VNODES_CSV
