"""Replaying recordings: what comes out for what goes in, as a user sees it."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from command import slackvm_local
from recordings import rows, vnodes_by_time
from traces import HEADER, Guest, trace

LAPTOP = "--topology=i7-1185g7"  # 8 CPUs, 31776 MiB

GUESTS = [
    Guest("web", 2, 2048, 2.0, 0, 45),
    Guest("db", 2, 4096, 1.0, 0, 30),
    Guest("batch", 4, 4096, 3.0, 15, 60),
    Guest("huge", 16, 4096, 1.0, 15, 60),
    Guest("late", 2, 1024, 1.0, 45, 60),
]
TIMES = range(0, 75, 15)


def replay(folder: Path, text: str, *options: str, name: str = "trace.csv") -> list[dict[str, str]]:
    """Return the rows that a replay of `text` writes."""
    source, output = folder / name, folder / "out.csv"
    source.write_text(text)
    slackvm_local(LAPTOP, f"--load={source}", f"--output={output}", *options)
    return rows(output)


def test_a_trace_of_vms_alone_is_given_its_host_and_vnodes(tmp_path: Path) -> None:
    """Use that the trace does not tell is what its placed VMs add up to."""
    written = replay(tmp_path, trace([Guest("a", 2, 1000, 2.0, 0, 0, 0.5)], [0]))
    assert [(row["rec"], row["res"], row["val"], row["config"]) for row in written] == [
        ("global", "cpu", "0.125", "8"),
        ("subset", "cpu", "1.0", "2"),
        ("vm", "cpu", "0.5", "2"),
        ("global", "mem", "0.01574", "31776"),
        ("subset", "mem", "0.01574", "1000"),
        ("vm", "mem", "0.5", "1000"),
    ]


def test_use_is_copied_and_sizes_are_decided_again(tmp_path: Path) -> None:
    written = replay(tmp_path, trace(GUESTS, TIMES, whole=True))
    subsets = [row for row in written if (row["rec"], row["res"]) == ("subset", "cpu")]
    assert {row["val"] for row in subsets if row["tmp"] != "60" and row["config"] != "0"} == {"1.5"}
    sizes = {(row["tmp"], row["subset"]): row["config"] for row in subsets}
    assert sizes["0", "subset-2.0"] == "2"
    assert sizes["60", "subset-2.0"] == "0"
    assert sizes["60", "subset-3.0"] == "4"
    assert {row["sb_unused"] for row in subsets} == {"0"}
    memory = {row["tmp"]: row["config"] for row in written if row["subset"] == "subset-1"}
    assert memory["0"] == "4096"


def test_a_refused_vm_is_reported_and_has_no_rows(tmp_path: Path) -> None:
    source, output = tmp_path / "trace.csv", tmp_path / "out.csv"
    source.write_text(trace(GUESTS, TIMES))
    result = slackvm_local(LAPTOP, f"--load={source}", f"--output={output}", "--json")
    assert (
        "15 s: huge (16 vCPUs, 4096 MiB, level 1.0) refused, too_large: 16 CPUs needed, 8 in"
        in (result.stderr)
    )
    assert "huge" not in output.read_text()
    summary = json.loads(result.stdout)
    assert summary["refused"] == {"too_large": 1}
    assert (summary["placed"], summary["removed"]) == (4, 2)
    assert {level: result["peak_cpus"] for level, result in summary["levels"].items()} == {
        "1.0": 2,
        "2.0": 2,
        "3.0": 4,
    }


def test_descriptions_are_written_when_they_change(tmp_path: Path) -> None:
    written = replay(tmp_path, trace(GUESTS, TIMES))
    message = [
        row["tmp"]
        for row in written
        if row["subset"] == "subset-2.0" and row["sb_dsc"][:3] == '{"r'
    ]
    assert message == ["0", "60"]  # web arrives; web has left
    by_time = vnodes_by_time(tmp_path / "out.csv")
    assert by_time[30]["subset-2.0"] == by_time[15]["subset-2.0"]
    assert by_time[60]["subset-2.0"] == ([], [], [])


@pytest.mark.parametrize("order", ["strict", "prototype"])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_replaying_the_output_gives_the_same_bytes(
    order: str, whole: bool, ending: str, tmp_path: Path
) -> None:
    source, first, second = (tmp_path / f"{name}{ending}" for name in ("in", "first", "second"))
    plain = tmp_path / "plain.csv"
    plain.write_text(trace(GUESTS, TIMES, whole=whole))
    slackvm_local(LAPTOP, f"--load={plain}", f"--output={source}", f"--order={order}")
    slackvm_local(LAPTOP, f"--load={source}", f"--output={first}", f"--order={order}")
    slackvm_local(LAPTOP, f"--load={first}", f"--output={second}", f"--order={order}")
    assert first.read_bytes() == second.read_bytes()
    assert source.read_bytes() == first.read_bytes()


def test_reference_outputs_replay_to_the_same_bytes(reference_data: Path, tmp_path: Path) -> None:
    for order in ("strict", "prototype"):
        for name in ("golden_refill", "golden_full"):
            load = reference_data / "golden" / f"{name}.trace.csv.gz"
            for number in (1, 2):
                output = tmp_path / f"{number}.csv"
                slackvm_local(
                    *("--topology=epyc-7662", f"--load={load}"),
                    *(f"--output={output}", f"--order={order}"),
                )
                load = output
            assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_departures_make_room_for_arrivals_unless_the_prototype_is_followed(tmp_path: Path) -> None:
    guests = [Guest("first", 8, 1024, 1.0, 0, 15), Guest("second", 8, 1024, 1.0, 30, 45)]
    text = trace(guests, range(0, 60, 15))
    strict = replay(tmp_path, text)
    prototype = replay(tmp_path, text, "--order=prototype")
    assert "second" in {row["vm_cmn"] for row in strict}
    assert "second" not in {row["vm_cmn"] for row in prototype}


def test_arrivals_of_one_time_are_served_in_the_order_of_the_file(tmp_path: Path) -> None:
    guests = [Guest("b", 8, 1024, 1.0, 0, 0), Guest("a", 8, 1024, 1.0, 0, 0)]
    assert {row["vm_cmn"] for row in replay(tmp_path, trace(guests, [0]))} == {"b", "None"}


def test_the_last_size_of_a_vm_counts(tmp_path: Path) -> None:
    text = trace([Guest("a", 2, 1024, 1.0, 0, 15)], [0, 15])
    last = text.rindex("\t2\tsubset-1.0")
    written = replay(
        tmp_path, text[:last] + "\t3\tsubset-1.0" + text[last + len("\t2\tsubset-1.0") :]
    )
    sizes = {(row["rec"], row["config"]) for row in written if row["subset"] == "subset-1.0"}
    assert sizes == {("vm", "3"), ("subset", "3")}


def test_a_vm_that_comes_back_with_a_new_uuid_is_another_vm(tmp_path: Path) -> None:
    guests = [Guest("same", 2, 1024, 1.0, 0, 15), Guest("same", 4, 1024, 2.0, 30, 45)]
    written = replay(tmp_path, trace(guests, range(0, 60, 15)))
    vms = [row for row in written if (row["rec"], row["res"]) == ("vm", "cpu")]
    assert [row["config"] for row in vms] == ["2", "2", "4", "4"]


def test_numbers_written_otherwise_are_written_plainly(tmp_path: Path) -> None:
    """As other programs write them: sizes as 2.0, levels as 2, memory's level as 1.0."""
    text = trace([Guest("a", 2, 1024, 2.0, 0, 0)], [0])
    odd = text.replace("\t2\tsubset-2.0", "\t2.0\tsubset-2").replace("a\t2.0", "a\t2")
    odd = odd.replace("\t1024\tsubset-1\t", "\t1024.0\tsubset-1.0\t").replace("a\t1\t", "a\t1.0\t")
    assert odd != text
    assert replay(tmp_path, odd) == replay(tmp_path, text)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("config", "7"),
        ("config", "8.0"),
        ("sb_unused", "3"),
        ("sb_dsc", '{"a":1}'),
        ("sb_dsc", "None"),
    ],
)
def test_what_rows_about_vnodes_hold_is_decided_however_they_are_written(
    column: str, text: str, tmp_path: Path
) -> None:
    """Their use alone is taken over, at timestamps with a change and without one."""
    plain = trace(GUESTS, TIMES, whole=True)
    expected = replay(tmp_path, plain)
    place = HEADER.split("\t").index(column)
    lines = [line.split("\t") for line in plain.splitlines()]
    for fields in lines[1:]:
        if fields[1] == "subset":
            fields[place] = text
    assert replay(tmp_path, "".join("\t".join(fields) + "\n" for fields in lines)) == expected


