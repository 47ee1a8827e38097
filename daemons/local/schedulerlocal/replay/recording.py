"""The recording of a replay: the rows of the trace with what was decided in them.

Rows keep the order of the trace, for arrivals at one timestamp are served in that order: a replay
of the output decides the same. Rows of VMs that were refused and of vNodes that do not exist are
left out; rows of the host and of vNodes that the trace lacks are added.

Most rows stand in the trace as they are wanted, which is found out for all at once; the others are
put together one by one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from schedulerlocal.replay.decisions import Decisions, HostState
from slackvm.formats.monitoring.record import UNCHANGED, Kind, row_line, waited
from slackvm.formats.monitoring.rows import Rows
from slackvm.formats.monitoring.trace import Trace
from slackvm.formats.monitoring.writing import RecordingWriter
from slackvm.model.topology import Topology

_CHUNK = 1 << 17
"""Rows, about, that are put together at a time."""

_NOT_WANTED = -1
_MISSING = -1
_HOST_CPU, _HOST_MEMORY, _MEMORY_OF_VMS, _VNODES = range(4)
"""Columns of the tables of host rows; those of the vNodes, one for each level, come last."""

_COLUMN_OF_KIND = np.zeros(len(Kind), dtype=np.int64)
_COLUMN_OF_KIND[[Kind.GLOBAL_CPU, Kind.GLOBAL_MEM, Kind.SUBSET_MEM, Kind.SUBSET_CPU]] = range(4)


def write_replay(
    trace: Trace,
    decisions: Decisions,
    topology: Topology,
    writer: RecordingWriter,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the recording of a replay; `advance` takes the number of rows that are done."""
    presences = _Presences(trace, decisions)
    wanted = _HostRows(trace.rows, decisions.states, topology)
    for first, last in _chunks(trace):
        chunk = _Chunk(
            trace, presences, int(trace.rows.starts[first]), int(trace.rows.starts[last])
        )
        chunk.add_host_rows(wanted, first, last)
        writer.write(chunk.lines())
        advance(chunk.end - chunk.start)


def _chunks(trace: Trace) -> Iterator[tuple[int, int]]:
    """Yield ranges of timestamps' indexes that hold about `_CHUNK` rows each."""
    starts = trace.rows.starts
    first = 0
    while first < len(trace.rows.times):
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + _CHUNK, "right")) - 1)
        yield first, last
        first = last


@dataclass(frozen=True, slots=True)
class _Template:
    """A row without its time and use, as CSV: what stands between the two and behind them."""

    middle: bytes
    end: bytes

    @classmethod
    def of(
        cls,
        kind: Kind,
        config: int,
        level: float | None,
        vm: tuple[str, str] | None = None,
        description: str = UNCHANGED,
    ) -> "_Template":
        """Return the template of a row; see `row_line` for the arguments."""
        line = row_line(kind, "", "", config, level=level, vm=vm, description=description)
        _, record, resource, _, end = line.split(b"\t", 4)
        return cls(b"\t%b\t%b\t" % (record, resource), b"\t" + end)

    def line(self, time: bytes, use: bytes) -> bytes:
        """Return the row."""
        return time + self.middle + use + self.end

    def instead_of(self, line: bytes) -> bytes:
        """Return the row with the time and the use of another one."""
        time, _, _, use, _ = line.split(b"\t", 4)
        return self.line(time, use)


