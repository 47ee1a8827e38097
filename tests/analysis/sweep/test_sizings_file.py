"""Tables of sizings in files: what is read, and what is reported about an invalid file."""

import gzip

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from sizings import sizings
from slackanalysis.sweep.gains import read_sizings

COUNTS = ["hosts_shared", "hosts_separate", "hosts_bound"]


@pytest.fixture
def table():
    return sizings(seeds=1).iloc[:4].reset_index(drop=True)


def zstd(data):
    return pa.compress(data, "zstd", asbytes=True)


@pytest.mark.parametrize(
    "name", ["t.csv", "t.parquet", "t.csv.gz", "t.csv.zst", "bom.csv", "t.txt"]
)
def test_every_form_reads_the_same(tmp_path, table, name):
    path = tmp_path / name
    text = table.to_csv(index=False).encode()
    if name == "t.parquet":
        table.astype(dict.fromkeys(COUNTS, "float64")).to_parquet(path)
    else:
        packed = {".gz": gzip.compress, ".zst": zstd}
        start = b"\xef\xbb\xbf" if name == "bom.csv" else b""
        path.write_bytes(packed.get(path.suffix, bytes)(start + text))
    pd.testing.assert_frame_equal(read_sizings(path), table)


def test_numbers_that_are_text_are_numbers(tmp_path, table):
    path = tmp_path / "t.parquet"
    texts = dict.fromkeys(["seed", "vms", "host_cpus", "host_memory_mib"], str)
    table.astype(texts).to_parquet(path)
    pd.testing.assert_frame_equal(read_sizings(path), table)


def test_a_folder_of_parquet_files_is_read(tmp_path, table):
    (tmp_path / "set.parquet").mkdir()
    table.to_parquet(tmp_path / "set.parquet" / "1.parquet")
    pd.testing.assert_frame_equal(read_sizings(tmp_path / "set.parquet"), table)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("hosts_shared", [True] * 4, "column hosts_shared is of type bool"),
        ("hosts_bound", pa.array([1] * 4, pa.duration("s")), "hosts_bound is of type duration[s]"),
        ("hosts_separate", pa.array([1] * 4, pa.timestamp("us")), "is of type timestamp[us]"),
        ("hosts_shared", [5, None, 5, 5], "row 2: hosts_shared: nan is not allowed: a whole"),
        ("hosts_shared", [5, 5.5, 5, 5], "row 2: hosts_shared: 5.5 is not allowed: a whole"),
        ("hosts_separate", [5, 5, 0, 5], "row 3: hosts_separate: 0 is not allowed: a whole"),
        ("hosts_shared", ["5", "5", "many", "5"], "row 3: hosts_shared: many is not allowed"),
        ("policy", ["x", None, "x", "x"], "row 2: policy is missing"),
        ("seed", ["1", "2", "b", "1"], "row 3: seed: b is not a number"),
    ],
)
def test_columns_that_are_no_hosts_are_refused(tmp_path, table, column, values, message):
    path = tmp_path / "t.parquet"
    typed = pa.Table.from_pandas(table)
    place = typed.column_names.index(column)
    pyarrow.parquet.write_table(typed.set_column(place, column, pa.array(values)), path)
    with pytest.raises(ValueError, match=r"t\.parquet: ") as error:
        read_sizings(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["", "nan", "True", "1e99", "-3", "9007199254740993"])
def test_numbers_that_are_no_hosts_are_refused_in_text(tmp_path, table, value):
    path = tmp_path / "t.csv"
    table["hosts_shared"] = ["5", value, "5", "5"]
    table.to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"t\.csv: row [0-9]: hosts_shared: "):
        read_sizings(path)


DAMAGED = [b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd\x00", b"PAR1", b"\xff\xfe\x00"]


@pytest.mark.parametrize("content", DAMAGED)
@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_damaged_file_is_reported_in_one_line(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: ") as error:
        read_sizings(path)
    assert "\n" not in str(error.value)
