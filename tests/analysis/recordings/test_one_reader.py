"""Figures and replay read one recording by one set of rules: both accept it, or neither."""

import datetime as dt
import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from schedulerlocal.cli import cli
from slackanalysis.contention.tenants import recorded_tenants
from slackanalysis.recordings.host import count_vms, read_host, read_vnodes
from slackanalysis.recordings.vms import read_levels, read_vm_use
from slackvm.formats.monitoring.writing import SCHEMA
from traces import Guest, trace

GUESTS = [
    Guest("a", 2, 2048, 1.0, 0, 45),
    Guest("b", 4, 4096, 2.0, 0, 30),
    Guest("c", 3, 2048, 3.0, 15, 45),
]
TEXT = trace(GUESTS, range(0, 60, 15), whole=True)
READERS = (read_host, read_vnodes, read_levels, read_vm_use, count_vms, recorded_tenants)


def timed(times: Callable[[int], object]) -> bytes:
    """Return the recording with other times."""
    header, *lines = TEXT.splitlines()
    rows = [line.partition("\t") for line in lines]
    return "\n".join([header, *(f"{times(int(row[0]))}\t{row[2]}" for row in rows), ""]).encode()


def refusals(path: Path) -> set[str | None]:
    """Return what replay and figures say; None stands for a recording that is read."""
    options = ["--topology=epyc-7662", f"--load={path}", f"--output={path.parent / 'out.csv'}"]
    result = CliRunner().invoke(cli, options)
    assert result.exit_code in (0, 2), result.output
    message: set[str | None] = {result.stderr.removeprefix("Error: ").strip() or None}
    for read in READERS:
        try:
            read(path)
            message.add(None)
        except ValueError as error:
            message.add(str(error))
    return message


GOOD: dict[str, bytes] = {
    "plain": TEXT.encode(),
    "byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "carriage returns": TEXT.replace("\n", "\r\n").encode(),
    "no line end": TEXT.rstrip("\n").encode(),
    "sizes as 2.0": TEXT.replace("\t2048\t", "\t2048.0\t").encode(),
    "live": timed(lambda time: 1_795_839_810 + time),
    "gzip": gzip.compress(TEXT.encode()),
    "zstd": pa.compress(TEXT.encode(), "zstd", asbytes=True),
}


