"""Damaged traces and wrong options are refused with the row, and nothing is written."""

import gzip
import sqlite3
from contextlib import closing

import pytest

import public_traces as made

ROW = "a,s,d,0,300,9,1,4,Unknown,1,2\n"
HUAWEI = "vmid,cpu,memory,time,type\n1,2,4,10,0\n"
META = "c_1,m_1,0,app_1,started,400,400,1.5\n"
SAMPLE = f"{made.BITBRAINS_HEADER}\n1376314846;1;1;1;50;1024;512;0;0;0;0\n"


@pytest.mark.parametrize(
    ("trace_format", "text", "expected"),
    [
        ("azure-2017", "", "no row in it"),
        ("azure-2017", ROW + "b,s,d,0\n", "row 2: 4 columns, needed 11"),
        ("azure-2017", ROW + ROW.replace("300", "soon"), "row 2: deleted: 'soon' is not a number"),
        ("azure-2017", ROW.replace("300", "nan"), "row 1: deleted: 'nan' is not a number"),
        (
            "azure-2017",
            ROW.replace(",0,300", ",900,300"),
            "row 1: deleted: '300' is not at or after",
        ),
        ("azure-2017", ROW + ROW, "row 2: vm id: the same as in row 1"),
        ("azure-2017", ROW.replace("a,s", ",s"), "row 1: vm id: '' is not a name"),
        ("azure-2017", ROW.replace(",1,2\n", ",-1,2\n"), "row 1: cores: '-1' is not a size more"),
        ("azure-2017", ROW.replace(",1,2\n", ",>24,2\n"), "buckets are those of azure-2019"),
        ("azure-2019", ROW.replace(",1,2\n", ",>40,2\n"), "row 1: cores: '>40' is not less than"),
        ("huawei-east-1", "vmid,cpu,memory,time,type\n", "no row in it"),
        ("huawei-east-1", "id,cpu,memory,time,type\n1,2,4,10,0\n", "its first line is 'id,cpu"),
        ("huawei-east-1", HUAWEI + "1,2,4,10\n", "row 2: 4 columns, needed 5"),
        ("huawei-east-1", HUAWEI + "2,2,4,10,2\n", "row 2: type: '2' is not 0 (created) or 1"),
        (
            "huawei-east-1",
            HUAWEI + "2,2,4,10,1\n",
            "row 2: VM '2' is deleted, but was never created",
        ),
        (
            "huawei-east-1",
            HUAWEI + "1,2,4,20,0\n",
            "row 2: VM '1' is created, but is there already",
        ),
        (
            "huawei-east-1",
            HUAWEI + "1,2,4,5,1\n",
            "row 2: VM '1' is deleted at 5 s, before its crea",
        ),
        (
            "huawei-east-1",
            HUAWEI + "1,2,4,20,1\n1,2,4,30,1\n",
            "row 3: VM '1' is deleted, but was de",
        ),
        ("huawei-east-1", HUAWEI + "2,0,4,20,0\n", "row 2: cpu: '0' is not 1 or more CPUs"),
        ("alibaba-2018", META + META.replace(",400,400", ",-4,400"), "row 2: cpu_request: '-4'"),
        ("alibaba-2018", META + "c_2,m_1,0\n", "row 2: 3 columns, needed 8"),
        (
            "bitbrains",
            SAMPLE.replace("1024", "-7"),
            "row 1: Memory capacity provisioned [KB]: '-7'",
        ),
        ("bitbrains", SAMPLE.replace(";", ","), "its first line has 1 columns, needed 11"),
        ("bitbrains", SAMPLE.replace("1376314846", "1e30"), "row 1: Timestamp [ms]: '1e30' is not"),
    ],
)
def test_an_invalid_trace_is_reported_with_the_row(tmp_path, refused, trace_format, text, expected):
    path = tmp_path / "trace.csv"
    path.write_text(text)
    assert expected in refused(trace_format, path)


