"""Each public trace becomes the request list that its schema says."""

import gzip
import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import public_traces as made
from slackanalysis.outputs.manifest import manifest_path
from slackanalysis.recordings.vms import read_levels

AZURE = """\
a,s,d,0,300,9.5,1.5,4.5,Interactive,1,1.75
b,s,d,600,2592000,9.5,1.5,4.5,Unknown,4,7
c,s,d,900,900,9.5,1.5,4.5,Unknown,4,7
"""


def test_azure_2017_has_a_row_per_vm(tmp_path, imported):
    path = tmp_path / "vmtable.csv"
    path.write_text(AZURE)
    table = imported("azure-2017", path)
    assert table["vcpus"].to_dict() == {"a": 1, "b": 4}
    assert table["memory_mib"].to_dict() == {"a": 1792, "b": 7168}
    assert table["start_s"].to_dict() == {"a": 0, "b": 600}
    assert table["lifetime_s"].to_dict() == {"a": 300, "b": 2_591_400}
    assert set(table["provider"]) == {"azure-2017"}
    assert set(table["level"]) == {1.0}
    assert table.attrs["changed"] == {"dropped: lifetime of 0 s": 1}


@pytest.mark.parametrize(
    ("options", "cpus", "mib"),
    [([], 30, 70 * 1024), (["--above-cpus", 48, "--above-memory-gib", 112], 48, 112 * 1024)],
)
def test_buckets_of_azure_2019_stand_for_what_is_said(tmp_path, imported, options, cpus, mib):
    path = tmp_path / "vmtable.csv"
    path.write_text("a,s,d,0,300,9,1,4,Unknown,>24,>64\nb,s,d,0,300,9,1,4,Unknown,24,64\n")
    table = imported("azure-2019", path, *options)
    assert table["vcpus"].tolist() == [cpus, 24]
    assert table["memory_mib"].tolist() == [mib, 64 * 1024]
    assert list(table.attrs["changed"].values()) == [1, 1]


@pytest.mark.parametrize("packed", ["gzip", "zstd"])
def test_a_packed_table_is_read_whatever_its_name(tmp_path, imported, packed):
    path = tmp_path / "vmtable"
    if packed == "gzip":
        path.write_bytes(gzip.compress(AZURE.encode()))
    else:
        with pa.output_stream(path, compression="zstd") as stream:
            stream.write(AZURE.encode())
    assert len(imported("azure-2017", path)) == 2


