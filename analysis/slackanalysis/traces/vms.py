"""VMs as a trace gives them, and the request list that they make."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slackanalysis.traces.account import Account
from slackanalysis.traces.choice import Choice
from slackanalysis.traces.csv_pieces import row_error
from slackanalysis.traces.sizes import whole_mib, whole_vcpus
from slackanalysis.workload.mix import mix_text
from slackanalysis.workload.request_file import whole_seconds
from slackvm.formats.seconds import LATEST_S, why_too_late
from slackvm.model.vm import LARGEST

_DECIMALS = 3
"""Times are kept to the millisecond: days as fractions have no more."""


@dataclass(frozen=True)
class TraceVMs:
    """VMs of a trace; every array has shape (VMs,).

    Attributes:
        names: their names.
        vcpus: their vCPUs, perhaps fractions.
        memory_mib: their MiB, perhaps fractions.
        start_s: when each arrives, in seconds of the trace.
        end_s: when each leaves; not a number where the trace does not say.
    """

    names: pa.Array
    vcpus: NDArray[np.float64]
    memory_mib: NDArray[np.float64]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.names)

    def where(self, chosen: NDArray[np.bool_]) -> "TraceVMs":
        """Return those that are chosen, in the same order."""
        if chosen.all():
            return self
        numbers = (self.vcpus, self.memory_mib, self.start_s, self.end_s)
        return TraceVMs(self.names.filter(pa.array(chosen)), *(each[chosen] for each in numbers))


@dataclass(frozen=True)
class Chosen:
    """What is taken of a trace.

    Attributes:
        table: the request list: columns `provider`, `mix` and those of a request file, by start.
        start_s: first second of the window.
        end_s: the second behind its last.
        vms_in_trace: VMs of the trace, taken or not.
    """

    table: pd.DataFrame
    start_s: float
    end_s: float
    vms_in_trace: int

    @property
    def most_at_once(self) -> int:
        """The largest number of VMs that are there at one time."""
        starts = self.table["start_s"].to_numpy()
        times = np.concatenate([starts, starts + self.table["lifetime_s"].to_numpy()])
        change = np.repeat([1, -1], len(starts))
        return int(np.cumsum(change[np.lexsort((-change, times))]).max(initial=0))


def choose(
    provider: str,
    pieces: Iterable[TraceVMs],
    choice: Choice,
    account: Account,
    last_s: float = 0.0,
) -> Chosen:
    """Return the request list of a trace.

    Args:
        provider: the trace's name.
        pieces: its VMs.
        choice: what is taken.
        account: counts what was clipped, filled, rounded and dropped.
        last_s: the second behind the last of the trace, where its last event is earlier.

    Raises:
        ValueError: no VM is left, one is larger than the model allows, or has a name that is not
            printable or another VM's, or a time is no seconds.
    """
    kept: list[TraceVMs] = []
    count, last = 0, -np.inf
    for piece in pieces:
        count += len(piece)
        last = max(last, np.max(piece.start_s, initial=last), np.nanmax(_or(piece.end_s, last)))
        chosen = choice.is_sampled(piece.names)
        account.add("dropped", "not in the sample", int((~chosen).sum()))
        kept.append(piece.where(chosen))
    if last >= LATEST_S:
        raise ValueError(f"the trace has a time of {last:.15g}, which {why_too_late(last)}")
    vms = _joined(kept)
    end_of_trace = max(np.floor(last) + 1, last_s)
    start, end = choice.window.start_s, choice.window.end_s or end_of_trace
    vms = _clipped(vms, start, end, end_of_trace, account)
    if not len(vms):
        raise ValueError(
            f"none of the {count:,} VMs of the trace is left from {start:.0f} to {end:.0f} s; see "
            "--window and --sample"
        )
    _refuse_names(vms.names)
    return Chosen(_table(provider, vms, choice, account), start, end, count)


def refuse_names_given_twice(path: Path, column: str, hashes: NDArray[np.uint64]) -> None:
    """Refuse a trace that has a name twice.

    Args:
        path: the file.
        column: the column of the names.
        hashes: `choice.hashes` of the name in each row; names themselves would take ten times the
            memory, and 64 bits of different names are the same once in millions of such traces.

    Raises:
        ValueError: names the first row whose name is that of one before.
    """
    order = np.argsort(hashes, kind="stable")
    is_repeated = np.concatenate(([False], hashes[order][1:] == hashes[order][:-1]))
    if is_repeated.any():
        row = int(order[is_repeated].min())
        before = int(np.flatnonzero(hashes == hashes[row])[0])
        raise row_error(path, row + 1, f"{column}: the same as in row {before + 1}")


def _refuse_names(names: pa.Array) -> None:
    """Refuse names that a request list or a recording cannot hold."""
    is_name = pc.and_(pc.utf8_is_printable(names), pc.greater(pc.utf8_length(names), 0))
    if not pc.all(is_name).as_py():
        name = names.filter(pc.invert(is_name))[0].as_py()
        raise ValueError(f"VM {name!r}: a name is not empty, and printable")
    is_repeated = names.to_pandas().duplicated().to_numpy()
    if is_repeated.any():
        name = names[int(is_repeated.argmax())].as_py()
        raise ValueError(f"VM {name!r}: two VMs of the trace have this name")


def _or(values: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    return np.append(values, least)


def _joined(kept: list[TraceVMs]) -> TraceVMs:
    kind = pa.large_string()  # of more than 2 GiB in all
    columns = (
        np.concatenate([np.empty(0), *(getattr(piece, name) for piece in kept)])
        for name in ("vcpus", "memory_mib", "start_s", "end_s")
    )
    names = [pa.array([], kind), *(piece.names.cast(kind) for piece in kept)]
    return TraceVMs(pa.concat_arrays(names), *columns)


def _clipped(
    vms: TraceVMs, start: float, end: float, end_of_trace: float, account: Account
) -> TraceVMs:
    unknown = np.isnan(vms.end_s)
    ends = np.where(unknown, max(end, end_of_trace), vms.end_s)
    no_time = ends == vms.start_s
    account.add("dropped", "lifetime of 0 s", int(no_time.sum()))
    inside = (ends > start) & (vms.start_s < end)
    account.add("dropped", "outside the window", int((~inside & ~no_time).sum()))
    taken = inside & ~no_time
    late, long = taken & (vms.start_s < start), taken & (ends > end) & ~unknown
    account.add(
        "clipped", f"started before {start:.0f} s: starts at {start:.0f} s", int(late.sum())
    )
    account.add("clipped", f"ended after {end:.0f} s: ends at {end:.0f} s", int(long.sum()))
    account.add("filled", f"no end in the trace: ends at {end:.0f} s", int((taken & unknown).sum()))
    clipped = TraceVMs(
        vms.names, vms.vcpus, vms.memory_mib, np.maximum(vms.start_s, start), np.minimum(ends, end)
    )
    return clipped.where(taken)


def _table(provider: str, vms: TraceVMs, choice: Choice, account: Account) -> pd.DataFrame:
    start_s = np.round(vms.start_s, _DECIMALS)
    lifetime_s = np.round(vms.end_s - start_s, _DECIMALS)
    lifetime_s = np.maximum(lifetime_s, 10.0**-_DECIMALS)
    for name, values in (("vCPUs", vms.vcpus), ("MiB", vms.memory_mib)):
        if values.max() > LARGEST:
            which = vms.names[int(values.argmax())].as_py()
            raise ValueError(f"VM {which!r}: {values.max():g} {name} are not allowed: to {LARGEST}")
    order = np.argsort(start_s, kind="stable")
    columns = {
        "vm": vms.names.take(pa.array(order)),
        "vcpus": whole_vcpus(vms.vcpus, account)[order],
        "memory_mib": whole_mib(vms.memory_mib)[order],
        "level": choice.levels(vms.names)[order],
        "start_s": whole_seconds(start_s[order]),
        "lifetime_s": whole_seconds(lifetime_s[order]),
    }
    table = pd.DataFrame({**columns, "vm": columns["vm"].to_pandas()})
    table.insert(0, "provider", provider)
    table.insert(1, "mix", mix_text(choice.mix))
    return table
