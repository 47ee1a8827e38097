"""Reading a recording from a CSV or Parquet file, and where a file is broken."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from slackvm.formats.contents import ContentsError, is_parquet, read_contents, without_bom
from slackvm.formats.monitoring.columns import Columns, Lines, line_ends
from slackvm.formats.monitoring.parquet import as_in_csv
from slackvm.formats.monitoring.record import COLUMNS, HEADER, NONE, UNCHANGED, TraceError, quoted
from slackvm.formats.monitoring.splitting import parse_csv, split_rows
from slackvm.formats.typed_columns import ColumnError

_NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WAIT = '{"wait":'
_PIECE = 8 << 20
"""Bytes of CSV that are read at a time."""
_BATCH = 1 << 17
"""Rows of Parquet that are read at a time."""


def read_columns(path: Path, *, with_lines: bool = True) -> Columns:
    """Read a recording: CSV or Parquet, perhaps compressed by gzip or zstd; `-` is standard input.

    Args:
        path: the file.
        with_lines: whether the rows are kept as CSV, too.

    Raises:
        TraceError: the file cannot be read, or is not made of such columns.
    """
    try:
        data = read_contents(path)
    except ContentsError as error:
        raise TraceError(path, str(error)) from error
    except OSError as error:
        raise TraceError(path, error.strerror or str(error)) from error
    if is_parquet(data) or path.suffix == ".parquet":
        return _read_parquet(path, data, with_lines)
    return _read_csv(path, without_bom(data), with_lines)


def _read_csv(path: Path, data: bytes, with_lines: bool) -> Columns:
    has_returns = b"\r" in data
    if has_returns:
        data = data.replace(b"\r\n", b"\n")
        has_returns = b"\r" in data
    if not data.startswith(HEADER):
        problem = "the file is empty" if not data else "the header is not that of a recording"
        raise TraceError(path, f"{problem}; needed, tab separated: {' '.join(COLUMNS)}", 1)
    if len(data) == len(HEADER):
        raise TraceError(path, "there is no row behind the header", 2)
    if not data.endswith(b"\n"):
        data += b"\n"
    ends = line_ends(data)
    if has_returns:
        broken = _first_broken_line(path, data, ends, 0)
        raise broken or TraceError(path, "a stray carriage return")
    columns = Columns(path, len(ends) - 1, first_line=2)
    if with_lines:
        columns.lines = Lines(data, ends)
    _add_rows(columns, data, ends)
    return columns


def _add_rows(columns: Columns, data: bytes, ends: NDArray[np.int64]) -> None:
    """Add all rows of a CSV file, some at a time.

    Args:
        columns: of the file, without rows.
        data: the file.
        ends: where each row ends, see `Lines`.
    """
    buffer = pa.py_buffer(data)
    first = 0
    while first < len(ends) - 1:
        last = int(np.searchsorted(ends, ends[first] + _PIECE, side="right")) - 1
        last = max(last, first + 1)
        text, here = buffer[int(ends[first]) : int(ends[last])], ends[first : last + 1]
        rows = split_rows(text, here - here[0])
        if rows is not None:
            columns.add_split(rows)
        else:
            try:
                piece = parse_csv(text)
                if piece.num_rows != last - first:
                    raise pa.ArrowInvalid("a stray line break")
            except pa.ArrowInvalid as error:
                broken = _first_broken_line(columns.path, data, ends, first)
                raise broken or TraceError(columns.path, str(error)) from None
            columns.add(piece)
        first = last


def _first_broken_line(
    path: Path, data: bytes, ends: NDArray[np.int64], first: int
) -> TraceError | None:
    """Return the error of the first line, from row `first` on, that is not eleven good fields."""
    for row in range(first, len(ends) - 1):
        fields = data[ends[row] : ends[row + 1] - 1].split(b"\t")
        line = row + 2
        if len(fields) != len(COLUMNS):
            found = f"{len(fields)} columns" if fields != [b""] else "an empty line"
            problem = f"{found} instead of {len(COLUMNS)} columns: the line is cut or damaged"
            return TraceError(path, problem, line)
        for column, field in zip(COLUMNS, fields, strict=True):
            broken = _broken_field(column, field)
            if broken:
                return TraceError(path, broken, line, column)
    return None


def _broken_field(column: str, field: bytes) -> str | None:
    try:
        shown = quoted(field.decode())
    except UnicodeDecodeError:
        return f"{field[:40]!r} is not text in UTF-8"
    if b"\r" in field:
        return f"{shown} has a stray carriage return"
    if column == "val" and not _NUMBER.fullmatch(field):
        return f"{shown} is not a number"
    return None


def _read_parquet(path: Path, data: bytes, with_lines: bool) -> Columns:
    try:
        with pyarrow.parquet.ParquetFile(
            pa.BufferReader(data), page_checksum_verification=True
        ) as file:
            _check_columns(path, file.schema_arrow.names)
            rows = file.metadata.num_rows
            if not rows:
                raise TraceError(path, "there is no row", 1)
            columns = Columns(path, rows, first_line=1)
            sink = pa.BufferOutputStream()
            for batch in file.iter_batches(_BATCH, columns=list(COLUMNS)):
                try:
                    piece = as_in_csv(pa.Table.from_batches([batch]))
                except ColumnError as error:
                    row = None if error.row is None else columns.filled + error.row
                    raise columns.error(str(error), row, error.column) from None
                columns.add(piece)
                if with_lines:
                    _render(piece, sink)
    except TraceError:
        raise
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise TraceError(path, f"not a readable Parquet recording: {reason}") from error
    if columns.filled != rows:
        raise TraceError(path, "it has fewer rows than it says")
    if with_lines:
        # A line break in a text would end a line early; the rules refuse it for every column.
        lines = sink.getvalue().to_pybytes()
        columns.lines = Lines(lines, np.concatenate([[0], line_ends(lines)]))
    return columns


def _check_columns(path: Path, names: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise TraceError(path, f"no column {', '.join(missing)}; needed: {' '.join(COLUMNS)}")
    if any(names.count(name) > 1 for name in COLUMNS):
        raise TraceError(path, "a column is there twice")


def _render(piece: pa.Table, sink: pa.BufferOutputStream) -> None:
    """Append rows as CSV; descriptions of vNodes, which a replay makes itself, are left out."""
    texts = {
        name: column.cast(pa.string()) for name, column in zip(COLUMNS, piece.columns, strict=True)
    }
    told = texts["sb_dsc"]
    # How long a VM waited, or nothing.
    is_of_vm = pc.or_(pc.equal(told, NONE), pc.starts_with(told, _WAIT))
    texts["sb_dsc"] = pc.if_else(
        is_of_vm, pc.binary_join_element_wise(told, "\n", ""), f"{UNCHANGED}\n"
    )
    lines = pc.binary_join_element_wise(*texts.values(), "\t")
    for chunk in lines.chunks:
        offsets = np.frombuffer(chunk.buffers()[1], dtype=np.int32)
        first, last = offsets[chunk.offset], offsets[chunk.offset + len(chunk)]
        sink.write(chunk.buffers()[2][int(first) : int(last)])
