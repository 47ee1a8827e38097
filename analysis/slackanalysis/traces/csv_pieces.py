"""CSV files of traces, read piece by piece, and what is wrong with one, with the row."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from slackanalysis.progress import Track, untracked
from slackvm.formats.contents import STANDARD_INPUT

_BLOCK_BYTES = 8 << 20
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_WRONG_LENGTH = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


@dataclass(frozen=True)
class Layout:
    """How a CSV file of a trace is laid out.

    Attributes:
        columns: names of all its columns.
        wanted: those that are read.
        header: whether its first line names the columns.
        delimiter: what separates them.
    """

    columns: Sequence[str]
    wanted: Sequence[str]
    header: bool = False
    delimiter: str = ","


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, as text.

    Attributes:
        path: the file.
        first_row: number of its first row, counted from 1 behind the header.
        rows: the rows.
    """

    path: Path
    first_row: int
    rows: pa.RecordBatch

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def row_numbers(self) -> NDArray[np.int64]:
        """Number of each row in the file, shape (rows,)."""
        return np.arange(self.first_row, self.first_row + len(self), dtype=np.int64)

    def texts(self, name: str) -> pa.Array:
        """Return a column as text, without blanks around it."""
        return pc.utf8_trim_whitespace(self.rows.column(name))

    def names(self, name: str) -> pa.Array:
        """Return a column of names, each printable and not empty.

        Raises:
            ValueError: one is not; with its row.
        """
        texts = self.texts(name)
        is_name = pc.and_(pc.utf8_is_printable(texts), pc.greater(pc.utf8_length(texts), 0))
        self.refuse(name, ~_booleans(is_name), "a name: not empty, printable")
        return texts

    def numbers(
        self, name: str, allowed: str = "a number", lowest: float = -np.inf
    ) -> NDArray[np.float64]:
        """Return a column of finite numbers, shape (rows,).

        Raises:
            ValueError: one is no number, or less than `lowest`; with its row, and `allowed`.
        """
        texts = self.texts(name)
        numbers = as_numbers(texts)
        self.refuse(name, ~np.isfinite(numbers) | (numbers < lowest), allowed)
        return numbers

    def refuse(self, name: str, wrong: NDArray[np.bool_], allowed: str) -> None:
        """Refuse the file where a value is wrong.

        Args:
            name: the column.
            wrong: which rows are wrong.
            allowed: what the column has, for the message.

        Raises:
            ValueError: there is one; with its row.
        """
        if wrong.any():
            row = int(np.argmax(wrong))
            found = self.texts(name)[row].as_py()
            raise row_error(self.path, self.first_row + row, f"{name}: {found!r} is not {allowed}")


def row_error(path: Path, row: int, problem: str) -> ValueError:
    """Return the error about a row, counted from 1 behind the header."""
    return ValueError(f"{path}: row {row}: {problem}")


def as_numbers(texts: pa.Array) -> NDArray[np.float64]:
    """Return text as numbers; NaN where it is no finite number."""
    try:
        numbers = pc.cast(texts, pa.float64())
        return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowInvalid:
        # Slower, and only where something is wrong: it finds which.
        column = pd.Series(texts.to_pylist(), dtype=object)
        return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def read_pieces(path: Path, layout: Layout, track: Track = untracked) -> Iterator[Piece]:
    """Yield the rows of a CSV file, piece by piece, in the order of the file.

    Args:
        path: the file, gzip or zstd by its content; `-` is standard input.
        layout: how it is laid out.
        track: shows how many bytes of the file are read.

    Raises:
        ValueError: the file cannot be read as this, or has no row; with the row where there is one.
        OSError: the file cannot be opened.
    """
    first = 1
    with _opened(path) as (stream, position):
        advance = track(f"reading {path.name}", position.size) if position.size else None
        try:
            for batch in _batches(stream, layout):
                rows = batch
                if first == 1 and layout.header:
                    _check_header(path, rows, layout)
                    rows = rows.slice(1)
                rows = rows.select(list(layout.wanted))
                if rows.num_rows:
                    yield Piece(path, first, rows)
                    first += rows.num_rows
                if advance:
                    advance(position.advanced())
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _unreadable(path, error, first, layout) from error
    if first == 1:
        raise ValueError(f"{path}: no row in it")


def _batches(stream: pa.NativeFile, layout: Layout) -> Iterator[pa.RecordBatch]:
    # The header is read as a row: so it counts in the row numbers of Arrow.
    names = list(layout.columns)
    include = names if layout.header else list(layout.wanted)
    yield from pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(
            column_names=names, block_size=_BLOCK_BYTES, use_threads=False
        ),
        parse_options=pyarrow.csv.ParseOptions(delimiter=layout.delimiter),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=include,
            column_types={name: pa.string() for name in names},
            strings_can_be_null=False,
        ),
    )


def _check_header(path: Path, rows: pa.RecordBatch, layout: Layout) -> None:
    found = [str(rows.column(name)[0].as_py()).strip().lstrip("\ufeff") for name in layout.columns]
    if found != list(layout.columns):
        first_line, needed = (layout.delimiter.join(names) for names in (found, layout.columns))
        raise ValueError(f"{path}: its first line is {first_line!r}; needed: {needed!r}")


def _unreadable(path: Path, error: Exception, first: int, layout: Layout) -> ValueError:
    reason = str(error).strip().splitlines()[0]
    lengths = _WRONG_LENGTH.search(reason)
    if lengths:
        line, expected, found = map(int, lengths.groups())
        row = line - layout.header
        if row < 1:
            return ValueError(f"{path}: its first line has {found} columns, needed {expected}")
        return row_error(path, row, f"{found} columns, needed {expected}")
    if "Empty CSV" in reason:
        return ValueError(f"{path}: no row in it")
    where = f"after row {first - 1}: " if first > 1 else ""
    return ValueError(f"{path}: {where}cannot be read ({reason})")


@dataclass
class _Position:
    """How far a file is read.

    Attributes:
        size: bytes of the file; 0 of a pipe.
        tell: gives the bytes that are read.
        before: what it gave the time before.
    """

    size: int
    tell: Callable[[], int]
    before: int = 0

    def advanced(self) -> int:
        now = self.tell()
        step, self.before = now - self.before, now
        return step


@contextmanager
def _opened(path: Path) -> Iterator[tuple[pa.NativeFile, _Position]]:
    """Open a file, or standard input; it is unpacked where its first bytes say so.

    Raises:
        OSError: it cannot be opened.
    """
    if path == STANDARD_INPUT:
        yield _unpacked(sys.stdin.buffer), _Position(0, int)  # type: ignore[arg-type]
        return
    with path.open("rb") as file:
        size = path.stat().st_size if path.is_file() else 0
        yield _unpacked(file), _Position(size, file.tell)


def _unpacked(file: BufferedReader) -> pa.NativeFile:
    start = file.peek(4)[:4]
    codec = next((codec for magic, codec in _MAGIC.items() if start.startswith(magic)), None)
    stream = pa.PythonFile(file, mode="r")
    return pa.CompressedInputStream(stream, codec) if codec else stream


def _booleans(values: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)
