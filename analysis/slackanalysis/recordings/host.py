"""What a recording says about a host and its vNodes, read without holding it in memory."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    columns = {"tmp": "time_s", "sb_oc": "level", "config": "owned_cpus", "val": "used_cpus"}
    vnodes = _rows(path, columns, "subset", "cpu")
    if vnodes.empty:
        raise ValueError(f"{path}: no vNode in it (no row with rec=subset and res=cpu)")
    return vnodes.sort_values(["time_s", "level"], ignore_index=True)


def read_host(path: Path) -> pd.DataFrame:
    """Return what a host has, gives out and uses over time.

    Args:
        path: the recording, as for `read_vnodes`.

    Returns:
        One row per timestamp, ascending: `time_s` (seconds); `cpus`, `owned_cpus` (by vNodes),
        `used_cpus`; `memory_mib`, `allocated_mib` (to VMs), `used_mib`.

    Raises:
        ValueError: the file is no recording, or lacks the host's rows at some timestamp; the
            message names it.
        OSError: the file cannot be opened.
    """
    parts = []
    for resource, names in (
        ("cpu", ("cpus", "owned_cpus", "used_cpus")),
        ("mem", ("memory_mib", "allocated_mib", "used_mib")),
    ):
        size, given, used = names
        columns = {"tmp": "time_s", "config": size, "val": "use"}
        host = _rows(path, columns, "global", resource).set_index("time_s")
        if not host.index.is_unique or not host.index.is_monotonic_increasing:
            raise ValueError(f"{path}: the host's {resource} rows are not one per timestamp")
        vnodes = _rows(path, {"tmp": "time_s", "config": given}, "subset", resource)
        host[given] = vnodes.groupby("time_s")[given].sum().reindex(host.index, fill_value=0)
        host[used] = host["use"] * host[size]
        parts.append(host[list(names)])
    cpu, memory = parts
    if cpu.empty or not cpu.index.equals(memory.index):
        raise ValueError(
            f"{path}: no row with rec=global and res=cpu and one with res=mem for each timestamp"
        )
    return cpu.join(memory).reset_index()


def read_times(path: Path) -> list[int]:
    """Return the timestamps of a recording in seconds, ascending.

    Raises:
        ValueError: the file is no recording; the message names it.
        OSError: the file cannot be opened.
    """
    times: set[int] = set()
    for batch in _readable(path, ("tmp",)):
        times |= set(pc.unique(batch.column("tmp")).to_pylist())
    return sorted(times)


def count_vms(path: Path) -> dict[float, int]:
    """Return how many VMs of each level a recording has in all, levels ascending.

    Raises:
        ValueError: the file is no recording.
        OSError: the file cannot be opened.
    """
    return dict(sorted(Counter(levels_of_vms(path).values()).items()))


def levels_of_vms(path: Path) -> dict[str, float]:
    """Return the level of each VM by its UUID, in the order of the file.

    Raises:
        ValueError: the file is no recording.
        OSError: the file cannot be opened.
    """
    level_of: dict[str, float] = {}
    for batch in matching(path, ("vm_uuid", "sb_oc"), "vm", "cpu"):
        pairs = pa.Table.from_batches([batch]).group_by(["vm_uuid", "sb_oc"]).aggregate([])
        level_of |= dict(zip(pairs["vm_uuid"].to_pylist(), pairs["sb_oc"].to_pylist(), strict=True))
    return level_of


def matching(
    path: Path, columns: Sequence[str], record: str, resource: str
) -> Iterator[pa.RecordBatch]:
    """Yield the rows with this `rec` and `res`, with the columns asked for, piece by piece.

    Raises:
        ValueError: the file is no recording; the message names it.
        OSError: the file cannot be opened.
    """
    for batch in _readable(path, (*columns, "rec", "res")):
        is_wanted = pc.and_(
            pc.equal(batch.column("rec"), record), pc.equal(batch.column("res"), resource)
        )
        yield batch.filter(is_wanted).select(list(columns))


def _readable(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a recording; what goes wrong is told by a message that names the file."""
    try:
        yield from _batches(path, columns)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (pa.ArrowException, KeyError, OSError) as error:
        # Arrow's messages go on for lines with what surrounds the error.
        reason = str(error).strip("'\"").splitlines()[0]
        raise ValueError(f"{path}: not a recording of a host ({reason})") from error


def _rows(path: Path, columns: Mapping[str, str], record: str, resource: str) -> pd.DataFrame:
    """Return all rows with this `rec` and `res`; `columns` are those wanted and their new names."""
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    batches = list(matching(path, list(columns), record, resource))
    table: pd.DataFrame = pa.Table.from_batches(batches, schema).to_pandas()
    return table.rename(columns=dict(columns))


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