def test_times_of_another_unit_are_refused_before_a_list_is_written(tmp_path, refused):
    path = tmp_path / "trace.csv"
    path.write_text(HUAWEI + "2,2,4,1795839810000,0\n")
    assert "1795839810000, which is no time in seconds" in refused("huawei-east-1", path)


def test_a_row_far_into_the_file_is_counted_right(tmp_path, refused):
    path = tmp_path / "vmtable.csv"
    rows = [f"{number:064x},{'s' * 60},d,0,300,9,1,4,Unknown,1,2\n" for number in range(90_000)]
    rows[70_000] = rows[70_000].replace(",300,", ",x,")
    path.write_text("".join(rows))
    assert path.stat().st_size > 10_000_000
    assert "row 70001: deleted: 'x' is not a number" in refused("azure-2017", path)
    rows[70_000] = "short\n"
    path.write_text("".join(rows))
    assert "row 70001: 1 columns, needed 11" in refused("azure-2017", path)


def test_a_file_that_was_not_downloaded_whole_is_refused(tmp_path, refused):
    path = made.azure(tmp_path / "vmtable.csv.gz", 5000)
    path.write_bytes(path.read_bytes()[:-20_000])
    assert "cannot be read" in refused("azure-2017", path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DROP TABLE vmType", "no table vmType in it; there are: vm"),
        ("DELETE FROM vm", "table vm: no row in it"),
        (
            "DELETE FROM vmType WHERE vmTypeId = 2",
            "row 3: table vm: vmTypeId: 2 is not in table vmTy",
        ),
        (
            "UPDATE vm SET starttime = 'soon' WHERE vmId = 4",
            "row 5: table vm: starttime: 'soon' is n",
        ),
        ("UPDATE vm SET starttime = NULL WHERE vmId = 4", "row 5: table vm: starttime"),
        (
            "UPDATE vm SET endtime = -99 WHERE vmId = 5",
            "row 6: table vm: endtime: -99.0 is not at or",
        ),
        ("UPDATE vm SET vmId = 1 WHERE vmId = 5", "table vm: vmId 1 is there 2 times"),
        (
            "UPDATE vmType SET memory = 2.5 WHERE vmTypeId = 1",
            "row 2: table vmType: memory: 2.5 is not a part of a machine: more than 0, to 1",
        ),
        (
            "UPDATE vmType SET core = 0 WHERE vmTypeId = 1",
            "row 2: table vmType: core: 0.0 is not a p",
        ),
        ("ALTER TABLE vmType RENAME COLUMN core TO cpu", "table vmType: no column core"),
        (
            "UPDATE vm SET vmId = x'ff' WHERE vmId = 5",
            "row 6: table vm: vmId: b'\\xff' is not",
        ),
        (
            "UPDATE vmType SET machineId = NULL WHERE id = 11",
            "row 6: table vmType: machineId: NULL is not the id of a machine",
        ),
        (
            "UPDATE vmType SET vmTypeId = NULL WHERE id = 11",
            "row 6: table vmType: vmTypeId: NULL is not the id of a type",
        ),
    ],
)
def test_an_invalid_database_is_reported(tmp_path, refused, change, expected):
    path = made.packing(tmp_path / "packing.sqlite", 20)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(change)
    assert expected in refused("azure-packing-2020", path)


def test_other_files_are_no_databases(tmp_path, refused):
    path = tmp_path / "packing.sqlite"
    path.write_bytes(gzip.compress(b"x" * 5000) * 9)
    assert "not a SQLite database" in refused("azure-packing-2020", path)
    path = made.packing(tmp_path / "cut.sqlite", 2000)
    path.write_bytes(path.read_bytes()[:9000])
    assert "not a SQLite database" in refused("azure-packing-2020", path)
    assert "no machine 'x' in it; there are: 0, 1" in refused(
        "azure-packing-2020", made.packing(tmp_path / "good.sqlite", 20), "--machine", "x"
    )