def test_windows_line_ends_and_a_missing_last_one_are_read(tmp_path: Path) -> None:
    text = trace(GUESTS, TIMES)
    expected = replay(tmp_path, text)
    assert replay(tmp_path, text.rstrip("\n")) == expected
    (tmp_path / "windows.csv").write_bytes(text.replace("\n", "\r\n").encode())
    output = tmp_path / "windows_out.csv"
    slackvm_local(LAPTOP, f"--load={tmp_path / 'windows.csv'}", f"--output={output}")
    assert rows(output) == expected


def test_csv_gzip_and_parquet_hold_the_same(tmp_path: Path) -> None:
    plain = tmp_path / "trace.csv"
    plain.write_text(trace(GUESTS, TIMES, whole=True))
    packed = tmp_path / "trace.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    columns = tmp_path / "trace.parquet"
    slackvm_local(LAPTOP, f"--load={plain}", f"--output={columns}")
    outputs = [tmp_path / f"{number}.csv" for number in range(3)]
    for source, output in zip((plain, packed, columns), outputs, strict=True):
        slackvm_local(LAPTOP, f"--load={source}", f"--output={output}")
    texts = [output.read_text() for output in outputs]
    assert texts[0] == texts[1]
    as_numbers = [[{**row, "val": float(row["val"])} for row in rows(output)] for output in outputs]
    assert as_numbers[0] == as_numbers[2]