class _HostRows:
    """The rows about the host and its vNodes that each timestamp must have.

    There is a column for each thing that has such rows: the host's CPUs, its memory, the memory of
    its VMs, and the vNode of each level; and a row for each state of the host, the first before
    anything was decided.

    Attributes:
        sizes: `config` of each thing in each state, `_NOT_WANTED` where it has no row.
        order: places of the things' rows within a timestamp, likewise.
        descriptions: `sb_dsc` that a timestamp's index and a vNode's column have.
    """

    def __init__(self, rows: Rows, states: list[HostState], topology: Topology) -> None:
        self._rows = rows
        self._no_vm = np.flatnonzero(rows.kinds < Kind.VM_CPU.value)
        of_vnodes = self._no_vm[rows.kinds[self._no_vm] == Kind.SUBSET_CPU.value]
        levels = {vnode.level for state in states for vnode in state.vnodes}
        self._levels = np.array(sorted(levels.union(np.unique(rows.levels[of_vnodes]).tolist())))
        self._topology = topology
        self._begins = np.array([state.step for state in states], dtype=np.int64)
        self.sizes = np.full(
            (len(states) + 1, _VNODES + len(self._levels)), _NOT_WANTED, dtype=np.int64
        )
        self.sizes[:, _HOST_CPU] = len(topology)
        self.sizes[:, _HOST_MEMORY] = topology.memory_mib
        self.order = np.zeros_like(self.sizes)
        self.order[:, _HOST_CPU] = _NOT_WANTED
        self.order[:, _HOST_MEMORY] = len(self._levels)
        self.order[:, _MEMORY_OF_VMS] = len(self._levels) + 1
        self.descriptions: dict[tuple[int, int], str] = {}
        column_of = {level: _VNODES + place for place, level in enumerate(self._levels.tolist())}
        for number, state in enumerate(states, 1):
            for place, vnode in enumerate(state.vnodes):
                column = column_of[vnode.level]
                self.sizes[number, column] = vnode.owned
                self.order[number, column] = place
                if vnode.description is not None:
                    self.descriptions[state.step, column] = vnode.description
            if state.vnodes:
                self.sizes[number, _MEMORY_OF_VMS] = state.memory_mib

    def states(self, first: int, last: int) -> NDArray[np.int64]:
        """Return the row of `sizes` that holds at each timestamp from one index up to another."""
        return np.searchsorted(self._begins, np.arange(first, last), side="right")

    def described(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the keys of `descriptions` at timestamps from one index up to another."""
        for number in np.flatnonzero((self._begins >= first) & (self._begins < last)).tolist():
            step = int(self._begins[number])
            for column in range(_VNODES, self.sizes.shape[1]):
                if (step, column) in self.descriptions:
                    yield step, column

    def found(self, first: int, last: int) -> NDArray[np.int64]:
        """Return the row of the trace about each thing at each timestamp, `_MISSING` without one.

        Args:
            first: index of the first timestamp.
            last: index behind the last one.
        """
        rows = self._rows
        here = slice(*np.searchsorted(self._no_vm, rows.starts[[first, last]]).tolist())
        no_vm = self._no_vm[here]
        kinds = rows.kinds[no_vm]
        columns = _COLUMN_OF_KIND[kinds]
        is_vnode = kinds == Kind.SUBSET_CPU.value
        columns[is_vnode] = _VNODES + np.searchsorted(self._levels, rows.levels[no_vm[is_vnode]])
        found = np.full((last - first, self.sizes.shape[1]), _MISSING, dtype=np.int64)
        found[rows.steps[no_vm] - first, columns] = no_vm
        return found

    def about(self, column: int) -> tuple[Kind, float | None, int]:
        """Return kind and level of a thing's rows, and what their use is divided by.

        `val` of a vNode's CPUs is a number of CPUs, that of all others a share of the host.
        """
        if column >= _VNODES:
            return Kind.SUBSET_CPU, float(self._levels[column - _VNODES]), 1
        if column == _HOST_CPU:
            return Kind.GLOBAL_CPU, None, len(self._topology)
        is_host = column == _HOST_MEMORY
        kind, level = (Kind.GLOBAL_MEM, None) if is_host else (Kind.SUBSET_MEM, 1.0)
        return kind, level, self._topology.memory_mib


class _Presences:
    """The VMs as arrays with one entry more, which is never written, for owners of -1."""

    def __init__(self, trace: Trace, decisions: Decisions) -> None:
        presences = trace.presences
        self.placed = np.array([*decisions.placed, False], dtype=np.bool_)
        self.first = np.array([*(p.first_step for p in presences), 0], dtype=np.int32)
        self.last = np.array([*(p.last_step for p in presences), 0], dtype=np.int32)
        self.sizes = np.array(
            [*((p.vm.vcpus, p.vm.memory_mib) for p in presences), (0, 0)], dtype=np.int64
        )


class _Chunk:
    """Consecutive rows, of whole timestamps, on their way to the output.

    Rows that are written as they stand are copied; every other line is an edit: it is written
    before a row of the trace, or instead of it.
    """

    def __init__(self, trace: Trace, presences: _Presences, start: int, end: int) -> None:
        rows, here = trace.rows, slice(start, end)
        owners = trace.owners[here]
        steps = rows.steps[here]
        is_memory = rows.kinds[here] & 1
        sizes = presences.sizes[owners, is_memory]
        written = presences.placed[owners]
        written &= (steps >= presences.first[owners]) & (steps <= presences.last[owners])
        self.start, self.end = start, end
        self._rows = rows
        self._lines = rows.columns.lines
        self._sizes = sizes
        self._written = written
        self._kept = written & rows.plain[here] & (rows.sizes[here] == sizes)
        self._edited: list[int] = []
        self._replaces: list[bool] = []
        self._edits: list[bytes] = []
        self._add_vm_rows(np.flatnonzero(written & ~self._kept))

    def add_host_rows(self, wanted: _HostRows, first: int, last: int) -> None:
        """Add the rows about the host and its vNodes at timestamps from one index up to another."""
        rows = self._rows
        states = wanted.states(first, last)
        found, sizes = wanted.found(first, last), wanted.sizes[states]
        is_wanted = sizes != _NOT_WANTED
        # A missing row is the last one here, which the first condition leaves out.
        as_it_stands = is_wanted & (found != _MISSING) & rows.plain[found]
        as_it_stands &= rows.sizes[found] == sizes
        for step, column in wanted.described(first, last):
            as_it_stands[step - first, column] = False
        self._kept[found[as_it_stands] - self.start] = True
        steps, columns = np.nonzero(is_wanted & ~as_it_stands)
        in_order = np.lexsort((wanted.order[states[steps], columns], steps))
        templates: dict[tuple[int, int, str], _Template] = {}
        for step, column in zip(steps[in_order].tolist(), columns[in_order].tolist(), strict=True):
            description = wanted.descriptions.get((first + step, column), UNCHANGED)
            kind, level, whole = wanted.about(column)
            key = column, int(sizes[step, column]), description
            if key not in templates:
                templates[key] = _Template.of(kind, key[1], level, description=description)
            row = int(found[step, column])
            if row != _MISSING:
                self._edit(row, templates[key].instead_of(self._lines[row]), replaces=True)
                continue
            start, end = rows.starts[first + step : first + step + 2].tolist()
            use = self._use(kind, level, whole, start, end)
            line = templates[key].line(b"%d" % rows.times[first + step], use)
            self._edit(self._place(kind, level, start, end), line, replaces=False)

    def lines(self) -> Iterator[bytes | memoryview]:
        """Yield the chunk's lines, runs of copied rows as one piece."""
        edited = np.array(self._edited, dtype=np.int64)
        in_order = np.lexsort((np.array(self._replaces, dtype=np.bool_), edited)).tolist()
        edits = [self._edits[index] for index in in_order]
        switches = np.flatnonzero(np.diff(self._kept, prepend=False, append=False)) + self.start
        cuts = np.unique(np.concatenate([switches, edited]))
        places = self._lines.ends[[*cuts, self.end]].tolist()
        is_copied = np.append(self._kept, False)[cuts - self.start].tolist()
        counts = np.diff(np.searchsorted(np.sort(edited), [*cuts, self.end + 1])).tolist()
        data = memoryview(self._lines.data)
        following = 0
        for cut, count in enumerate(counts):
            if count:
                yield from edits[following : following + count]
                following += count
            if is_copied[cut]:
                yield data[places[cut] : places[cut + 1]]

    def _edit(self, row: int, line: bytes, *, replaces: bool) -> None:
        self._edited.append(row)
        self._replaces.append(replaces)
        self._edits.append(line)

    def _add_vm_rows(self, places: NDArray[np.int64]) -> None:
        """Add rows about VMs as this project writes them, with the VMs' last sizes."""
        rows = self._rows
        here = places + self.start
        waits = [nan] * len(here) if rows.waits is None else rows.waits[here].tolist()
        templates: dict[tuple[int, int, str], _Template] = {}
        for place, row, owner, kind, wait in zip(
            places.tolist(),
            here.tolist(),
            rows.owners[here].tolist(),
            rows.kinds[here].tolist(),
            waits,
            strict=True,
        ):
            key = owner, kind, UNCHANGED if isnan(wait) else waited(wait)
            if key not in templates:
                vm = rows.uuids[owner], rows.names[owner]
                size, level = int(self._sizes[place]), float(rows.levels[row])
                templates[key] = _Template.of(Kind(kind), size, level, vm, key[-1])
            self._edit(row, templates[key].instead_of(self._lines[row]), replaces=True)

    def _use(self, kind: Kind, level: float | None, whole: int, start: int, end: int) -> bytes:
        """Return the use that a timestamp's written VMs add up to, for a missing row."""
        here, in_chunk = slice(start, end), slice(start - self.start, end - self.start)
        of_vms = Kind.VM_MEM if kind & 1 else Kind.VM_CPU
        counted = self._written[in_chunk] & (self._rows.kinds[here] == of_vms.value)
        if kind == Kind.SUBSET_CPU:
            counted &= self._rows.levels[here] == level
        used = float((self._rows.values[here] * self._sizes[in_chunk])[counted].sum())
        return str(round(used / whole, 5)).encode()

    def _place(self, kind: Kind, level: float | None, start: int, end: int) -> int:
        """Return the row of a timestamp before which a missing row belongs."""
        if kind == Kind.GLOBAL_CPU:
            return start
        kinds = self._rows.kinds[start:end]
        behind = (kinds & 1) == 1
        if kind == Kind.SUBSET_CPU:
            behind |= (kinds == Kind.VM_CPU.value) & (self._rows.levels[start:end] == level)
        elif kind == Kind.SUBSET_MEM:
            behind = kinds == Kind.VM_MEM.value
        return start + int(np.argmax(behind)) if behind.any() else end