def packing_database(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE vm (vmId, tenantId, vmTypeId, priority, starttime, endtime)")
        database.execute(
            "CREATE TABLE vmType (id, vmTypeId, machineId, core, memory, hdd, ssd, nic)"
        )
        database.executemany(
            "INSERT INTO vmType VALUES (?, ?, ?, ?, ?, 0, 0, 0)",
            [(0, 0, 0, 0.25, 0.5), (1, 1, 0, 0.3, 0.1), (2, 0, 1, 0.5, 0.25), (3, 2, 1, 1.0, 1.0)],
        )
        database.executemany(
            "INSERT INTO vm VALUES (?, 0, ?, 0, ?, ?)",
            [(7, 0, -3.5, 0.5), (8, 1, 0.25, None), (9, 2, 1.0, 2.0), (10, 0, -2.0, -1.0)],
        )
    return path


def test_packing_2020_has_parts_of_machines_and_days(tmp_path, imported):
    """One VM was there before, one outlived the trace, one was gone before the trace began."""
    path = packing_database(tmp_path / "packing.sqlite")
    table = imported("azure-packing-2020", path, "--unit-cpus", 16, "--unit-memory-gib", 64)
    assert table["vcpus"].to_dict() == {"7": 4, "8": 5, "9": 16}
    assert table["memory_mib"].to_dict() == {"7": 32 * 1024, "8": 6553, "9": 64 * 1024}
    assert table["start_s"].to_dict() == {"7": 0, "8": 21_600, "9": 86_400}
    assert table["lifetime_s"].to_dict() == {"7": 43_200, "8": 151_201, "9": 86_400}
    changed = table.attrs["changed"]
    assert changed["clipped: started before 0 s: starts at 0 s"] == 1
    assert changed["filled: no end in the trace: ends at 172801 s"] == 1
    assert changed["dropped: outside the window"] == 1
    assert changed["rounded: vCPUs rounded up to whole ones"] == 1
    assert changed["guessed: sizes are parts of machine 0, one of 2: see --machine"] == 2
    assert changed["guessed: machine 0 cannot run it: parts of another"] == 1


def test_names_of_machines_are_shown_as_they_are(tmp_path, imported):
    path = made.packing(tmp_path / "packing.sqlite", 20)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE vmType SET machineId = '[/' || machineId || ']'")
    changed = imported("azure-packing-2020", path).attrs["changed"]
    assert "guessed: sizes are parts of machine [/0], one of 2: see --machine" in changed


def test_one_kind_of_machine_may_be_asked_for(tmp_path, imported):
    path = packing_database(tmp_path / "packing.sqlite")
    table = imported("azure-packing-2020", path, "--machine", 1, "--unit-cpus", 16)
    assert table["vcpus"].to_dict() == {"7": 8, "9": 16}
    assert table.attrs["changed"]["dropped: this machine cannot run their type"] == 1


def test_fractions_with_four_decimals_are_not_rounded_up_by_a_core(tmp_path, imported):
    path = packing_database(tmp_path / "packing.sqlite")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE vmType SET core = 0.0417")
    table = imported("azure-packing-2020", path, "--unit-cpus", 96, "--unit-memory-gib", 384)
    assert set(table["vcpus"]) == {4}


def test_huawei_events_are_paired(tmp_path, imported):
    path = tmp_path / "huawei.csv"
    path.write_text(
        "vmid,cpu,memory,time,type\n1,2,4,10,0\n2,1,1,20,0\n1,2,4,50,1\n1,2,4,70,0\n1,2,4,90,1\n"
    )
    table = imported("huawei-east-1", path)
    assert table["start_s"].to_dict() == {"1": 10, "2": 20, "1#2": 70}
    assert table["lifetime_s"].to_dict() == {"1": 40, "2": 71, "1#2": 20}
    assert table["memory_mib"].to_dict() == {"1": 4096, "2": 1024, "1#2": 4096}
    assert table.attrs["changed"] == {
        "renamed: the name of a VM that was deleted before": 1,
        "filled: no end in the trace: ends at 91 s": 1,
    }


def test_a_vm_that_is_renamed_gets_no_name_of_another(tmp_path, imported):
    path = tmp_path / "huawei.csv"
    events = ["a,1,1,0,0", "a,1,1,5,1", "a,1,1,6,0", "a#2,1,1,1,0", ""]
    path.write_text("\n".join(["vmid,cpu,memory,time,type", *events]))
    assert imported("huawei-east-1", path)["start_s"].to_dict() == {"a": 0, "a#2": 1, "a##2": 6}


def test_bitbrains_has_use_over_time(tmp_path, imported):
    """VM 2 begins a step after VM 1, and has a hole of one step."""
    folder = tmp_path / "fastStorage"
    folder.mkdir()
    begin = made.BITBRAINS_START
    for name, first, rows in (("1", 0, (0, 1, 2)), ("10", 1, (0, 2)), ("2", 0, ())):
        lines = [
            f"{begin + 300 * (first + row)};\t{2 + row};\t1.0;\t1.0;\t{25 * (row + 1)};\t"
            f"2.097152E6;\t{524288.0 * row};\t0.0;\t0.0;\t0.0;\t0.0"
            for row in rows
        ] or [f"{begin};\t0;\t0;\t0;\t0;\t0;\t0;\t0;\t0;\t0;\t0"]
        (folder / f"{name}.csv").write_text("\n".join([made.BITBRAINS_HEADER, *lines, ""]))
    recording = tmp_path / "use.parquet"
    table = imported("bitbrains", folder, "--recording", recording)
    assert table["vcpus"].to_dict() == {"1": 4, "10": 4}
    assert table["start_s"].to_dict() == {"1": 0, "10": 300}
    assert table["lifetime_s"].to_dict() == {"1": 900, "10": 900}
    assert table.attrs["changed"] == {
        "dropped: no CPU or no memory at any time": 1,
        "guessed: CPUs changed over time: the most that it had": 2,
        "filled: no use measured: as at the timestamp before": 1,
    }
    levels = read_levels(recording)
    assert levels["time_s"].tolist() == [begin + 300 * step for step in range(4)]
    assert levels["vms"].tolist() == [1, 2, 2, 1]
    assert levels["used_cpus"].tolist() == [1.0, 3.0, 4.0, 3.0]
    assert levels["used_mib"].tolist() == [0, 512, 1024, 1024]


def test_alibaba_containers_end_where_they_are_stopped(tmp_path, imported):
    meta, usage = tmp_path / "container_meta.csv", tmp_path / "container_usage.csv"
    meta.write_text(
        "c_1,m_1,0,app_1,started,400,400,1.5625\nc_2,m_2,500,app_1,started,250,400,3.125\n"
        "c_1,m_1,9000,app_1,stopped,400,400,1.5625\nc_3,m_1,0,app_2,started,400,400,-1\n"
        "c_4,m_1,0,app_2,stopped,400,400,1\n"
    )
    usage.write_text(
        "c_1,m_1,600,50,25,1,1,1,1,1,1\nc_1,m_1,610,70,35,1,1,1,1,1,1\n"
        "c_2,m_2,600,40,20,1,1,1,1,1,1\nc_2,m_2,700,101,20,1,1,1,1,1,1\n"
    )
    recording = tmp_path / "use.csv"
    table = imported(
        *("alibaba-2018", meta, "--unit-memory-gib", 64, "--usage", usage),
        *("--recording", recording),
    )
    assert table["vcpus"].to_dict() == {"c_1": 4, "c_2": 3}
    assert table["memory_mib"].to_dict() == {"c_1": 1024, "c_2": 2048}
    assert table["lifetime_s"].to_dict() == {"c_1": 9000, "c_2": 8 * 86_400 - 500}
    assert table.attrs["changed"]["dropped: CPUs or memory not known (-1, 101, 0, empty)"] == 1
    assert table.attrs["changed"]["dropped: stopped at all events"] == 1
    assert read_levels(recording)["used_cpus"].tolist() == pytest.approx([4 * 0.6 + 3 * 0.4])
    one = imported("alibaba-2018", meta, "--machine", "m_2")
    assert one.index.tolist() == ["c_2"]


def test_a_step_may_have_more_samples_than_two_bytes_count(tmp_path, imported):
    path = tmp_path / "container_meta.csv"
    path.write_text("c_1,m_1,0,app_1,started,400,400,1.5\n")
    usage, use = tmp_path / "container_usage.csv", tmp_path / "use.csv"
    usage.write_text("".join(f"c_1,m_1,{time},50,25,,,,,,\n" for time in range(70_000)))
    imported("alibaba-2018", path, "--usage", usage, "--recording", use, "--step", 691_200)
    table = pd.read_csv(use, sep="\t")
    assert table.set_index("res")["val"].to_dict() == {"cpu": 0.5, "mem": 0.25}


def test_a_trace_comes_from_standard_input(tmp_path):
    output = tmp_path / "requests.csv"
    command = [sys.executable, "-m", "slackanalysis", "import", "azure-2017", "-"]
    result = subprocess.run(
        [*command, "--output", output],
        input=gzip.compress(AZURE.encode()),
        check=False,
        capture_output=True,
    )
    assert result.returncode == 0, result.stderr
    assert pd.read_csv(output)["vm"].tolist() == ["a", "b"]


def test_a_trace_comes_from_a_named_pipe_that_is_read_once(tmp_path, imported):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(AZURE,), daemon=True)
    writer.start()
    assert imported("azure-2017", pipe).index.tolist() == ["a", "b"]
    manifest = json.loads(manifest_path(tmp_path / "requests.csv").read_text())
    assert manifest["inputs"] == []
    assert manifest["command"][-4:-2] == ["azure-2017", str(pipe)]
