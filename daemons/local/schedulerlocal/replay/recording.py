"""The recording of a replay: the rows of the trace with what was decided anew in them.

Rows keep the order of the trace, for arrivals at one timestamp are served in that order: a replay
of the output decides the same. Rows of VMs that were refused and of vNodes that do not exist are
left out; rows of the host and of vNodes that the trace lacks are added.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from schedulerlocal.replay.decisions import Decisions, HostState
from slackvm.model.topology import Topology
from slackvm.monitoring.record import UNCHANGED, Kind, row_line
from slackvm.monitoring.trace import Trace
from slackvm.monitoring.writing import RecordingWriter

_CHUNK = 1 << 17
"""Rows, about, that are put together at a time."""


def write_replay(
    trace: Trace,
    decisions: Decisions,
    topology: Topology,
    writer: RecordingWriter,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the recording of a replay; `advance` is told how many rows of the trace are done."""
    rows = trace.rows
    presences = _Presences(trace, decisions)
    no_vm = np.flatnonzero(rows.kinds < Kind.VM_CPU.value)
    states = iter(decisions.states)
    following = next(states, None)
    wanted = _wanted(HostState(0, 0, ()), topology)
    for first, last in _chunks(trace):
        chunk = _Chunk(trace, presences, int(rows.starts[first]), int(rows.starts[last]))
        for step in range(first, last):
            if following is not None and step == following.step:
                wanted = _wanted(following, topology)
                following = next(states, None)
            start, end = int(rows.starts[step]), int(rows.starts[step + 1])
            here = no_vm[slice(*np.searchsorted(no_vm, (start, end)))].tolist()
            found = {(int(rows.kinds[row]), _level(rows.levels[row])): row for row in here}
            for line in wanted:
                chunk.add(line, found.get((line.kind, line.level)), start, end)
                line.description = UNCHANGED
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


def _level(level: float) -> float | None:
    return None if np.isnan(level) else float(level)


@dataclass
class _Wanted:
    """A row about the host or a vNode that each timestamp must have.

    Attributes:
        kind: what it is about.
        level: the vNode's level, None for the host.
        config: CPUs or MiB.
        whole: what its use is divided by: `val` of a vNode's CPUs is a number of CPUs.
        description: `sb_dsc`, until it was written once.
    """

    kind: Kind
    level: float | None
    config: int
    whole: int
    description: str = UNCHANGED

    def line(self, time: str, use: str) -> bytes:
        """Return the row as a line."""
        return row_line(
            self.kind, time, use, self.config, level=self.level, description=self.description
        )


def _wanted(state: HostState, topology: Topology) -> list[_Wanted]:
    """Return the rows about no VM that a timestamp has while the host is in this state."""
    memory = topology.memory_mib
    rows = [_Wanted(Kind.GLOBAL_CPU, None, len(topology), len(topology))]
    rows += [
        _Wanted(Kind.SUBSET_CPU, vnode.level, vnode.owned, 1, vnode.description or UNCHANGED)
        for vnode in state.vnodes
    ]
    rows.append(_Wanted(Kind.GLOBAL_MEM, None, memory, memory))
    if state.vnodes:
        rows.append(_Wanted(Kind.SUBSET_MEM, 1.0, state.memory_mib, memory))
    return rows


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


@dataclass(order=True)
class _Edit:
    """A line to write before the row of index `row`, or (`replaces`) instead of it."""

    row: int
    replaces: bool
    line: bytes = field(compare=False)


class _Chunk:
    """Consecutive rows, of whole timestamps, on their way to the output.

    Rows about VMs that are written as they stand are copied; everything else is an edit.
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
        changed = np.flatnonzero(written & ~self._kept).tolist()
        self._edits = [_Edit(start + place, True, self._vm_line(place)) for place in changed]

    def add(self, wanted: _Wanted, row: int | None, start: int, end: int) -> None:
        """Add a wanted row of the timestamp of rows `start` to `end`; `row` if it is there."""
        if row is None:
            time, use = (
                str(self._rows.times[self._rows.steps[start]]),
                self._use(wanted, start, end),
            )
            line = wanted.line(time, use)
            self._edits.append(_Edit(self._place(wanted, start, end), False, line))
            return
        as_it_stands = self._lines[row]
        fields = as_it_stands.split(b"\t", 4)
        line = wanted.line(fields[0].decode(), fields[3].decode())
        if line == as_it_stands:
            self._kept[row - self.start] = True
        else:
            self._edits.append(_Edit(row, True, line))

    def lines(self) -> Iterator[bytes | memoryview]:
        """Yield the chunk's lines, runs of copied rows as one piece."""
        edits = sorted(self._edits)
        switches = np.flatnonzero(np.diff(self._kept, prepend=False, append=False)) + self.start
        cuts = np.unique(np.concatenate([switches, [edit.row for edit in edits]])).astype(np.int64)
        data = memoryview(self._lines.data)
        following = 0
        for cut, until in zip(cuts.tolist(), [*cuts[1:].tolist(), self.end], strict=True):
            while following < len(edits) and edits[following].row == cut:
                yield edits[following].line
                following += 1
            if cut < self.end and self._kept[cut - self.start]:
                yield data[self._lines.ends[cut] : self._lines.ends[until]]

    def _vm_line(self, place: int) -> bytes:
        """Return a row about a VM as this project writes it, with the VM's last size."""
        row = self.start + place
        time, _, _, use, _ = self._lines[row].decode().split("\t", 4)
        owner = int(self._rows.owners[row])
        return row_line(
            Kind(self._rows.kinds[row]),
            time,
            use,
            int(self._sizes[place]),
            level=float(self._rows.levels[row]),
            vm=(self._rows.uuids[owner], self._rows.names[owner]),
        )

    def _use(self, wanted: _Wanted, start: int, end: int) -> str:
        """Return the use that a timestamp's written VMs add up to, for a missing row."""
        here, in_chunk = slice(start, end), slice(start - self.start, end - self.start)
        kind = Kind.VM_MEM if wanted.kind & 1 else Kind.VM_CPU
        counted = self._written[in_chunk] & (self._rows.kinds[here] == kind.value)
        if wanted.kind == Kind.SUBSET_CPU:
            counted &= self._rows.levels[here] == wanted.level
        used = float((self._rows.values[here] * self._sizes[in_chunk])[counted].sum())
        return str(round(used / wanted.whole, 5))

    def _place(self, wanted: _Wanted, start: int, end: int) -> int:
        """Return the row of a timestamp before which a missing row belongs."""
        if wanted.kind == Kind.GLOBAL_CPU:
            return start
        kinds = self._rows.kinds[start:end]
        behind = (kinds & 1) == 1
        if wanted.kind == Kind.SUBSET_CPU:
            behind |= (kinds == Kind.VM_CPU.value) & (self._rows.levels[start:end] == wanted.level)
        elif wanted.kind == Kind.SUBSET_MEM:
            behind = kinds == Kind.VM_MEM.value
        return start + int(np.argmax(behind)) if behind.any() else end
