"""What a recording says about vNodes, read without holding the recording in memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from slackvm.monitoring.record import NONE
from slackvm.monitoring.writing import SCHEMA

_BLOCK_BYTES = 16 << 20
"""CSV parsed at a time; a row must be shorter, and those of verbose recordings are long."""


def read_vnodes(path: Path) -> pd.DataFrame:
    """Return how the vNodes of a recording evolved.

    Args:
        path: the recording: CSV, tab separated and perhaps gzipped, or Parquet by its ending.

    Returns:
        One row per timestamp and vNode, sorted by both: `time_s` (seconds), `level`, `owned_cpus`
        (CPUs owned), `used_cpus` (CPUs in use).

    Raises:
        ValueError: the file is no recording, or there is no vNode in it; the message names it.
        OSError: the file cannot be opened.
    """
    columns = ("tmp", "sb_oc", "config", "val")
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    table = pa.Table.from_batches(list(_matching(path, columns, "subset")), schema)
    if not table.num_rows:
        raise ValueError(f"{path}: no vNode in it (no row with rec=subset and res=cpu)")
    vnodes: pd.DataFrame = table.rename_columns(
        ["time_s", "level", "owned_cpus", "used_cpus"]
    ).to_pandas()
    return vnodes.sort_values(["time_s", "level"], ignore_index=True)


def count_vms(path: Path) -> dict[float, int]:
    """Return how many VMs of each level a recording has in all, levels ascending.

    Raises:
        ValueError: the file is no recording.
        OSError: the file cannot be opened.
    """
    level_of: dict[str, float] = {}
    for batch in _matching(path, ("vm_uuid", "sb_oc"), "vm"):
        pairs = pa.Table.from_batches([batch]).group_by(["vm_uuid", "sb_oc"]).aggregate([])
        level_of |= dict(zip(pairs["vm_uuid"].to_pylist(), pairs["sb_oc"].to_pylist(), strict=True))
    return dict(sorted(Counter(level_of.values()).items()))


def _matching(path: Path, columns: Sequence[str], record: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows about CPUs that have this `rec`, with the columns asked for."""
    wanted = [*columns, "rec", "res"]
    try:
        for batch in _batches(path, wanted):
            is_wanted = pc.and_(
                pc.equal(batch.column("rec"), record), pc.equal(batch.column("res"), "cpu")
            )
            yield batch.filter(is_wanted).select(list(columns))
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (pa.ArrowException, KeyError, OSError) as error:
        # Arrow's messages go on for lines with what surrounds the error.
        reason = str(error).strip("'\"").splitlines()[0]
        raise ValueError(f"{path}: not a recording of a host ({reason})") from error


def _batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    types = pa.schema([SCHEMA.field(name) for name in columns])
    if path.suffix == ".parquet":
        with pyarrow.parquet.ParquetFile(path) as parquet:
            missing = set(columns) - set(parquet.schema_arrow.names)
            if missing:
                raise KeyError(f"no column {', '.join(sorted(missing))}")
            for batch in parquet.iter_batches(columns=list(columns)):
                yield batch.select(list(columns)).cast(types)
    else:
        with pa.input_stream(path) as stream:
            yield from pyarrow.csv.open_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES),
                parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=list(columns),
                    column_types=types,
                    null_values=[NONE],
                    strings_can_be_null=True,
                ),
            )
