"""Request lists in files: what is read, and what is told of a file that is none."""

import gzip

import numpy as np
import pandas as pd
import pytest

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
    ("row", "told"),
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
def test_a_row_that_is_wrong_is_told_by_its_number(tmp_path, row, told):
    with pytest.raises(ValueError, match=r"requests\.csv: ") as error:
        read(tmp_path, GOOD + row + "\n")
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be read"),
        (HEADER + "\n", "no request in it"),
        (HEADER.replace("lifetime_s", "end_s") + "\na,b,c,1,1,1,0,1\n", "needed: any that tell"),
        (HEADER.replace(",vm,", ",name,") + "\na,b,c,1,1,1,0,1\n", "needed: any that tell"),
        (HEADER.replace("mix", "provider") + "\na,b,c,1,1,1,0,1\n", "needed: any that tell"),
        (HEADER + ",note\na,b,c,1,1,1,0,1,x\n", "then vm,vcpus,memory_mib,level,start_s,"),
    ],
)
def test_a_table_of_other_columns_is_told_with_those_needed(tmp_path, text, told):
    with pytest.raises(ValueError, match=r"requests\.csv: ") as error:
        read(tmp_path, text)
    assert told in str(error.value)


def test_bytes_that_are_no_text_are_told(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_bytes(GOOD.encode() + b"\xff,b,c,1,1,1,0,1\n")
    with pytest.raises(ValueError, match=r"requests.csv: cannot be read \(.*UTF"):
        read_requests(path)


@pytest.mark.parametrize("name", ["requests.csv.gz", "requests.parquet"])
def test_a_file_that_is_cut_is_told(tmp_path, name):
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
