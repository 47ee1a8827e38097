"""A generated trace: the same bytes for a seed, the format of a recording, and sums that agree."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from command import slackvm_local
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.host import Workload
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.trace import write_sized_trace, write_trace
from slackvm.formats.monitoring.trace import read_trace
from slackvm.formats.monitoring.writing import SCHEMA
from slackvm.model.vm import milli_level, size_in_cpus

SMALL = Workload(cpus=32, memory_mib=131_072, duration_s=9000, step_s=60)


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values=["None"], keep_default_na=False)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "small.csv"
    write_trace(path, SMALL)
    return path


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path, ending):
    contents = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}{ending}"
        write_trace(path, Workload(duration_s=3000, seed=seed))
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_it_is_a_recording(small, tmp_path):
    written = write_trace(tmp_path / "again.csv", SMALL)
    trace = read_trace(small)
    assert len(trace.presences) == written.vms
    assert len(trace.rows.kinds) == written.rows
    assert [presence.vm.name for presence in trace.presences][:2] == ["vm00000", "vm00001"]
    assert trace.rows.times.tolist() == list(range(0, 9001, 60))


def test_rows_look_as_a_host_writes_them(small):
    blocks: dict[str, list[list[str]]] = {}
    header, *lines = small.read_text().splitlines()
    assert header.split("\t")[:4] == ["tmp", "rec", "res", "val"]
    for line in lines:
        fields = line.split("\t")
        blocks.setdefault(fields[0], []).append(fields[1:])
    host = ["None"] * 6
    assert blocks["0"] == [
        ["global", "cpu", "0.0", "32", *host],
        ["subset", "cpu", "0.0", "0", "subset-1.0", "None", "None", "1.0", "0", "{}"],
        ["subset", "cpu", "0.0", "0", "subset-2.0", "None", "None", "2.0", "0", "{}"],
        ["subset", "cpu", "0.0", "0", "subset-3.0", "None", "None", "3.0", "0", "{}"],
        ["global", "mem", "0.0", "131072", *host],
        ["subset", "mem", "0.0", "0", "subset-1", "None", "None", "1", "0", "{}"],
    ]
    last = blocks["9000"]
    kinds = [(row[0], row[1]) for row in last]
    assert kinds == sorted(kinds, key=lambda kind: kind[1])
    about_cpus = [row for row in last if row[1] == "cpu" and row[0] != "global"]
    assert about_cpus == sorted(about_cpus, key=lambda row: (row[4], row[0] == "vm"))
    about_memory = [row for row in last if row[:2] == ["vm", "mem"]]
    assert {tuple(row[4:5] + row[7:]) for row in about_memory} == {
        ("subset-1", "1", "None", "None")
    }


def test_each_vm_has_a_cpu_and_a_memory_row_at_each_of_its_timestamps(small):
    rows = table(small)
    vms = rows[rows["rec"] == "vm"]
    cpu, memory = (
        vms.loc[vms["res"] == resource, ["tmp", "vm_uuid"]].sort_values(["tmp", "vm_uuid"])
        for resource in ("cpu", "mem")
    )
    assert cpu.to_numpy().tolist() == memory.to_numpy().tolist()
    assert not cpu.duplicated().any()
    assert len(cpu) > 500
    for _, times in vms[vms["res"] == "cpu"].groupby("vm_uuid")["tmp"]:
        assert np.diff(times).tolist() == [60] * (len(times) - 1)


@pytest.mark.parametrize("load", [1.0, 2.0])
def test_sums_agree_with_the_vms(tmp_path, load):
    path = tmp_path / "trace.csv"
    write_trace(path, Workload(cpus=32, memory_mib=131_072, step_s=600, load=load))
    rows = table(path)
    vms = rows[(rows["rec"] == "vm") & (rows["res"] == "cpu")]
    subsets = rows[(rows["rec"] == "subset") & (rows["res"] == "cpu")]
    for time, at_time in subsets.groupby("tmp"):
        free = 32
        for _, subset in at_time.iterrows():
            own = vms[(vms["tmp"] == time) & (vms["sb_oc"] == subset["sb_oc"])]
            sizes = [int(vcpus) for vcpus in own["config"]]
            level = milli_level(subset["sb_oc"])
            size = size_in_cpus(sum(sizes), max(sizes, default=0), level)
            assert subset["config"] == min(size, free)
            free -= subset["config"]
            used = min((own["val"] * own["config"]).sum(), subset["config"])
            assert subset["val"] == pytest.approx(used, abs=1e-4)
    hosts = rows[(rows["rec"] == "global") & (rows["res"] == "cpu")].set_index("tmp")
    expected = subsets.groupby("tmp")["val"].sum() / 32
    assert hosts["val"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-4)
    memory = rows[(rows["rec"] == "vm") & (rows["res"] == "mem")]
    used = (memory["val"] * memory["config"]).groupby(memory["tmp"]).sum()
    hosts = rows[(rows["rec"] == "global") & (rows["res"] == "mem")].set_index("tmp")
    expected = used.reindex(hosts.index, fill_value=0) / 131_072
    assert hosts["val"].to_numpy() == pytest.approx(expected.clip(upper=1).to_numpy(), abs=1e-4)


def test_compressed_and_parquet_files_say_the_same(small, tmp_path):
    write_trace(tmp_path / "t.csv.gz", SMALL)
    assert gzip.decompress((tmp_path / "t.csv.gz").read_bytes()) == small.read_bytes()
    write_trace(tmp_path / "t.parquet", SMALL)
    parquet = pyarrow.parquet.read_table(tmp_path / "t.parquet")
    assert parquet.schema.equals(SCHEMA)
    pd.testing.assert_frame_equal(parquet.to_pandas(), table(small), check_dtype=False)


def test_a_replay_places_every_vm_of_a_load_that_fits(tmp_path):
    path = tmp_path / "trace.csv"
    workload = Workload(cpus=8, memory_mib=31776, mix=parse_mix("34-33-33"), duration_s=9000)
    written = write_trace(path, workload)
    result = slackvm_local("--topology=i7-1185g7", f"--load={path}", cwd=tmp_path)
    assert f"placed {written.vms}," in result.stdout
    assert "refused 0" in result.stdout


def test_a_sized_trace_has_about_the_rows_asked_for(tmp_path):
    path = tmp_path / "sized.csv"
    written = write_sized_trace(
        path, Workload(catalogue=CATALOGUES["azure2017"]), steps=1000, vms=300, alive=92
    )
    assert written.vms == 300
    assert written.rows == pytest.approx(190_000, rel=0.1)
    assert len(read_trace(path).presences) == 300


def test_what_is_interrupted_leaves_nothing_behind(tmp_path):
    path = tmp_path / "trace.csv"

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_trace(path, SMALL, interrupt)
    assert list(tmp_path.iterdir()) == []

    path.write_text("as it was")
    with pytest.raises(KeyboardInterrupt):
        write_trace(path, SMALL, interrupt)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["as it was"]


def test_progress_adds_up_to_all_timestamps(tmp_path):
    done: list[int] = []
    write_trace(tmp_path / "t.csv", SMALL, done.append)
    assert sum(done) == SMALL.steps
