"""Which CPUs vNodes own at chosen moments, against a plain reading of the same recording."""

from pathlib import Path

import pytest

from command import slackvm_local
from recordings import vnodes_by_time
from slackanalysis.recordings.cpus import read_cpus
from traces import Guest, trace

START = 1_795_839_810
GUESTS = [
    Guest("a", 2, 64, 1.0, 0, 40),
    Guest("b", 1, 64, 2.0, 10, 10),
    Guest("c", 2, 64, 1.0, 20, 30),
    Guest("d", 1, 64, 2.0, 30, 40),
]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A replay on a laptop of VMs that come and go, on a live clock."""
    source, output = tmp_path / "trace.csv", tmp_path / "out.csv"
    lines = trace(GUESTS, [0, 10, 20, 30, 40]).splitlines()
    shifted = [lines[0]]
    for line in lines[1:]:
        time_s, _, rest = line.partition("\t")
        shifted.append(f"{int(time_s) + START}\t{rest}")
    source.write_text("\n".join(shifted) + "\n")
    slackvm_local("--topology=i7-1185g7", f"--load={source}", f"--output={output}")
    return output


def test_the_last_sample_up_to_a_moment_counts(recording):
    table = read_cpus(recording, [0, 10, 20, 25, 30, 999])
    by_time = vnodes_by_time(recording)
    for moment_s, sample in ((0, 0), (10, 10), (20, 20), (25, 20), (30, 30)):
        expected = {
            cpu: float(name.partition("-")[2])
            for name, (owned, _, _) in by_time[START + sample].items()
            for cpu in owned
        }
        rows = table[table["moment_s"] == moment_s]
        assert dict(zip(rows["cpu"], rows["level"], strict=True)) == expected
        assert set(rows["time_s"]) == {START + sample}
    assert set(table.loc[table["moment_s"] == 20, "level"]) == {1.0}


def test_a_moment_before_the_first_sample_is_refused(recording):
    with pytest.raises(ValueError, match="seconds from 0 on"):
        read_cpus(recording, [-1])
    with pytest.raises(ValueError, match="seconds from 0 on"):
        read_cpus(recording, [float("nan")])


def test_a_recording_that_names_no_cpus_is_refused(monitoring):
    with pytest.raises(ValueError, match=r"monitoring\.csv: no description of a vNode's CPUs"):
        read_cpus(monitoring, [0])