@pytest.mark.parametrize("name", GOOD)
def test_figures_and_replay_accept(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recording.csv"
    path.write_bytes(GOOD[name])
    assert refusals(path) == {None}
    path.with_name("plain.csv").write_text(TEXT)
    plain = read_vnodes(path.with_name("plain.csv"))
    assert read_vnodes(path).drop(columns="time_s").equals(plain.drop(columns="time_s"))


BAD: dict[str, tuple[bytes, str]] = {
    "blank line": (TEXT.replace("\n30", "\n\n30", 1).encode(), "an empty line instead of 11"),
    "milliseconds": (timed(lambda time: (1_795_839_810 + time) * 1000), "if these are millisec"),
    "microseconds": (timed(lambda time: (1_795_839_810 + time) * 10**6), "if these are microsec"),
    "nanoseconds": (timed(lambda time: (1_795_839_810 + time) * 10**9), "if these are nanosecond"),
    "before 0": (timed(lambda time: time - 5), "'-5' is not a time"),
    "unsorted": (timed(lambda time: 45 - time), "rows are sorted by time"),
    "nan": (TEXT.replace("0.5", "nan", 1).encode(), "nan is not a use"),
    "too much use": (TEXT.replace("0.5", "inf", 1).encode(), "inf is not a use"),
    "level in words": (TEXT.replace("a\t1.0", "a\tone").encode(), "not an oversubscription level"),
    "cut gzip": (gzip.compress(TEXT.encode())[:-20], "the gzip data is cut or damaged"),
    "cut zstd": (pa.compress(TEXT.encode(), "zstd", asbytes=True)[:-20], "the zstd data is cut"),
    "empty": (b"", "the file is empty"),
    "mark in a size": (TEXT.replace("\t8\t", "\t\ufeff8\t", 1).encode(), "2: column 5 (config)"),
    "mark before a time": (TEXT.replace("\n", "\n\ufeff", 1).encode(), "a byte order mark"),
    "UTF-16": (TEXT.encode("utf-16"), "the header is not that of a recording"),
}


@pytest.mark.parametrize("name", BAD)
def test_figures_and_replay_refuse_with_one_message(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recording.csv"
    content, reason = BAD[name]
    path.write_bytes(content)
    (message,) = refusals(path)
    assert message is not None
    assert reason in message
    assert message.startswith(f"{path}:")
    assert "\n" not in message
    assert not (tmp_path / "out.csv").exists()


def table() -> pa.Table:
    """Return the recording as a typed table."""
    header, *lines = TEXT.splitlines()
    columns = zip(*(line.split("\t") for line in lines), strict=True)
    texts = {
        name: pa.array([None if text == "None" else text for text in column])
        for name, column in zip(header.split("\t"), columns, strict=True)
    }
    return pa.table({field.name: texts[field.name].cast(field.type) for field in SCHEMA})


def with_column(name: str, convert: Callable[[list[object]], pa.Array]) -> pa.Table:
    whole = table()
    place = whole.column_names.index(name)
    return whole.set_column(place, name, convert(whole.column(name).to_pylist()))


def times(unit: str, zone: str | None = None) -> Callable[[list[object]], pa.Array]:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC if zone else None)
    return lambda seconds: pa.array(
        [start + dt.timedelta(seconds=int(str(each))) for each in seconds],
        pa.timestamp(unit, zone),
    )


def durations(unit: str) -> Callable[[list[object]], pa.Array]:
    return lambda seconds: pa.array(
        [dt.timedelta(seconds=int(str(each))) for each in seconds], pa.duration(unit)
    )


NEW_YEAR = 1_767_225_600
GOOD_TYPES: dict[str, tuple[pa.Table, int]] = {
    "as written": (table(), 0),
    "timestamps in s": (with_column("tmp", times("s")), NEW_YEAR),
    "timestamps in ms": (with_column("tmp", times("ms")), NEW_YEAR),
    "timestamps in ns with a zone": (with_column("tmp", times("ns", "Asia/Tokyo")), NEW_YEAR),
    "durations in us": (with_column("tmp", durations("us")), 0),
    "floats": (with_column("tmp", lambda v: pa.array(v, pa.float64())), 0),
    "decimals": (with_column("tmp", lambda v: pa.array(v).cast(pa.decimal128(21, 2))), 0),
    "unsigned": (with_column("tmp", lambda v: pa.array(v, pa.uint16())), 0),
    "coded": (with_column("tmp", lambda v: pa.array(v).dictionary_encode()), 0),
    "sizes as floats": (with_column("config", lambda v: pa.array(v, pa.float64())), 0),
    "use as decimals": (
        with_column("val", lambda v: pa.array([Decimal(str(each)) for each in v])),
        0,
    ),
    "short levels": (with_column("sb_oc", lambda v: pa.array(v, pa.float32())), 0),
    "large text": (with_column("vm_cmn", lambda v: pa.array(v, pa.large_string())), 0),
    "coded text": (with_column("rec", lambda v: pa.array(v).dictionary_encode()), 0),
}


@pytest.mark.parametrize("name", GOOD_TYPES)
def test_typed_columns_are_converted_with_their_unit(name: str, tmp_path: Path) -> None:
    path, plain = tmp_path / "recording.parquet", tmp_path / "plain.csv"
    typed, start = GOOD_TYPES[name]
    pyarrow.parquet.write_table(typed, path)
    plain.write_text(TEXT)
    assert refusals(path) == {None}
    expected = read_vnodes(plain).assign(time_s=lambda frame: frame["time_s"] + start)
    assert read_vnodes(path).equals(expected)
    assert read_levels(path)["vms"].equals(read_levels(plain)["vms"])


def halves(values: list[object]) -> list[int]:
    return [int(float(str(each)) * 1000) + 500 for each in values]


BAD_TYPES: dict[str, tuple[pa.Table, str]] = {
    "half seconds": (
        with_column("tmp", lambda v: pa.array(halves(v), pa.timestamp("ms"))),
        ":1: column 1 (tmp): 1970-01-01 00:00:00.500 is not on a whole second",
    ),
    "half durations": (
        with_column("tmp", lambda v: pa.array(halves(v), pa.duration("ms"))),
        ":1: column 1 (tmp): 500 ms is not on a whole second",
    ),
    "a fraction": (
        with_column("tmp", lambda v: pa.array([*v[:-1], 45.5], pa.float64())),
        f":{len(table())}: column 1 (tmp): 45.5 is not a time in whole seconds",
    ),
    "no time": (
        with_column("tmp", lambda v: pa.array([*v[:-1], None], pa.int64())),
        f":{len(table())}: column 1 (tmp): None is not a time",
    ),
    "truth as time": (
        with_column("tmp", lambda v: pa.array([False] * len(v))),
        ": column 1 (tmp): the column is of type bool; needed: whole seconds, timestamps or dur",
    ),
    "time of day": (
        with_column("tmp", lambda v: pa.array(v, pa.int32()).cast(pa.time32("s"))),
        ": column 1 (tmp): the column is of type time32[",
    ),
    "nanoseconds": (
        with_column("tmp", lambda v: pa.array([NEW_YEAR * 10**9] * len(v))),
        "if these are nanoseconds",
    ),
    "truth as use": (
        with_column("val", lambda v: pa.array([True] * len(v))),
        "column 4 (val): the column is of type bool; needed: a number",
    ),
    "durations as use": (
        with_column("val", lambda v: pa.array([1] * len(v), pa.duration("s"))),
        "column 4 (val): the column is of type duration[s]; needed: a number",
    ),
    "no use": (
        with_column("val", lambda v: pa.array([None, *v[1:]], pa.float64())),
        ":1: column 4 (val): None is not a number",
    ),
    "durations as size": (
        with_column("config", lambda v: pa.array(v, pa.duration("s"))),
        "column 5 (config): the column is of type duration[s]; needed: a number",
    ),
    "truth as level": (
        with_column("sb_oc", lambda v: pa.array([None if e is None else True for e in v])),
        "column 9 (sb_oc): the column is of type bool; needed: a number",
    ),
    "bytes as UUID": (
        with_column("vm_uuid", lambda v: pa.array(v, pa.string()).cast(pa.binary())),
        "column 7 (vm_uuid): the column is of type binary; needed: text",
    ),
    "line break in a name": (
        with_column("vm_cmn", lambda v: pa.array([e and f"{e}\n" for e in v], pa.string())),
        "is not a name",
    ),
}


@pytest.mark.parametrize("name", BAD_TYPES)
def test_columns_of_other_types_are_refused_by_both(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recording.parquet"
    typed, reason = BAD_TYPES[name]
    pyarrow.parquet.write_table(typed, path)
    (message,) = refusals(path)
    assert message is not None
    assert reason in message
    assert message.startswith(f"{path}:")
    assert "\n" not in message


def test_a_row_of_parquet_is_counted_through_all_pieces(tmp_path: Path) -> None:
    rows = 300_000
    typed = {name: pa.array([None] * rows, pa.string()) for name in SCHEMA.names}
    typed["tmp"] = pa.array(np.append(np.arange(rows - 1), rows + 0.5))
    typed["rec"], typed["res"] = (pa.array([text] * rows) for text in ("global", "cpu"))
    typed["val"], typed["config"] = pa.array([0.5] * rows), pa.array([8] * rows)
    pyarrow.parquet.write_table(pa.table(typed), tmp_path / "long.parquet")
    with pytest.raises(ValueError, match=r"parquet:300000: column 1 \(tmp\): 300000\.5 is not"):
        read_host(tmp_path / "long.parquet")


def test_contents_count_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "recording.csv"
    pyarrow.parquet.write_table(table(), path)
    assert refusals(path) == {None}
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert refusals(path) == {None}


@pytest.mark.parametrize("name", ["plain", "gzip", "zstd"])
def test_a_replay_reads_standard_input_and_pipes(name: str, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    outputs = []
    for number, source in enumerate(("-", "/dev/stdin", str(fifo))):
        output = tmp_path / f"{number}.csv"
        options = ["--topology=epyc-7662", f"--load={source}", f"--output={output}"]
        if source == str(fifo):
            threading.Thread(target=fifo.write_bytes, args=[GOOD[name]], daemon=True).start()
        result = subprocess.run(
            [sys.executable, "-m", "schedulerlocal", *options],
            input=GOOD[name],
            capture_output=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        outputs.append(output.read_bytes())
    assert len(set(outputs)) == 1
    assert len(outputs[0]) > 100


def test_invalid_standard_input_is_reported() -> None:
    command = [sys.executable, "-m", "schedulerlocal", "--topology=epyc-7662", "--load=-"]
    damaged = TEXT.replace("0.5", "lots", 1)
    result = subprocess.run(command, input=damaged, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "standard input:" in result.stderr
    assert "'lots' is not a number" in result.stderr
