"""Damaged recordings: a clear error and nothing left behind, or a correct replay."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from command import slackvm_local
from recordings import vnodes_by_time
from schedulerlocal.cli import cli
from traces import HEADER, Guest, trace

GUESTS = [
    Guest("web", 2, 2048, 2.0, 0, 45),
    Guest("db", 2, 4096, 1.0, 0, 30),
    Guest("batch", 4, 4096, 3.0, 15, 60),
    Guest("huge", 16, 4096, 1.0, 15, 60),
]
TEXT = trace(GUESTS, range(0, 75, 15), whole=True)
LINES = TEXT.splitlines()


def run(source: Path, output: Path) -> Result:
    """Run the command inside this process, which hundreds of damages need."""
    return CliRunner().invoke(
        cli, ["--topology=i7-1185g7", f"--load={source}", f"--output={output}"]
    )


def changed(line: int, column: int, value: str) -> str:
    """Return the recording with one field replaced; lines are counted from 1 as in a message."""
    lines = list(LINES)
    fields = lines[line - 1].split("\t")
    fields[column - 1] = value
    lines[line - 1] = "\t".join(fields)
    return "\n".join([*lines, ""])


def line_of(pattern: str) -> int:
    return next(number for number, line in enumerate(LINES, 1) if re.search(pattern, line))


GLOBAL, SUBSET, VM = line_of("global\tcpu"), line_of("subset\tcpu"), line_of("vm\tcpu.*web")
VM_MEMORY = line_of("vm\tmem.*web")

DAMAGES: dict[str, tuple[str, str]] = {
    "empty": ("", ":1: the file is empty"),
    "no row": (HEADER + "\n", ":2: there is no row behind the header"),
    "another header": ("time;cpu\n1;2\n", ":1: the header is not that of a recording"),
    "cut line": ("\n".join([*LINES[:7], LINES[7][:20], ""]), ":8: "),
    "cut last line": (TEXT[:-3], f":{len(LINES)}: column 11 (sb_dsc): 'No' is neither"),
    "empty line": (
        "\n".join([*LINES[:7], *["", *LINES[7:]], ""]),
        ":8: an empty line instead of 11 columns",
    ),
    "time in milliseconds": (
        changed(2, 1, "1795839810000"),
        "1795839810000 is no time in seconds: 1e+11 or more; if these are milliseconds, divide by",
    ),
    "time in nanoseconds": (
        changed(2, 1, "1795839810000000000"),
        "if these are nanoseconds, divide by 1000000000",
    ),
    "time is a word": (changed(9, 1, "noon"), ":9: column 1 (tmp): 'noon' is not a time"),
    "time is a fraction": (changed(9, 1, "1.5"), ":9: column 1 (tmp): '1.5' is not a time"),
    "time before 0": (changed(2, 1, "-15"), ":2: column 1 (tmp): '-15' is not a time"),
    "time in other digits": (changed(9, 1, "0x10"), ":9: column 1 (tmp): '0x10' is not a time"),
    "use beyond all measure": (changed(VM, 4, "1e308"), f":{VM}: column 4 (val): 1e+308 is not"),
    "unsorted": (changed(VM, 1, "30"), ": rows are sorted by time"),
    "unknown record": (changed(VM, 2, "guest"), f":{VM}: column 2 (rec): 'guest' is not one of"),
    "unknown resource": (changed(VM, 3, "gpu"), f":{VM}: column 3 (res): 'gpu' is not one of"),
    "use is a word": (changed(VM, 4, "much"), f":{VM}: column 4 (val): 'much' is not a number"),
    "use is nan": (changed(VM, 4, "nan"), f":{VM}: column 4 (val): nan is not a use"),
    "use below 0": (changed(VM, 4, "-0.5"), f":{VM}: column 4 (val): -0.5 is not a use"),
    "size is a word": (changed(VM, 5, "two"), f":{VM}: column 5 (config): 'two' is not a whole"),
    "size is a fraction": (changed(VM, 5, "2.5"), f":{VM}: column 5 (config): '2.5' is not a"),
    "no vNode": (changed(VM, 6, "None"), f":{VM}: column 6 (subset): None in a row about a vNode"),
    "odd vNode": (changed(VM, 6, "level-2"), f":{VM}: column 6 (subset): 'level-2' is not the"),
    "level in memory": (changed(VM_MEMORY, 6, "subset-2.0"), "belongs to subset-1, level 1"),
    "no uuid": (changed(VM, 7, "None"), f":{VM}: column 7 (vm_uuid): None in a row about a VM"),
    "no name": (changed(VM, 8, "None"), f":{VM}: column 8 (vm_cmn): None in a row about a VM"),
    "another name": (changed(VM, 8, "wed"), "column 8 (vm_cmn): 'wed' has the UUID of 'web'"),
    "control character": (changed(VM, 8, "we\x07b"), "column 8 (vm_cmn): 'we\\x07b' is not a name"),
    "level below 1": (
        "\n".join(LINES).replace("web\t2.0", "web\t0.5").replace("subset-2.0", "subset-0.5"),
        "column 9 (sb_oc): level ",
    ),
    "level of four places": (
        trace([Guest("a", 1, 1, 2.0001, 0, 0)], [0]),
        "at most three decimals",
    ),
    "contradicting level": (changed(VM, 9, "3.0"), f":{VM}: column 9 (sb_oc): level 3.0 in the"),
    "unused is a word": (changed(SUBSET, 10, "x"), f":{SUBSET}: column 10 (sb_unused): 'x' is not"),
    "broken description": (changed(SUBSET, 11, "{"), f":{SUBSET}: column 11 (sb_dsc): '{{' is nei"),
    "row twice": ("\n".join([*LINES[:VM], LINES[VM - 1], *LINES[VM:], ""]), "a second row about"),
    "host row twice": (
        "\n".join([LINES[0], LINES[GLOBAL - 1], *LINES[1:], ""]),
        "a second row about the same thing",
    ),
    "no memory rows": (
        "\n".join(line for line in LINES if "vm\tmem" not in line or "web" not in line),
        "VM 'web' has no mem row in the whole file",
    ),
    "no cpu rows": (
        "\n".join(line for line in LINES if "vm\tcpu" not in line or "web" not in line),
        "VM 'web' has no cpu row in the whole file",
    ),
    "memory rows only before it arrives": (
        trace([Guest("a", 1, 1, 2.0, 15, 15)], [15])
        + "30\tvm\tcpu\t0.5\t1\tsubset-2.0\tu\tb\t2.0\tNone\tNone\n"
        + "45\tvm\tmem\t0.5\t1\tsubset-1\tu\tb\t1\tNone\tNone\n",
        ":5: column 1 (tmp): VM 'b' has no mem row while it has cpu rows",
    ),
    "size beyond all measure": (
        trace([Guest("a", 10**10, 1, 2.0, 0, 0)], [0]),
        ":2: column 5 (config): VM 'a': vcpus 10000000000 is not allowed",
    ),
    "size of zero": (
        trace([Guest("a", 0, 1, 2.0, 0, 0)], [0]),
        ":2: column 5 (config): VM 'a': vcpus 0 is not allowed",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_the_error_names_file_line_and_column(name: str, tmp_path: Path) -> None:
    text, message = DAMAGES[name]
    source, output = tmp_path / "trace.csv", tmp_path / "out.csv"
    source.write_text(text)
    result = run(source, output)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"Error: {source}:")
    assert message.replace("{{", "{") in result.stderr
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["trace.csv"]


def test_a_changed_level_of_a_vm_is_an_error(tmp_path: Path) -> None:
    text = trace([Guest("a", 1, 1, 2.0, 0, 15)], [0, 15])
    place = text.rindex("subset-2.0")
    end = text[place:].replace("subset-2.0", "subset-3.0").replace("a\t2.0", "a\t3.0")
    text = text[:place] + end
    (tmp_path / "trace.csv").write_text(text)
    result = run(tmp_path / "trace.csv", tmp_path / "out.csv")
    assert result.exit_code == 2
    assert ":4: column 9 (sb_oc): level 3.0 of a VM that has level 2.0 before" in result.stderr


@pytest.mark.parametrize("name", ["missing.csv", ".", "missing.parquet"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    result = run(tmp_path / name, tmp_path / "out.csv")
    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text(TEXT)
    result = run(tmp_path / "trace.csv", Path("/dev/null/out.csv"))
    assert result.exit_code == 1
    assert "/dev/null" in result.stderr


def test_an_output_of_unknown_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text(TEXT)
    result = run(tmp_path / "trace.csv", tmp_path / "out.xlsx")
    assert result.exit_code == 2
    assert ".csv, .csv.gz, .parquet" in result.stderr


def test_an_output_that_was_there_survives_a_failed_replay(tmp_path: Path) -> None:
    source, output = tmp_path / "trace.csv", tmp_path / "out.csv"
    source.write_text(TEXT)
    assert run(source, output).exit_code == 0
    before = output.read_bytes()
    source.write_text(TEXT[:-40])
    assert run(source, output).exit_code == 2
    assert output.read_bytes() == before


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """`/dev/full` accepts no byte."""
    (tmp_path / "trace.csv").write_text(TEXT)
    (tmp_path / "full.csv").symlink_to("/dev/full")
    result = slackvm_local(
        "--topology=i7-1185g7",
        f"--load={tmp_path / 'trace.csv'}",
        f"--output={tmp_path / 'full.csv'}",
        expect=1,
    )
    assert "No space left on device" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full.csv", "trace.csv"]


Damage = Callable[[bytes], bytes]

positions = st.floats(0, 1, exclude_max=True)


def at(data: bytes, place: float) -> int:
    return int(place * len(data))


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """Return a way to cut, swap, flip, repeat or overwrite bytes or lines."""
    kind = draw(st.sampled_from(["cut", "drop", "flip", "swap", "repeat", "write", "lines"]))
    one, two = sorted((draw(positions), draw(positions)))
    bit = draw(st.integers(0, 7))
    texts = [b"\t", b"\n", b"\r", b"\0", b"\xff", b'"', b"None", b"1e999", b"-"]
    junk = draw(st.sampled_from(texts))

    def damage(data: bytes) -> bytes:
        a, b = at(data, one), at(data, two)
        if kind == "lines":
            lines = data.split(b"\n")
            i, j = at(b" " * len(lines), one), at(b" " * len(lines), two)
            lines[i], lines[j] = lines[j], lines[i]
            return b"\n".join(lines)
        return {
            "cut": data[:a],
            "drop": data[:a] + data[b:],
            "flip": data[:a] + bytes([data[a] ^ 1 << bit]) + data[a + 1 :] if data else data,
            "swap": data[:a] + data[b : b + 9] + data[a + 9 : b] + data[a : a + 9] + data[b + 9 :],
            "repeat": data[:b] + data[a:],
            "write": data[:a] + junk + data[a:],
        }[kind]

    return damage


def check(source: Path, output: Path) -> None:
    """Replay; after an error nothing is left, after success the output replays to itself."""
    output.unlink(missing_ok=True)
    files = {path.name for path in source.parent.iterdir()}
    result = run(source, output)
    assert isinstance(result.exception, (SystemExit, type(None))), repr(result.exception)
    if result.exit_code == 0:
        assert "VMs placed" in result.stdout
        vnodes_by_time(output)
        again = output.with_name("again.csv")
        assert run(output, again).exit_code == 0
        assert again.read_bytes() == output.read_bytes()
        again.unlink()
        output.unlink()
    else:
        assert result.exit_code == 2, result.output
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
    assert {path.name for path in source.parent.iterdir()} == files


FUZZ = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(st.lists(damages(), min_size=1, max_size=3))
def test_any_damage_to_a_csv_file_ends_well(tmp_path: Path, damage: list[Damage]) -> None:
    data = TEXT.encode()
    for each in damage:
        data = each(data) or b"\n"
    source = tmp_path / "trace.csv"
    source.write_bytes(data)
    check(source, tmp_path / "out.csv")


@FUZZ
@given(st.lists(damages(), min_size=1, max_size=2))
def test_any_damage_to_a_compressed_file_ends_well(tmp_path: Path, damage: list[Damage]) -> None:
    data = gzip.compress(TEXT.encode(), mtime=0)
    for each in damage:
        data = each(data) or b"\n"
    source = tmp_path / "trace.csv.gz"
    source.write_bytes(data)
    check(source, tmp_path / "out.csv")


@FUZZ
@given(st.lists(damages(), min_size=1, max_size=2))
def test_any_damage_to_a_parquet_file_ends_well(tmp_path: Path, damage: list[Damage]) -> None:
    plain, source = tmp_path / "plain.csv", tmp_path / "trace.parquet"
    if not source.exists():
        plain.write_text(TEXT)
        assert run(plain, source).exit_code == 0
        plain.unlink()
        source.rename(tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    for each in damage:
        data = each(data) or b"\n"
    source.write_bytes(data)
    check(source, tmp_path / "out.csv")
    source.unlink()


def test_a_loop_of_links_is_a_failure_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text(TEXT)
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    result = run(tmp_path / "trace.csv", tmp_path / "loop.csv")
    assert result.exit_code == 1
    assert "symbolic links" in result.stderr


def test_an_output_keeps_the_mode_of_the_file_that_it_replaces(tmp_path: Path) -> None:
    source, output = tmp_path / "trace.csv", tmp_path / "out.csv"
    source.write_text(TEXT)
    output.touch(mode=0o600)
    assert run(source, output).exit_code == 0
    assert output.stat().st_mode & 0o777 == 0o600


def test_a_parquet_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "trace.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"tmp": [1], "rec": ["vm"]}), source)
    result = run(source, tmp_path / "out.csv")
    assert result.exit_code == 2
    assert "no column res, val, config" in result.stderr
