"""Reading vNodes out of a recording."""

import gzip
from io import StringIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from slackanalysis.recordings.host import count_vms, read_vnodes
from slackanalysis.workload.host import Workload
from slackanalysis.workload.trace import write_trace


def test_vnodes_come_as_a_tidy_table(monitoring, vnodes_csv):
    expected = pd.read_csv(StringIO(vnodes_csv)).drop(columns="elapsed_s")
    assert read_vnodes(monitoring).equals(expected)


def test_vms_are_counted_once_each(monitoring):
    assert count_vms(monitoring) == {1.0: 1, 3.0: 2}


def test_every_format_reads_the_same(tmp_path):
    workload = Workload(duration_s=3000)
    paths = [tmp_path / f"t{ending}" for ending in (".csv", ".csv.gz", ".parquet")]
    tables = []
    for path in paths:
        write_trace(path, workload)
        tables.append(read_vnodes(path))
    assert len(tables[0]) == 3 * workload.steps
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    assert count_vms(paths[0]) == count_vms(paths[2])


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz", "f.parquet"])
@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"tmp\trec\n0\tvm\n", bytes(range(256)) * 9]
)
def test_a_file_that_is_no_recording_is_named(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(ValueError, match=r"recording|is empty|column") as error:
        read_vnodes(path)
    assert str(error.value).startswith(f"{path}:")
    assert "\n" not in str(error.value)


def test_a_value_of_the_wrong_type_is_reported(monitoring):
    monitoring.write_text(monitoring.read_text().replace("0.75", "lots"))
    with pytest.raises(ValueError, match="lots"):
        read_vnodes(monitoring)


def test_a_damaged_gzip_file_is_reported(tmp_path, monitoring):
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(monitoring.read_bytes())[:-40])
    with pytest.raises(ValueError, match=r"cut\.csv\.gz"):
        read_vnodes(path)


def test_another_parquet_table_is_reported(tmp_path):
    path = tmp_path / "other.parquet"
    pyarrow.parquet.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(ValueError, match="no column tmp, rec, res"):
        read_vnodes(path)


def test_a_recording_without_vnodes_is_reported(monitoring):
    lines = [line for line in monitoring.read_text().splitlines() if "subset\tcpu" not in line]
    monitoring.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="no vNode in it"):
        read_vnodes(monitoring)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.csv: No such file"):
        read_vnodes(tmp_path / "nowhere.csv")
