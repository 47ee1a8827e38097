"""Request lists in a file, and what is wrong with one.

One row per VM: any columns that tell lists apart, then `vm` (name), `vcpus`, `memory_mib`, `level`,
`start_s` and `lifetime_s` (seconds). Rows with equal columns before `vm` are one list, in the order
of the file.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from slackanalysis.outputs.tables import write_table
from slackanalysis.workload.requests import RequestList
from slackvm.model import VM

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
        path: the file: Parquet by its ending, else CSV, perhaps gzipped.

    Raises:
        ValueError: the file is no such table; the message tells the column, or the row as counted
            behind the header from 1.
        OSError: the file cannot be opened.
    """
    table = _read(path)
    names = [str(name) for name in table]
    keys = names[: names.index("vm")] if "vm" in names else []
    if sorted(names[len(keys) :]) != sorted(COLUMNS) or len(set(names)) < len(names):
        raise ValueError(
            f"{path}: the columns are {','.join(names)}; needed: any that tell lists apart, "
            f"then {','.join(COLUMNS)}"
        )
    if table.empty:
        raise ValueError(f"{path}: no request in it")
    numbers = {name: _numbers(path, table, name) for name in COLUMNS[1:]}
    _check_above(path, numbers, "start_s", numbers["start_s"] >= 0, "0 or more")
    _check_above(path, numbers, "lifetime_s", numbers["lifetime_s"] > 0, "more than 0")
    vms = _vms(path, table["vm"].tolist(), numbers)
    lists = []
    for rows in _rows_of_lists(table, keys):
        chosen = {key: str(table[key].iloc[rows[0]]) for key in keys}
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
        "start_s": _whole(requests.start_s),
        "lifetime_s": _whole(requests.lifetime_s),
    }
    return pd.DataFrame(columns)


def _whole(seconds: NDArray[np.float64]) -> NDArray[np.float64] | NDArray[np.int64]:
    """Return whole seconds as whole numbers, which are read more easily."""
    whole = seconds.astype(np.int64)
    return whole if (whole == seconds).all() else seconds


def _read(path: Path) -> pd.DataFrame:
    """Return the table as it stands in the file: that of CSV is all text."""
    try:
        if path.suffix == ".parquet":
            return pd.DataFrame(pyarrow.parquet.read_table(path).to_pandas())
        # The header is read as a row, so that every column is text.
        options = pyarrow.csv.ReadOptions(autogenerate_column_names=True, use_threads=False)
        lines = pyarrow.csv.ParseOptions(ignore_empty_lines=False)
        with pa.input_stream(path) as stream:
            rows = pyarrow.csv.read_csv(stream, read_options=options, parse_options=lines)
        text = pa.table([column.cast(pa.string()) for column in rows.columns], rows.column_names)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (pa.ArrowException, OSError) as error:
        # Arrow's messages go on for lines with what surrounds the error.
        raise ValueError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    table = pd.DataFrame(text.to_pandas())
    header = table.iloc[0].tolist()
    return table.iloc[1:].set_axis(header, axis=1).reset_index(drop=True)


def _rows_of_lists(table: pd.DataFrame, keys: list[str]) -> Iterator[list[int]]:
    if not keys:
        yield list(range(len(table)))
        return
    for rows in table.groupby(keys, sort=False, dropna=False).indices.values():
        yield [int(row) for row in rows]


def _numbers(path: Path, table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        found = table[name].iloc[wrong[0]]
        raise ValueError(f"{path}: row {wrong[0] + 1}: {name}: {found!r} is not a number")
    return numbers


def _check_above(
    path: Path,
    numbers: dict[str, NDArray[np.float64]],
    name: str,
    allowed: NDArray[np.bool_],
    what: str,
) -> None:
    if not allowed.all():
        wrong = int(np.argmin(allowed))
        found = numbers[name][wrong]
        raise ValueError(f"{path}: row {wrong + 1}: {name}: {found:g} is not allowed: {what}")


def _vms(path: Path, names: list[str], numbers: dict[str, NDArray[np.float64]]) -> list[VM]:
    columns = [_counts(numbers[name]) for name in ("vcpus", "memory_mib")]
    vms: list[VM] = []
    for request in zip(names, *columns, numbers["level"].tolist(), strict=True):
        try:
            vms.append(VM(*request))
        except ValueError as error:
            raise ValueError(f"{path}: row {len(vms) + 1}: {error}") from error
    return vms


def _counts(numbers: NDArray[np.float64]) -> list[int]:
    """Return whole numbers as such; others as they are: the model refuses them by name."""
    return [int(number) if number.is_integer() else number for number in numbers.tolist()]


def _check_names(path: Path, names: list[str], rows: list[int]) -> None:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name, row in zip(names, rows, strict=True):
        if name in seen:
            raise ValueError(f"{path}: row {row + 1}: vm: {name!r} is in this list already")
        seen.add(name)
