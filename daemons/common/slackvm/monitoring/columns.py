"""Reading a recording from a file into coded columns, and where a file is broken.

Nearly all of a recording repeats, so every column but time and use is read as codes into a short
list of the texts that occur; rules are then checked once per text instead of once per row.
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from slackvm.monitoring.record import COLUMNS, HEADER, NONE, TraceError, quoted

_TEXT = pa.dictionary(pa.int32(), pa.string())
_TYPES = dict.fromkeys(COLUMNS, _TEXT) | {"tmp": pa.int64(), "val": pa.float64()}
_NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SCAN = 1 << 22


@dataclass(frozen=True)
class Coded:
    """A column of texts: `texts[codes[row]]`.

    Attributes:
        codes: shape (rows,).
        texts: each text that occurs, once.
    """

    codes: NDArray[np.int32]
    texts: list[str]

    def first_row(self, code: int) -> int:
        """Return the first row that holds the text of this code."""
        return int(np.argmax(self.codes == code))


@dataclass(frozen=True)
class Lines:
    """Rows as the bytes that stand for them in a CSV file.

    Attributes:
        data: the bytes.
        ends: where each row ends, behind its newline, shape (rows + 1,); the first entry is where
            the first row begins.
    """

    data: bytes
    ends: NDArray[np.int64]

    def __getitem__(self, row: int) -> bytes:
        """Return one row with its newline."""
        return self.data[self.ends[row] : self.ends[row + 1]]


class Columns:
    """The columns of one file; `line(row)` tells where a row stands in it."""

    def __init__(self, path: Path, table: pa.Table, lines: Lines | None) -> None:
        self.path = path
        self.rows = table.num_rows
        self._table = table.unify_dictionaries().combine_chunks()
        self._lines = lines

    def numbers(self, name: str) -> NDArray[np.generic]:
        """Return the column `tmp` (int64) or `val` (float64), shape (rows,)."""
        numbers: NDArray[np.generic] = self._column(name).to_numpy(zero_copy_only=False)
        return numbers

    def coded(self, name: str) -> Coded:
        """Return a column of texts."""
        column = self._column(name)
        return Coded(column.indices.to_numpy(zero_copy_only=False), column.dictionary.to_pylist())

    @cached_property
    def lines(self) -> Lines:
        """The rows as CSV: the file's own bytes, or (Parquet) written anew."""
        return self._lines or _rendered(self._table)

    def error(self, problem: str, row: int, column: str) -> TraceError:
        """Return an error about one row."""
        first_line = 1 if self._lines is None else 2
        return TraceError(self.path, problem, row + first_line, column)

    def _column(self, name: str) -> pa.Array:
        column = self._table.column(name)
        return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def read_columns(path: Path) -> Columns:
    """Read a recording: Parquet by its ending, otherwise CSV, gzipped or not.

    Raises:
        TraceError: the file cannot be read, or is not made of such columns.
    """
    try:
        if path.suffix == ".parquet":
            return _read_parquet(path)
        return _read_csv(path, _decompressed(path.read_bytes()))
    except OSError as error:
        raise TraceError(path, error.strerror or str(error)) from error
    except (EOFError, zlib.error) as error:
        raise TraceError(path, f"the compressed file is damaged: {error}") from error


def _decompressed(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _read_csv(path: Path, data: bytes) -> Columns:
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if not data.startswith(HEADER):
        problem = (
            "the file is empty" if not data else "the header is not the columns of a recording"
        )
        raise TraceError(path, f"{problem}; needed, tab separated: {' '.join(COLUMNS)}", 1)
    if len(data) == len(HEADER):
        raise TraceError(path, "there is no row behind the header", 2)
    if not data.endswith(b"\n"):
        data += b"\n"
    ends = _line_ends(data)
    longest = int(np.diff(ends).max())
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            read_options=pyarrow.csv.ReadOptions(
                column_names=list(COLUMNS), skip_rows=1, block_size=max(1 << 20, 2 * longest)
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=_TYPES, null_values=[], strings_can_be_null=False
            ),
        )
        if table.num_rows == len(ends) - 1:
            return Columns(path, table, Lines(data, ends))
        problem = "a line is broken by a stray carriage return"
    except pa.ArrowInvalid as error:
        problem = str(error)
    raise _first_broken_line(path, data, ends) or TraceError(path, problem)