def test_parquet_is_typed(tmp_path: Path) -> None:
    replay(tmp_path, trace(GUESTS, TIMES))
    source, output = tmp_path / "out.csv", tmp_path / "out.parquet"
    slackvm_local(LAPTOP, f"--load={source}", f"--output={output}")
    table = pyarrow.parquet.read_table(output)
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["tmp"], types["val"], types["config"]) == ("int64", "double", "int64")
    assert types["sb_oc"] == "double"
    assert table.column("vm_cmn").null_count > 0


def test_the_papers_command_works_word_for_word(tmp_path: Path) -> None:
    """`--debug=1` writes debug/monitoring.csv in the current folder."""
    debug = tmp_path / "debug"
    topology = debug / "topology_EPYC-7662-exp.json"
    slackvm_local("topology", "--preset", "epyc-7662", "--output", topology)
    (debug / "monitoring-EPYC7662-ocall.csv").write_text(trace(GUESTS, TIMES))
    slackvm_local(
        "--topology=debug/topology_EPYC-7662-exp.json",
        "--load=debug/monitoring-EPYC7662-ocall.csv",
        "--debug=1",
        cwd=tmp_path,
    )
    assert {row["config"] for row in rows(debug / "monitoring.csv") if row["rec"] == "global"} == {
        "232",
        "1031742",
    }


def test_names_with_quotes_survive_parquet(tmp_path: Path) -> None:
    source, output = tmp_path / "in.parquet", tmp_path / "out.csv"
    (tmp_path / "in.csv").write_text(trace([Guest('a"b', 1, 64, 1.0, 0, 0)], [0]))
    slackvm_local(LAPTOP, f"--load={tmp_path / 'in.csv'}", f"--output={source}")
    slackvm_local(LAPTOP, f"--load={source}", f"--output={output}")
    assert {row["vm_cmn"] for row in rows(output)} == {'a"b', "None"}


def test_parquet_is_the_same_however_its_rows_came_together(tmp_path: Path) -> None:
    """Rows added and use spelled otherwise must not show in the file, however large it is."""
    guests = [Guest(f"vm{i}", 1, 1, 2.0, 0, 20_000, 0.25) for i in range(8)]
    bare = trace(guests, range(20_000))
    (tmp_path / "bare.csv").write_text(bare)
    (tmp_path / "spelled.csv").write_text(bare.replace("\t0.25\t", "\t2.5e-1\t"))
    outputs = [tmp_path / f"{number}.parquet" for number in range(3)]
    for source, output in zip(("bare.csv", "spelled.csv", "0.parquet"), outputs, strict=True):
        slackvm_local(LAPTOP, f"--load={tmp_path / source}", f"--output={output}")
    assert pyarrow.parquet.ParquetFile(outputs[0]).num_row_groups > 1
    assert outputs[0].read_bytes() == outputs[1].read_bytes() == outputs[2].read_bytes()


def test_another_selection_takes_other_cpus(tmp_path: Path) -> None:
    text = trace([Guest("a", 1, 64, 1.0, 0, 0), Guest("b", 1, 64, 2.0, 0, 0)], [0])
    guests_of = {}
    for selection in ("paper", "compact"):
        replay(tmp_path, text, f"--selection={selection}")
        guests_of[selection] = vnodes_by_time(tmp_path / "out.csv")[0]
    assert [vnode[0] for vnode in guests_of["paper"].values()] == [[0], [1]]
    assert [vnode[0] for vnode in guests_of["compact"].values()] == [[0], [1]]


def test_levels_come_and_go_freely(tmp_path: Path) -> None:
    guests = [Guest(f"vm{i}", 1, 1, round(1 + i / 1000, 3), i, i) for i in range(400)]
    written = replay(tmp_path, trace(guests, range(401)))
    assert sum(row["rec"] == "vm" for row in written) == 2 * 400


def test_settings_come_from_the_file_and_the_command_line(tmp_path: Path) -> None:
    text = trace([Guest(f"vm{i}", 1, 64, 2.0, 0, 0) for i in range(3)], [0])
    (tmp_path / "settings").write_text("OVSB_CRITICAL_SIZE=3\n")
    replay(tmp_path, text, f"--env-file={tmp_path / 'settings'}")
    assert vnodes_by_time(tmp_path / "out.csv")[0]["subset-2.0"][2] == [0, 4]
    replay(tmp_path, text)
    assert len(vnodes_by_time(tmp_path / "out.csv")[0]["subset-2.0"][2]) == 8
