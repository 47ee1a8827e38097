"""Tables as files: CSV, gzipped CSV or Parquet by the file's ending, whole or not at all."""

import gzip
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from slackanalysis.outputs.manifest import FileRecord, file_record
from slackvm.formats.files import atomic_write

ENDINGS = (".csv", ".csv.gz", ".parquet")

_ROWS = 1 << 17
"""Rows that are written at a time."""


def check_ending(path: Path) -> Path:
    """Return a path that a table can be written to.

    Raises:
        ValueError: its name has none of the endings that are written.
    """
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"{path}: a table is written to a name in {', '.join(ENDINGS)}")
    return path


RecordWritten = Callable[[Sequence[FileRecord]], None]
"""Writes the manifest of tables, from what they are going to be."""


def write_table(
    path: Path, table: pd.DataFrame, record_written: RecordWritten | None = None
) -> None:
    """Write a table; equal tables give equal bytes. See `write_tables`."""
    write_tables({path: table}, record_written)


def write_tables(
    tables: Mapping[Path, pd.DataFrame], record_written: RecordWritten | None = None
) -> None:
    """Write tables and their manifest: all of them or, after an error, none.

    Args:
        tables: each by its file.
        record_written: writes the manifest; called when every table is complete, before any
            replaces a file.

    Raises:
        ValueError: an ending is unknown.
        OSError: a file cannot be written.
    """
    for path in tables:
        check_ending(path)
    records: list[FileRecord] = []
    with ExitStack() as files:
        for path, table in tables.items():
            temporary = files.enter_context(atomic_write(path))
            _write(path, temporary, table)
            # What was written to a pipe is gone: no file is left to hash.
            if temporary.is_file():
                records.append(replace(file_record(temporary), path=str(path)))
        if record_written:
            record_written(records)


def _write(path: Path, temporary: Path, table: pd.DataFrame) -> None:
    """Write a table in the form of the ending of `path`, to another file."""
    if path.suffix == ".parquet":
        # Without pandas' metadata, which have the versions of libraries.
        columns = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()
        pyarrow.parquet.write_table(columns, temporary, write_page_checksum=True)
        return
    with temporary.open("wb") as file:
        if path.suffix != ".gz":
            _write_rows(table, file)
            return
        # No name and time of writing inside.
        with gzip.GzipFile("", "wb", 6, fileobj=file, mtime=0) as packed:
            _write_rows(table, packed)


def _write_rows(table: pd.DataFrame, file: IO[bytes] | gzip.GzipFile) -> None:
    """Write a table as CSV, piece by piece: the text of all of it takes more than the table."""
    for first in range(0, max(len(table), 1), _ROWS):
        rows = table.iloc[first : first + _ROWS]
        text = rows.to_csv(index=False, header=first == 0, lineterminator="\n")
        file.write(text.encode())
