"""Azure's trace for packing of 2020: a SQLite database of requests with parts of machines.

Schema: AzureTracesForPacking2020.md of github.com/Azure/AzurePublicDataset. Times are days since
the collection began; VMs that were there then have negative starts, VMs that outlived it no end. A
type of VM has a size for each kind of machine (`machineId`) that can run it, in parts of it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slackanalysis.progress import Track
from slackanalysis.traces.account import Account
from slackanalysis.traces.csv_pieces import row_error
from slackanalysis.traces.sizes import Units
from slackanalysis.traces.vms import TraceVMs
from slackanalysis.workload.catalogue import GIB
from slackvm.formats.contents import STANDARD_INPUT

DAY_S = 86_400

_ROWS = 1 << 16
_TABLES = {
    "vm": ("vmId", "vmTypeId", "starttime", "endtime"),
    "vmType": ("vmTypeId", "machineId", "core", "memory"),
}


def read_packing(
    path: Path, units: Units, machine: str | None, account: Account, track: Track
) -> Iterator[TraceVMs]:
    """Yield the VMs of the database.

    Args:
        path: the file.
        units: CPUs and memory of a machine.
        machine: the kind of machine whose parts sizes are; VMs that it cannot run are dropped.
            None: the one that runs most types, and for types that it cannot run their first one.
        account: counts what was guessed and dropped.
        track: shows how many VMs are read.

    Raises:
        ValueError: the file is no such database; with the row where there is one.
        OSError: the file cannot be opened.
    """
    if path == STANDARD_INPUT:
        raise ValueError("-: a SQLite database cannot be read from standard input; name the file")
    with _opened(path) as database:
        types = _types(path, database, machine, account)
        count = int(database.execute("SELECT count(*) FROM vm").fetchone()[0])
        if not count:
            raise ValueError(f"{path}: table vm: no row in it")
        advance = track(f"reading {path.name}", count)
        first = 1
        for rows in _pieces(database, "vm"):
            yield _vms(path, rows, first, types, units, account)
            advance(len(rows))
            first += len(rows)
        _refuse_ids_given_twice(path, database)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with path.open("rb"):
        pass  # names the file, and why it cannot be opened, where SQLite does not
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            found = {str(row[0]) for row in database.execute("SELECT name FROM sqlite_master")}
            for table, columns in _TABLES.items():
                if table not in found:
                    raise ValueError(
                        f"{path}: no table {table} in it; there are: {', '.join(sorted(found))}"
                    )
                has = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
                missing = [column for column in columns if column not in has]
                if missing:
                    raise ValueError(f"{path}: table {table}: no column {', '.join(missing)}")
            yield database
    except sqlite3.Error as error:
        raise ValueError(f"{path}: not a SQLite database that can be read ({error})") from error


def _pieces(database: sqlite3.Connection, table: str) -> Iterator[pd.DataFrame]:
    columns = _TABLES[table]
    rows = database.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid")  # noqa: S608
    while piece := rows.fetchmany(_ROWS):
        yield pd.DataFrame.from_records(piece, columns=list(columns))


@dataclass(frozen=True)
class _Types:
    """Types of VMs.

    Attributes:
        known: all of them.
        sizes: `core` and `memory` by type, as parts of a machine, of those that can be run.
    """

    known: set[object]
    sizes: pd.DataFrame


def _types(
    path: Path, database: sqlite3.Connection, machine: str | None, account: Account
) -> _Types:
    pieces = list(_pieces(database, "vmType"))
    if not pieces:
        raise ValueError(f"{path}: table vmType: no row in it")
    table = pd.concat(pieces, ignore_index=True)
    for name in ("core", "memory"):
        table[name] = _numbers(path, "vmType", table, name, 1)
        parts = table[name].to_numpy()
        is_part = (parts > 0) & (parts <= 1)
        _refuse(path, "vmType", table, name, ~is_part, "a part of a machine: more than 0, to 1")
    for name, what in (("vmTypeId", "the id of a type"), ("machineId", "the id of a machine")):
        _refuse(path, "vmType", table, name, table[name].isna().to_numpy(), what)
    known = set(table["vmTypeId"])
    table["machine"] = table["machineId"].astype(str)
    machines = sorted(table["machine"].unique(), key=lambda name: (len(name), name))
    if machine is not None and machine not in machines:
        raise ValueError(f"{path}: no machine {machine!r} in it; there are: {', '.join(machines)}")
    if machine is not None:
        table = table[table["machine"] == machine]
    elif len(machines) > 1:
        table = _preferred(table, machines, account)
    return _Types(known, table.drop_duplicates("vmTypeId").set_index("vmTypeId"))


def _preferred(table: pd.DataFrame, machines: Sequence[str], account: Account) -> pd.DataFrame:
    """Return the sizes, those of the machine that runs most types of VMs first."""
    offered = table.groupby("machine")["vmTypeId"].nunique()
    preferred = max(machines, key=lambda name: int(offered[name]))
    others = table["vmTypeId"].nunique() - int(offered[preferred])
    text = f"sizes are parts of machine {preferred}, one of {len(machines)}: see --machine"
    account.add("guessed", text, int(offered[preferred]), "types")
    account.add("guessed", f"machine {preferred} cannot run it: parts of another", others, "types")
    rank = [-1 if name == preferred else machines.index(name) for name in table["machine"]]
    return table.assign(rank=rank).sort_values("rank", kind="stable")


def _vms(
    path: Path, rows: pd.DataFrame, first: int, types: _Types, units: Units, account: Account
) -> TraceVMs:
    start, end = (_numbers(path, "vm", rows, name, first) for name in ("starttime", "endtime"))
    no_start = rows["starttime"].isna().to_numpy()
    _refuse(path, "vm", rows, "starttime", no_start, "a time in days", first)
    early = end < start
    _refuse(path, "vm", rows, "endtime", early, "at or after its starttime", first)
    is_known = rows["vmTypeId"].isin(types.known).to_numpy()
    _refuse(path, "vm", rows, "vmTypeId", ~is_known, "in table vmType", first)
    is_bytes = np.array([isinstance(each, bytes) for each in rows["vmId"]])
    _refuse(path, "vm", rows, "vmId", is_bytes, "an id: a number or a text", first)
    names = pa.array(rows["vmId"].astype(str), pa.string())
    is_name = pc.and_(pc.utf8_is_printable(names), pc.greater(pc.utf8_length(names), 0))
    no_name = rows["vmId"].isna().to_numpy() | ~is_name.to_numpy(zero_copy_only=False)
    _refuse(path, "vm", rows, "vmId", no_name, "an id: not empty, printable", first)
    of_type = types.sizes.reindex(rows["vmTypeId"])
    vms = TraceVMs(
        names,
        of_type["core"].to_numpy() * units.cpus,
        of_type["memory"].to_numpy() * units.memory_gib * GIB,
        start * DAY_S,
        end * DAY_S,
    )
    can_run = of_type["core"].notna().to_numpy()
    account.add("dropped", "this machine cannot run their type", int((~can_run).sum()))
    return vms.where(can_run)


def _numbers(
    path: Path, table: str, rows: pd.DataFrame, name: str, first: int
) -> NDArray[np.float64]:
    """Return a column as numbers; not a number where it is NULL."""
    numbers = pd.to_numeric(rows[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = ~np.isfinite(numbers) & rows[name].notna().to_numpy()
    _refuse(path, table, rows, name, wrong, "a number", first)
    return numbers


def _refuse(
    path: Path,
    table: str,
    rows: pd.DataFrame,
    name: str,
    wrong: NDArray[np.bool_],
    allowed: str,
    first: int = 1,
) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        found = rows[name].iloc[row]
        value = found.item() if isinstance(found, np.generic) else found
        shown: str = "NULL" if pd.isna(value) else repr(value)
        raise row_error(path, first + row, f"table {table}: {name}: {shown} is not {allowed}")


def _refuse_ids_given_twice(path: Path, database: sqlite3.Connection) -> None:
    twice: Sequence[object] | None = database.execute(
        "SELECT vmId, count(*) FROM vm GROUP BY vmId HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if twice:
        raise ValueError(f"{path}: table vm: vmId {twice[0]!r} is there {twice[1]} times")