def test_the_file_of_a_vm_is_named(tmp_path, refused):
    folder = made.bitbrains(tmp_path / "Rnd", 3)
    path = folder / "2.csv"
    path.write_text(path.read_text().replace("10.5", "much"))
    message = refused("bitbrains", folder, "--recording", tmp_path / "use.csv")
    assert "2.csv: row 2: CPU usage [%]: 'much' is not a number" in message
    assert not (tmp_path / "use.csv").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no file of a VM in it" in refused("bitbrains", empty)


@pytest.mark.parametrize("name", ["a\tb", "a\nb", ""])
def test_a_file_name_that_is_no_name_of_a_vm_is_refused(tmp_path, refused, name):
    folder = made.bitbrains(tmp_path / "Rnd", 2)
    (folder / "2.csv").rename(folder / f"{name}.csv")
    message = refused("bitbrains", folder, "--recording", tmp_path / "use.csv")
    assert f"VM {name!r}: a name is not empty, and printable" in message
    assert not (tmp_path / "use.csv").exists()


def test_two_files_of_one_vm_are_refused(tmp_path, refused):
    folder = made.bitbrains(tmp_path / "Rnd", 2)
    (folder / "2.csv.gz").write_bytes(gzip.compress((folder / "2.csv").read_bytes()))
    assert "2.csv.gz are both of VM '2'; remove one" in refused("bitbrains", folder)


def test_ids_that_differ_by_their_type_alone_are_one_name(tmp_path, refused):
    path = made.packing(tmp_path / "packing.sqlite", 20)
    with closing(sqlite3.connect(path)) as database, database:
        # A column without a type keeps a text and a number apart.
        database.execute("CREATE TABLE other AS SELECT * FROM vm")
        database.execute("DROP TABLE vm")
        database.execute("CREATE TABLE vm (vmId, tenantId, vmTypeId, priority, starttime, endtime)")
        database.execute("INSERT INTO vm SELECT * FROM other")
        database.execute("UPDATE vm SET vmId = '4' WHERE vmId = 5")
    assert "VM '4': two VMs of the trace have this name" in refused("azure-packing-2020", path)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--window", "5"], "window '5' is not allowed: START:END"),
        (["--window", "9:5"], "window '9:5' is not allowed"),
        (["--window", "-9:5"], "window '-9:5' is not allowed"),
        (["--window", "800000:900000"], "none of the 1 VMs of the trace is left"),
        (["--sample", "0"], "sample 0 is not allowed: more than 0, at most 1"),
        (["--sample", "nan"], "sample nan is not allowed"),
        (["--seed", "-1"], "seed -1 is not allowed: 0 or more"),
        (["--mix", "50-0-0"], "mix 50-0-0 is not allowed"),
        (["--unit-cpus", "9"], "--unit-cpus has no effect for azure-2017"),
        (["--recording", "use.csv"], "--recording has no effect for azure-2017"),
    ],
)
def test_wrong_options_are_refused(tmp_path, refused, options, expected):
    path = tmp_path / "vmtable.csv"
    path.write_text(ROW)
    assert expected in refused("azure-2017", path, *options)


def test_use_over_time_of_alibaba_is_a_file_of_its_own(tmp_path, refused):
    path = made.alibaba(tmp_path / "alibaba", 5)
    message = refused("alibaba-2018", path, "--recording", tmp_path / "use.csv")
    assert "--usage and --recording go together" in message


def test_the_trace_is_not_overwritten(tmp_path, refused):
    path = tmp_path / "vmtable.csv"
    path.write_text(ROW)
    link = tmp_path / "out.csv"
    link.symlink_to(path)
    assert "is an input, too" in refused("azure-2017", path, "--output", link)
    folder = made.bitbrains(tmp_path / "Rnd", 2)
    assert "inside the input folder" in refused("bitbrains", folder, "--output", folder / "3.csv")
    assert path.read_text() == ROW
