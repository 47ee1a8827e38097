"""Writing a recording, as CSV or Parquet by the file's ending, whole or not at all."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from slackvm.formats.files import atomic_write
from slackvm.formats.monitoring.endings import ENDINGS
from slackvm.formats.monitoring.record import COLUMNS, HEADER, NONE

SCHEMA = pa.schema(
    [
        ("tmp", pa.int64()),
        ("rec", pa.string()),
        ("res", pa.string()),
        ("val", pa.float64()),
        ("config", pa.int64()),
        ("subset", pa.string()),
        ("vm_uuid", pa.string()),
        ("vm_cmn", pa.string()),
        ("sb_oc", pa.float64()),
        ("sb_unused", pa.int64()),
        ("sb_dsc", pa.string()),
    ]
)
"""Types of the columns in a Parquet file; `None` is null."""

_ROW_GROUP = 1 << 18
"""Rows of a row group: always as many, so that equal rows give equal bytes."""
_PIECE = 16 << 20
"""Bytes of CSV that are turned into columns at a time."""


class RecordingWriter(Protocol):
    """Takes rows, each as its CSV line with the newline."""

    def write(self, lines: Iterable[bytes | memoryview]) -> None:
        """Append rows."""


@contextmanager
def writing_recording(path: Path) -> Iterator[RecordingWriter]:
    """Give a writer; the file appears, whole, when the block ends well, and not otherwise.

    Raises:
        ValueError: the file's name has none of the endings that are written.
        OSError: the file cannot be written.
    """
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"{path}: a recording is written to a name in {', '.join(ENDINGS)}")
    with atomic_write(path) as temporary:
        if path.suffix == ".parquet":
            with pyarrow.parquet.ParquetWriter(
                temporary, SCHEMA, write_page_checksum=True
            ) as parquet:
                rows = _RowGroups(parquet)
                yield rows
                rows.flush()
        elif path.suffix == ".gz":
            # No name and time of writing inside: equal rows give equal bytes.
            with (
                temporary.open("wb") as raw,
                gzip.GzipFile("", "wb", 6, fileobj=raw, mtime=0) as packed,
            ):
                packed.write(HEADER)
                yield _Lines(packed)
        else:
            with temporary.open("wb", buffering=1 << 20) as plain:
                plain.write(HEADER)
                yield _Lines(plain)


class _Stream(Protocol):
    def write(self, data: bytes, /) -> object: ...


class _Lines:
    def __init__(self, file: _Stream) -> None:
        self._file = file

    def write(self, lines: Iterable[bytes | memoryview]) -> None:
        self._file.write(b"".join(lines))


class _RowGroups:
    def __init__(self, parquet: pyarrow.parquet.ParquetWriter) -> None:
        self._parquet = parquet
        self._text: list[bytes] = []
        self._size = 0
        self._rows = SCHEMA.empty_table()

    def write(self, lines: Iterable[bytes | memoryview]) -> None:
        text = b"".join(lines)
        self._text.append(text)
        self._size += len(text)
        if self._size >= _PIECE:
            self._gather()
            while len(self._rows) >= _ROW_GROUP:
                self._parquet.write_table(self._rows[:_ROW_GROUP], row_group_size=_ROW_GROUP)
                self._rows = self._rows[_ROW_GROUP:]

    def flush(self) -> None:
        self._gather()
        if len(self._rows):
            self._parquet.write_table(self._rows, row_group_size=_ROW_GROUP)

    def _gather(self) -> None:
        text = b"".join(self._text)
        self._text, self._size = [], 0
        if not text:
            return
        table = pyarrow.csv.read_csv(
            pa.BufferReader(text),
            # A line may be long, but not longer than what is gathered.
            read_options=pyarrow.csv.ReadOptions(column_names=list(COLUMNS), block_size=len(text)),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter="\t", quote_char=False, double_quote=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=SCHEMA, null_values=[NONE], strings_can_be_null=True
            ),
        )
        # One chunk: how rows came in pieces must not show in the file.
        self._rows = pa.concat_tables([self._rows, table]).combine_chunks()
