"""Request lists in a file, and what is wrong with one.

One row per VM: any columns that tell lists apart, then `vm` (name), `vcpus`, `memory_mib`, `level`,
`start_s` and `lifetime_s` (seconds). Rows with equal columns before `vm` are one list, in the order
of the file.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from slackanalysis.outputs.tables import write_table
from slackanalysis.workload.request_columns import names_of, numbers_of, texts_of
from slackanalysis.workload.requests import RequestList
from slackvm.formats.contents import ContentsError, is_parquet, read_contents, shown, without_bom
from slackvm.formats.typed_columns import ColumnError
from slackvm.model import VM

_INDEX = re.compile(r"__index_level_[0-9]+__")
"""Columns that pandas adds for an index without a name."""

_EXACT = 2**53
"""Whole numbers below are exact as floats."""

COLUMNS = ("vm", "vcpus", "memory_mib", "level", "start_s", "lifetime_s")


def write_requests(path: Path, lists: Iterable[RequestList]) -> None:
    """Write lists that have the same keys into one file.

    Raises:
        ValueError: the ending of the file is unknown.
        OSError: the file cannot be written.
    """
    write_table(path, pd.concat([_table(requests) for requests in lists], ignore_index=True))


def read_requests(path: Path) -> list[RequestList]:
    """Return the lists of a file in the order in which they begin.

    Args:
        path: CSV or Parquet, perhaps compressed by gzip or zstd; `-` is standard input. In Parquet,
            `start_s` and `lifetime_s` may be durations, and `start_s` timestamps: they become
            seconds since the earliest start of the file.

    Raises:
        ValueError: the file is no such table; the message names the column, or the row as counted
            behind the header from 1.
        OSError: the file cannot be opened.
    """
    table = _read(path)
    names = table.column_names
    keys = names[: names.index("vm")] if "vm" in names else []
    if sorted(names[len(keys) :]) != sorted(COLUMNS) or len(set(names)) < len(names):
        found = ",".join(names)[:400].encode("unicode_escape").decode()
        raise ValueError(
            f"{shown(path)}: the columns are {found}; needed: any that tell lists apart, "
            f"then {','.join(COLUMNS)}"
        )
    if not table.num_rows:
        raise ValueError(f"{shown(path)}: no request in it")
    try:
        vm_names = names_of(table["vm"])
        numbers = {name: numbers_of(name, table[name]) for name in COLUMNS[1:]}
        texts = pd.DataFrame({key: texts_of(table[key]) for key in keys})
        _refuse_lost_lifetimes(numbers["start_s"], numbers["lifetime_s"])
    except ColumnError as error:
        row = "" if error.row is None else f"row {error.row + 1}: "
        raise ValueError(f"{shown(path)}: {row}{error.column}: {error}") from None
    except (pa.ArrowException, OverflowError) as error:
        raise ValueError(f"{shown(path)}: cannot be read ({_first_line(error)})") from error
    vms = _vms(path, vm_names, numbers)
    lists = []
    for rows in _rows_of_lists(texts, table.num_rows):
        chosen = {key: texts[key].iloc[rows[0]] for key in keys}
        _check_names(path, [vms[row].name for row in rows], rows)
        start_s, lifetime_s = (numbers[name][rows] for name in ("start_s", "lifetime_s"))
        lists.append(RequestList(chosen, [vms[row] for row in rows], start_s, lifetime_s))
    return lists


def _table(requests: RequestList) -> pd.DataFrame:
    vms = requests.vms
    columns: dict[str, object] = {
        **requests.keys,
        "vm": [vm.name for vm in vms],
        "vcpus": [vm.vcpus for vm in vms],
        "memory_mib": [vm.memory_mib for vm in vms],
        "level": [vm.level for vm in vms],
        "start_s": whole_seconds(requests.start_s),
        "lifetime_s": whole_seconds(requests.lifetime_s),
    }
    return pd.DataFrame(columns)


def whole_seconds(seconds: NDArray[np.float64]) -> NDArray[np.float64] | NDArray[np.int64]:
    """Return whole seconds as whole numbers, which are read more easily."""
    whole = seconds.astype(np.int64)
    return whole if (whole == seconds).all() else seconds


def _read(path: Path) -> pa.Table:
    """Return the table as it stands in the file: that of CSV is all text."""
    try:
        data = read_contents(path)
        if is_parquet(data) or path.suffix == ".parquet":
            return _read_parquet(data)
        return _read_csv(without_bom(data))
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (ContentsError, pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise ValueError(f"{shown(path)}: cannot be read ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    """Return what is wrong; Arrow's messages go on for lines with what surrounds the error."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    # The file's own text stands in it.
    return "".join(each if each.isprintable() else "\ufffd" for each in line)


def _read_parquet(data: bytes) -> pa.Table:
    with pyarrow.parquet.ParquetFile(
        pa.BufferReader(data), page_checksum_verification=True
    ) as file:
        table = file.read(use_threads=False)
    kept = [place for place, name in enumerate(table.column_names) if not _INDEX.fullmatch(name)]
    return table.select(kept)


def _read_csv(data: bytes) -> pa.Table:
    # The header is read as a row: a name may be there twice, which is refused later.
    columns = data.partition(b"\n")[0].count(b",") + 1
    rows = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        read_options=pyarrow.csv.ReadOptions(
            autogenerate_column_names=True, use_threads=False, block_size=len(data) + 1
        ),
        parse_options=pyarrow.csv.ParseOptions(ignore_empty_lines=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={f"f{number}": pa.string() for number in range(columns)}
        ),
    )
    header = [str(column[0]) for column in rows.columns]
    return rows.slice(1).rename_columns(header)


def _refuse_lost_lifetimes(start_s: NDArray[np.float64], lifetime_s: NDArray[np.float64]) -> None:
    lost = start_s + lifetime_s <= start_s
    if lost.any():
        row = int(np.argmax(lost))
        problem = (
            f"{lifetime_s[row]:.15g} is too short beside a start of {start_s[row]:.15g} s to be "
            "counted; count times from the start of the trace"
        )
        raise ColumnError("lifetime_s", problem, row)


def _rows_of_lists(texts: pd.DataFrame, rows: int) -> Iterator[list[int]]:
    if not len(texts.columns):
        yield list(range(rows))
        return
    for found in texts.groupby(list(texts.columns), sort=False).indices.values():
        yield [int(row) for row in found]


def _vms(path: Path, names: list[str], numbers: dict[str, NDArray[np.float64]]) -> list[VM]:
    columns = [_counts(numbers[name]) for name in ("vcpus", "memory_mib")]
    vms: list[VM] = []
    for request in zip(names, *columns, numbers["level"].tolist(), strict=True):
        try:
            vms.append(VM(*request))
        except ValueError as error:
            raise ValueError(f"{shown(path)}: row {len(vms) + 1}: {error}") from error
    return vms


def _counts(numbers: NDArray[np.float64]) -> list[int]:
    """Return whole numbers as such; others as they are: the model refuses them by name."""
    return [
        int(number) if number.is_integer() and abs(number) < _EXACT else number
        for number in numbers.tolist()
    ]


def _check_names(path: Path, names: list[str], rows: list[int]) -> None:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name, row in zip(names, rows, strict=True):
        if name in seen:
            raise ValueError(f"{shown(path)}: row {row + 1}: vm: {name!r} is in this list already")
        seen.add(name)