def _line_ends(data: bytes) -> NDArray[np.int64]:
    """Return the ends of all lines of `data`, the header's first."""
    everything = np.frombuffer(data, dtype=np.uint8)
    newline = ord("\n")
    found = [
        np.flatnonzero(everything[start : start + _SCAN] == newline) + (start + 1)
        for start in range(0, len(data), _SCAN)
    ]
    return np.concatenate(found)


def _first_broken_line(path: Path, data: bytes, ends: NDArray[np.int64]) -> TraceError | None:
    """Return the error of the first line that is not eleven fields of the right types."""
    for row, (start, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        fields = data[start : end - 1].split(b"\t")
        line = row + 2
        if len(fields) != len(COLUMNS):
            problem = f"{len(fields)} columns instead of {len(COLUMNS)}: the line is cut or damaged"
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
    if column == "tmp" and not re.fullmatch(rb"[0-9]{1,18}", field):
        return f"{shown} is not a time in whole seconds"
    if column == "val" and not _NUMBER.fullmatch(field):
        return f"{shown} is not a number"
    return None


def _read_parquet(path: Path) -> Columns:
    try:
        table = pyarrow.parquet.read_table(path)
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise TraceError(path, f"no column {', '.join(missing)}")
        if not table.num_rows:
            raise TraceError(path, "there is no row", 1)
        arrays = {name: _as_coded(name, table.column(name)) for name in COLUMNS}
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise TraceError(path, f"not a readable Parquet recording: {error}") from error
    arrays["sb_oc"] = _memory_levels_as_in_csv(arrays["sb_oc"], arrays["res"])
    return Columns(path, pa.table(arrays), None)


def _as_coded(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Return a Parquet column as its CSV counterpart is read."""
    if _TYPES[name] != _TEXT:
        if column.null_count:
            raise pa.ArrowInvalid(f"column {name} has nulls")
        return column.cast(_TYPES[name])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    column = column.dictionary_encode().combine_chunks()
    coded = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    texts = [str(value) for value in coded.dictionary.to_pylist()]
    codes = pc.fill_null(coded.indices, len(texts)).cast(pa.int32())
    return pa.DictionaryArray.from_arrays(codes, [*texts, NONE])


def _memory_levels_as_in_csv(levels: pa.DictionaryArray, resources: pa.Array) -> pa.DictionaryArray:
    """Return the levels with `1` instead of `1.0` in rows about memory, as CSV has it."""
    texts = levels.dictionary.to_pylist()
    is_memory = pc.equal(pc.cast(resources, pa.string()), "mem")
    if "1.0" not in texts:
        return levels
    is_one = pc.equal(levels.indices, texts.index("1.0"))
    codes = pc.if_else(
        pc.and_(is_memory, is_one), pa.scalar(len(texts), pa.int32()), levels.indices
    )
    return pa.DictionaryArray.from_arrays(codes, [*texts, "1"])


def _rendered(table: pa.Table) -> Lines:
    """Return the rows as CSV; descriptions, which every writer makes anew, are left out."""
    table = table.set_column(
        table.column_names.index("sb_dsc"), "sb_dsc", _undescribed(table.column("sb_dsc"))
    )
    texts = pa.table(
        {
            name: column.cast(pa.string()) if column.type == _TEXT else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    ).select(list(COLUMNS))
    sink = pa.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=True, delimiter="\t", quoting_style="none")
    pyarrow.csv.write_csv(texts, sink, options)
    data = sink.getvalue().to_pybytes()
    return Lines(data, _line_ends(data))


def _undescribed(descriptions: pa.ChunkedArray) -> pa.DictionaryArray:
    coded = descriptions.chunk(0)
    texts = [text if text == NONE else "{}" for text in coded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(coded.indices, pa.array(texts, pa.string()))
