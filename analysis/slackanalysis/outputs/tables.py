"""Tables as files: CSV, gzipped CSV or Parquet by the file's ending, whole or not at all."""

import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from slackvm.files import replacing

ENDINGS = (".csv", ".csv.gz", ".parquet")


def check_ending(path: Path) -> Path:
    """Return a path that a table can be written to.

    Raises:
        ValueError: its name has none of the endings that are written.
    """
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"{path}: a table is written to a name in {', '.join(ENDINGS)}")
    return path


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table; equal tables give equal bytes.

    Raises:
        ValueError: the ending is unknown.
        OSError: the file cannot be written.
    """
    check_ending(path)
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            # Without pandas' metadata, which tell the versions of libraries.
            columns = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()
            pyarrow.parquet.write_table(columns, temporary, write_page_checksum=True)
            return
        text = table.to_csv(index=False, lineterminator="\n").encode()
        # No name and time of writing inside.
        temporary.write_bytes(gzip.compress(text, 6, mtime=0) if path.suffix == ".gz" else text)
