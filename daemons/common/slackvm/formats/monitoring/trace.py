"""A recording as VMs that come and go, with the rows that say so."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slackvm.formats.monitoring.record import Kind, quoted
from slackvm.formats.monitoring.rows import Rows, read_rows, refuse
from slackvm.model.vm import LARGEST, VM


@dataclass(frozen=True, slots=True)
class Presence:
    """A VM of a recording and when it was there.

    Attributes:
        vm: the VM, with the last size that the recording gives.
        uuid: its UUID, which distinguishes it from another VM of the same name.
        first_step: index of the timestamp at which it arrives.
        last_step: index of the last timestamp at which it is there.
    """

    vm: VM
    uuid: str
    first_step: int
    last_step: int


@dataclass(frozen=True)
class Trace:
    """A recording that keeps the rules.

    Attributes:
        rows: its rows.
        presences: its VMs, in the order in which their first cpu rows stand in the file.
        owners: index into `presences` of each row's VM, -1 in rows about no VM and about skipped
            ones, shape (rows,).
        skipped: names of VMs that the recording itself shows as refused.
    """

    rows: Rows
    presences: tuple[Presence, ...]
    owners: NDArray[np.int32]
    skipped: tuple[str, ...]


def read_trace(path: Path, *, with_lines: bool = True) -> Trace:
    """Read a recording and check it; see `slackvm.formats.monitoring.reading.read_columns`.

    A VM arrives at the timestamp of its first cpu row and leaves after its last; its last size
    counts. A VM without memory rows is an error. One without cpu rows is, too, but in a recording
    of the prototype, which so shows a VM that it refused.

    Raises:
        TraceError: the file cannot be read or breaks a rule; names line and column.
    """
    rows = read_rows(path, with_lines=with_lines)
    first_cpu, last_cpu = _first_and_last(rows, Kind.VM_CPU)
    first_mem, last_mem = _first_and_last(rows, Kind.VM_MEM)
    _refuse_changed_levels(rows, first_cpu)
    meets = _memory_rows_while_there(rows, first_cpu, last_cpu)
    presences: list[Presence] = []
    skipped: list[str] = []
    index = np.full(len(rows.uuids) + 1, -1, dtype=np.int32)
    for code in np.argsort(first_cpu, kind="stable").tolist():
        cpu, memory = int(first_cpu[code]), int(first_mem[code])
        if cpu >= 0 and memory >= 0 and not meets[code]:
            problem = f"VM {quoted(rows.names[code])} has no mem row while it has cpu rows"
            raise rows.columns.error(problem, memory, "tmp")
        if cpu >= 0 and memory >= 0:
            index[code] = len(presences)
            sizes = int(rows.sizes[last_cpu[code]]), int(rows.sizes[last_mem[code]])
            vm = _vm(rows, code, sizes, (int(last_cpu[code]), int(last_mem[code])))
            steps = int(rows.steps[cpu]), int(rows.steps[last_cpu[code]])
            presences.append(Presence(vm, rows.uuids[code], *steps))
        elif cpu < 0 <= memory and rows.is_verbose:
            skipped.append(rows.names[code])
        elif max(cpu, memory) >= 0:
            missing = "cpu" if cpu < 0 else "mem"
            problem = f"VM {quoted(rows.names[code])} has no {missing} row in the whole file"
            raise rows.columns.error(problem, max(cpu, memory), "vm_uuid")
    return Trace(rows, tuple(presences), index[rows.owners], tuple(skipped))


def _first_and_last(rows: Rows, kind: Kind) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each UUID's first and last row of a kind, -1 without one, shape (UUIDs,) each."""
    of_kind = np.flatnonzero(rows.kinds == kind.value)
    who = rows.owners[of_kind]
    first, last = np.full((2, len(rows.uuids)), -1, dtype=np.int64)
    # Of several values assigned to one index, numpy keeps the last.
    last[who] = of_kind
    first[who[::-1]] = of_kind[::-1]
    return first, last


def _memory_rows_while_there(
    rows: Rows, first_cpu: NDArray[np.int64], last_cpu: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return for each UUID whether a memory row stands at a timestamp at which the VM is there."""
    memory = np.flatnonzero(rows.kinds == Kind.VM_MEM.value)
    owners, steps = rows.owners[memory], rows.steps[memory]
    there = (steps >= rows.steps[first_cpu[owners]]) & (steps <= rows.steps[last_cpu[owners]])
    meets = np.zeros(len(rows.uuids), dtype=np.bool_)
    meets[owners[there]] = True
    return meets


def _refuse_changed_levels(rows: Rows, first_cpu: NDArray[np.int64]) -> None:
    before = rows.levels[first_cpu[rows.owners]]
    refuse(
        rows.columns,
        "sb_oc",
        (rows.kinds == Kind.VM_CPU.value) & (rows.levels != before),
        lambda row: f"level {rows.levels[row]} of a VM that has level {before[row]} before",
    )


def _vm(rows: Rows, code: int, sizes: tuple[int, int], found: tuple[int, int]) -> VM:
    """Return the VM of a UUID; an error names the row that gives the wrong size or level."""
    try:
        return VM(rows.names[code], *sizes, float(rows.levels[found[0]]))
    except ValueError as error:
        problem = f"VM {quoted(rows.names[code])}: {error}"
        wrong = [row for row, size in zip(found, sizes, strict=True) if not 1 <= size <= LARGEST]
        row, column = (wrong[0], "config") if wrong else (found[0], "sb_oc")
        raise rows.columns.error(problem, row, column) from None
