"""Request lists in files: what is read, and what is reported about an invalid file."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackanalysis.workload.request_file import read_requests, write_requests
from slackanalysis.workload.requests import RequestList
from slackvm.model import VM

HEADER = "provider,mix,vm,vcpus,memory_mib,level,start_s,lifetime_s"
GOOD = f"""{HEADER}
ovh,50-0-50,a,2,4096,1.0,0,60
ovh,0-0-100,a,1,2048,3.0,0,30
ovh,50-0-50,b,4,8192,3,30,2.5
"""


def read(tmp_path, text, name="requests.csv"):
    path = tmp_path / name
    path.write_text(text)
    return read_requests(path)


def test_rows_with_equal_columns_before_vm_are_a_list(tmp_path):
    first, second = read(tmp_path, GOOD)
    assert first.keys == {"provider": "ovh", "mix": "50-0-50"}
    assert first.vms == [VM("a", 2, 4096, 1.0), VM("b", 4, 8192, 3.0)]
    assert first.start_s.tolist() == [0, 30]
    assert first.lifetime_s.tolist() == [60, 2.5]
    assert second.name == "ovh, 0-0-100"
    assert second.levels == [3.0]


def test_without_a_column_before_vm_there_is_one_list(tmp_path):
    (only,) = read(tmp_path, "vm,vcpus,memory_mib,level,start_s,lifetime_s\na,1,1,1,0,1\n")
    assert only.keys == {}
    assert only.vms == [VM("a", 1, 1, 1.0)]


@pytest.mark.parametrize("name", ["requests.csv", "requests.csv.gz", "requests.parquet"])
def test_what_is_written_is_read_again(tmp_path, name):
    lists = read(tmp_path, GOOD)
    write_requests(tmp_path / name, lists)
    again = read_requests(tmp_path / name)
    for one, other in zip(lists, again, strict=True):
        assert (one.keys, one.vms) == (other.keys, other.vms)
        assert (one.start_s == other.start_s).all()
        assert (one.lifetime_s == other.lifetime_s).all()
    first = (tmp_path / name).read_bytes()
    write_requests(tmp_path / name, again)
    assert (tmp_path / name).read_bytes() == first


def test_whole_seconds_are_written_as_whole_numbers(tmp_path):
    requests = RequestList(
        {"provider": "ovh"}, [VM("a", 1, 2, 1.5)], np.array([0.0]), np.array([60.0])
    )
    write_requests(tmp_path / "requests.csv", [requests])
    text = (tmp_path / "requests.csv").read_text()
    assert text == "provider,vm,vcpus,memory_mib,level,start_s,lifetime_s\novh,a,1,2,1.5,0,60\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ovh,50-0-50,c,many,1,1,0,1", "row 4: vcpus: 'many' is not a number"),
        ("ovh,50-0-50,c,,1,1,0,1", "row 4: vcpus: '' is not a number"),
        ("ovh,50-0-50,c,nan,1,1,0,1", "row 4: vcpus: 'nan' is not a number"),
        ("ovh,50-0-50,c,1,1,inf,0,1", "row 4: level: 'inf' is not a number"),
        ("ovh,50-0-50,c,0,1,1,0,1", "row 4: vcpus 0 is not allowed"),
        ("ovh,50-0-50,c,1.5,1,1,0,1", "row 4: vcpus 1.5 is not allowed: a whole number"),
        ("ovh,50-0-50,c,1,-1,1,0,1", "row 4: memory -1 MiB is not allowed"),
        ("ovh,50-0-50,c,1,1,0.5,0,1", "row 4: level 0.5 is not allowed"),
        ("ovh,50-0-50,c,1,1,1,-1,1", "row 4: start_s: -1 is not allowed: 0 or more"),
        ("ovh,50-0-50,c,1,1,1,0,-60", "row 4: lifetime_s: -60 is not allowed: more than 0"),
        ("ovh,50-0-50,c,1,1,1,0,0", "row 4: lifetime_s: 0 is not allowed: more than 0"),
        ("ovh,50-0-50,,1,1,1,0,1", "row 4: name '' is not allowed"),
        ("ovh,50-0-50,a,1,1,1,0,1", "row 4: vm: 'a' is in this list already"),
        ("", "row 4: vcpus: '' is not a number"),
        ("ovh,50-0-50,c,1,1,1,0", "Row #5: Expected 8 columns, got 7"),
        ("ovh,50-0-50,c,1,1,1,0,1,1", "Row #5: Expected 8 columns, got 9"),
    ],
)
def test_a_row_that_is_wrong_is_reported_by_its_number(tmp_path, row, message):
    with pytest.raises(ValueError, match=r"requests\.csv: ") as error:
        read(tmp_path, GOOD + row + "\n")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        (HEADER + "\n", "no request in it"),
        (HEADER.replace("lifetime_s", "end_s") + "\na,b,c,1,1,1,0,1\n", "needed: any that tell"),
        (HEADER.replace(",vm,", ",name,") + "\na,b,c,1,1,1,0,1\n", "needed: any that tell"),
        (HEADER.replace("mix", "provider") + "\na,b,c,1,1,1,0,1\n", "needed: any that tell"),
        (HEADER + ",note\na,b,c,1,1,1,0,1,x\n", "then vm,vcpus,memory_mib,level,start_s,"),
    ],
)
def test_a_table_of_other_columns_is_reported_with_the_needed_ones(tmp_path, text, message):
    with pytest.raises(ValueError, match=r"requests\.csv: ") as error:
        read(tmp_path, text)
    assert message in str(error.value)


def test_a_column_that_is_twice_in_parquet_is_reported_like_one_in_csv(tmp_path):
    path = tmp_path / "requests.parquet"
    names = [*HEADER.split(","), "vm"]
    table = pa.Table.from_arrays([pa.array(["1"])] * len(names), names=names)
    pa.parquet.write_table(table, path)
    with pytest.raises(ValueError, match=f"the columns are {HEADER},vm; needed: any that"):
        read_requests(path)


def test_what_a_file_says_does_not_reach_the_terminal_as_it_is(tmp_path):
    with pytest.raises(ValueError, match="cannot be read") as error:
        read(tmp_path, f"{HEADER}\n\x1b[31mred,x\n")
    assert str(error.value).isprintable()


def test_bytes_that_are_no_text_are_reported(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_bytes(GOOD.encode() + b"\xff,b,c,1,1,1,0,1\n")
    with pytest.raises(ValueError, match=r"requests.csv: cannot be read \(.*UTF"):
        read_requests(path)


@pytest.mark.parametrize("name", ["requests.csv.gz", "requests.parquet"])
def test_a_file_that_is_cut_is_reported(tmp_path, name):
    path = tmp_path / name
    write_requests(path, read(tmp_path, GOOD))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match=f"{name}: cannot be read"):
        read_requests(path)


def test_a_gzipped_file_is_known_by_its_ending(tmp_path):
    path = tmp_path / "requests.csv.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert len(read_requests(path)) == 2


def test_parquet_may_hold_numbers_or_text(tmp_path):
    path = tmp_path / "requests.parquet"
    numbers = {"vcpus": [1], "memory_mib": ["2"], "level": [1.5], "start_s": [0], "lifetime_s": [3]}
    pd.DataFrame({"seed": [7], "vm": ["a"], **numbers}).to_parquet(path)
    (only,) = read_requests(path)
    assert only.keys == {"seed": "7"}
    assert only.vms == [VM("a", 1, 2, 1.5)]


def test_arrivals_come_before_departures_of_the_same_time_in_the_order_of_the_file():
    vms = [VM(name, 1, 1, 1.0) for name in "abcd"]
    requests = RequestList({}, vms, np.array([5.0, 0, 5, 0]), np.array([5.0, 5, 1, 9]))
    assert requests.events.tolist() == [1, 3, 0, 2, ~1, ~2, ~3, ~0]


ROWS = {
    "vm": ["a", "b"],
    "vcpus": [2, 4],
    "memory_mib": [1024, 2048],
    "level": [1.0, 2.0],
    "start_s": [0, 30],
    "lifetime_s": [3600, 7200],
}
NEW_YEAR = 1_767_225_600


def parquet(tmp_path, **columns):
    path = tmp_path / "requests.parquet"
    pyarrow.parquet.write_table(pa.table({**ROWS, **columns}), path)
    return path


@pytest.mark.parametrize(
    "columns",
    [
        {"start_s": pa.array([NEW_YEAR, NEW_YEAR + 30], pa.timestamp("s"))},
        {"start_s": pa.array([NEW_YEAR * 1000, (NEW_YEAR + 30) * 1000], pa.timestamp("ms", "UTC"))},
        {
            "start_s": pa.array(
                [NEW_YEAR * 10**9, (NEW_YEAR + 30) * 10**9], pa.timestamp("ns", "Europe/Paris")
            )
        },
        {"start_s": pa.array([0, 30_000], pa.duration("ms"))},
        {"lifetime_s": pa.array([3600 * 10**6, 7200 * 10**6], pa.duration("us"))},
        {"vcpus": pa.array([2.0, 4.0]), "memory_mib": pa.array(["1024", " 2048.0"])},
        {"memory_mib": pa.array([1024, 2048]).cast(pa.decimal128(21, 2))},
        {"vm": pa.array(["a", "b"]).dictionary_encode()},
        {"__index_level_0__": pa.array([7, 8])},
    ],
)
def test_typed_columns_are_converted_with_their_unit(tmp_path, columns):
    (found,) = read_requests(parquet(tmp_path, **columns))
    assert found.vms == [VM("a", 2, 1024, 1.0), VM("b", 4, 2048, 2.0)]
    assert found.start_s.tolist() == [0, 30]
    assert found.lifetime_s.tolist() == [3600, 7200]


@pytest.mark.parametrize("kind", [pa.float32(), pa.float16()])
def test_levels_as_short_floats_are_what_was_meant(tmp_path, kind):
    levels = pa.array(np.array([1.1, 1.5], np.float32)).cast(kind)
    (found,) = read_requests(parquet(tmp_path, level=levels))
    assert found.levels == [1.1, 1.5]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vcpus": [True, True]}, "vcpus: the column is of type bool; needed: numbers"),
        ({"level": [True, True]}, "level: the column is of type bool; needed: numbers"),
        ({"start_s": [False, True]}, "start_s: the column is of type bool; needed: seconds"),
        (
            {"vcpus": pa.array([2, 4], pa.duration("s"))},
            "vcpus: the column is of type duration[s]; needed: numbers",
        ),
        (
            {"lifetime_s": pa.array([2, 4], pa.timestamp("s"))},
            "lifetime_s: the column is of type timestamp[ms]; needed: seconds or durations",
        ),
        ({"start_s": pa.array([1, 2], pa.time64("us"))}, "start_s: the column is of type time64"),
        ({"vm": ["a", None]}, "row 2: vm: None is not a name"),
        ({"vm": pa.array([b"a", b"b"])}, "vm: the column is of type binary; needed: text"),
        ({"vcpus": pa.array([2, None], pa.int64())}, "row 2: vcpus: None is not a number"),
        ({"start_s": pa.array([0, None], pa.timestamp("s"))}, "row 2: start_s: None is not a"),
        ({"level": [1.0, float("nan")]}, "row 2: level: nan is not a number"),
        ({"vcpus": [2, 10**15]}, "row 2: vcpus 1000000000000000 is not allowed"),
        ({"vcpus": [2, 1e300]}, "row 2: vcpus 1e+300 is not allowed"),
        ({"start_s": [0, NEW_YEAR * 1000]}, "row 2: start_s: 1767225600000 is no time in seconds"),
        ({"start_s": [0, NEW_YEAR * 10**9]}, "if these are nanoseconds, divide by 1000000000"),
        ({"start_s": [0, 2**53 + 1]}, "row 2: start_s: 9.00719925474099e+15 is no time in sec"),
        ({"lifetime_s": [1, 10**12]}, "row 2: lifetime_s: 1000000000000 is no time in seconds"),
        ({"lifetime_s": pa.array([-1, 1], pa.duration("s"))}, "row 1: lifetime_s: -1 is not all"),
    ],
)
def test_columns_of_other_types_and_lost_times_are_refused(tmp_path, columns, message):
    path = parquet(tmp_path, **columns)
    with pytest.raises(ValueError, match=r"requests\.parquet: ") as error:
        read_requests(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c,2,4096,1.0,1e18,1", "row 1: start_s: 1e+18 is no time in seconds"),
        ("c,2,4096,1.0,9007199254740993,0.5", "row 1: start_s: 9.00719925474099e+15 is no time"),
        ("c,2,4096,1.0,99999999999,1e-6", "row 1: lifetime_s: 1e-06 is too short beside a start"),
        ("c,0x10,4096,1.0,0,1", "row 1: vcpus: '0x10' is not a number"),
        ("c,1_0,4096,1.0,0,1", "row 1: vcpus: '1_0' is not a number"),
        ("c,True,4096,1.0,0,1", "row 1: vcpus: 'True' is not a number"),
        ("c,2,4096,1.0,2026-01-01 00:00:00,1", "row 1: start_s: '2026-01-01 00:00:00' is not a"),
    ],
)
def test_numbers_that_would_be_misread_are_refused(tmp_path, row, message):
    with pytest.raises(ValueError, match=r"requests\.csv: ") as error:
        read(tmp_path, f"{','.join(ROWS)}\n{row}\n")
    assert message in str(error.value)


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda data: pa.compress(data, "zstd", asbytes=True)]
)
def test_contents_count_not_the_name(tmp_path, pack):
    expected = read(tmp_path, GOOD, "plain.csv")
    path = tmp_path / "requests.txt"
    for content in (GOOD.encode(), b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()):
        path.write_bytes(pack(content))
        assert [each.vms for each in read_requests(path)] == [each.vms for each in expected]
    write_requests(tmp_path / "requests.parquet", expected)
    path.write_bytes(pack((tmp_path / "requests.parquet").read_bytes()))
    assert [each.vms for each in read_requests(path)] == [each.vms for each in expected]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", ["plain", "gzip", "zstd", "parquet"])
def test_any_damage_ends_in_one_line(tmp_path_factory, name, data):
    """Bytes are overwritten, removed or repeated; what is read is a list of requests still."""
    folder = tmp_path_factory.mktemp("damage")
    content = GOOD.encode()
    if name == "parquet":
        content = parquet(folder).read_bytes()
    elif name != "plain":
        content = pa.compress(content, name, asbytes=True)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        size = data.draw(st.integers(0, 20))
        junk = data.draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([b"\n", b",", b'"', b"\0", b"1e999", b"nan", b"-", b"\r", b"None"]),
            )
        )
        content = content[:place] + junk + content[place + size :]
    path = folder / "requests"
    path.write_bytes(content)
    message = refusal(path)
    assert message is None or (message.startswith(f"{path}: ") and "\n" not in message)


def refusal(path):
    """Return why a file is refused; None where it is read, as lists that sizing can take."""
    try:
        lists = read_requests(path)
    except ValueError as error:
        return str(error)
    for requests in lists:
        assert len(requests.vms) == len(requests.start_s) > 0
        assert (requests.end_s > requests.start_s).all()
    return None
