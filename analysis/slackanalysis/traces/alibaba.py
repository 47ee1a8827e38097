"""Alibaba's cluster trace of 2018: containers of online services, and what they used.

Schema: cluster-trace-v2018 of github.com/alibaba/clusterdata. `container_meta.csv` has a row per
event of a container, `container_usage.csv` what it used; both are without header. CPUs are
hundredths of a core, memory is percent of the largest machine; -1 and 101 are values that are not
known. A time of 0 is before the eight days of the trace.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slackanalysis.progress import Track
from slackanalysis.traces.account import Account
from slackanalysis.traces.csv_pieces import Layout, Piece, as_numbers, read_pieces
from slackanalysis.traces.recording import Samples
from slackanalysis.traces.sizes import Units
from slackanalysis.traces.vms import TraceVMs
from slackanalysis.workload.catalogue import GIB

END_S = 8 * 86_400
"""The second behind the last of the trace."""

_META = ("container_id", "machine_id", "time_stamp", "app_du", "status")
META = Layout(
    columns=(*_META, "cpu_request", "cpu_limit", "mem_size"),
    wanted=("container_id", "machine_id", "time_stamp", "status", "cpu_request", "mem_size"),
)
_USAGE = ("container_id", "machine_id", "time_stamp", "cpu_util_percent", "mem_util_percent")
USAGE = Layout(
    columns=(*_USAGE, "cpi", "mem_gps", "mpki", "net_in", "net_out", "disk_io_percent"),
    wanted=("container_id", "time_stamp", "cpu_util_percent", "mem_util_percent"),
)

_STOPPED = "stopped"
_UNKNOWN = (-1, 101)


def read_alibaba(
    path: Path, units: Units, machine: str | None, account: Account, track: Track
) -> Iterator[TraceVMs]:
    """Yield the containers of a `container_meta.csv`.

    A container is there from its first event that is not `stopped` to the end of the trace, or to
    its last event where that is `stopped`. Its largest size counts.

    Args:
        path: the file.
        units: memory of the largest machine.
        machine: the machine whose containers are taken; None: all.
        account: counts what was guessed and dropped.
        track: shows how much is read.

    Raises:
        ValueError: the file is no such table, or knows no such machine; with the row.
        OSError: the file cannot be opened.
    """
    pieces = [_events(piece) for piece in read_pieces(path, META, track)]
    events = pd.concat(pieces, ignore_index=True).sort_values("time", kind="stable")
    if machine is not None:
        events = events[events["machine"] == machine]
        if events.empty:
            raise ValueError(f"{path}: no machine {machine!r} in it")
    yield _containers(events, units, account)


def read_use(path: Path, names: set[str], track: Track) -> Iterator[Samples]:
    """Yield what containers of these names used; unknown values are left out.

    Raises:
        ValueError: the file is no such table; with the row.
        OSError: the file cannot be opened.
    """
    wanted = pa.array(sorted(names), pa.string())
    for piece in read_pieces(path, USAGE, track):
        cpu = _known(piece, "cpu_util_percent")
        memory = _known(piece, "mem_util_percent")
        time_s = piece.numbers("time_stamp", "a time of 0 s or more", 0)
        ids = piece.names("container_id")
        chosen = np.asarray(pc.is_in(ids, wanted).to_numpy(zero_copy_only=False), dtype=bool)
        chosen &= np.isfinite(cpu) & np.isfinite(memory)
        yield Samples(
            ids.filter(pa.array(chosen)).to_numpy(zero_copy_only=False),
            time_s[chosen],
            cpu[chosen] / 100,
            memory[chosen] / 100,
        )


def _events(piece: Piece) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": piece.names("container_id").to_pandas(),
            "machine": piece.names("machine_id").to_pandas(),
            "time": piece.numbers("time_stamp", "a time of 0 s or more", 0),
            "is_stopped": pc.equal(piece.names("status"), _STOPPED).to_pandas(),
            "cores": _known(piece, "cpu_request", (-1,)) / 100,
            "share": _known(piece, "mem_size") / 100,
        }
    )


def _containers(events: pd.DataFrame, units: Units, account: Account) -> TraceVMs:
    """Return containers; `events` are in the order of their times."""
    by_name = events.groupby("name", sort=False)
    running = events[~events["is_stopped"]].groupby("name", sort=False)["time"].first()
    last = by_name[["time", "is_stopped"]].last().reindex(running.index)
    most = by_name[["cores", "share"]].max().reindex(running.index)
    stopped = events["name"].nunique() - len(running)
    account.add("dropped", "stopped at all events", stopped, "containers")
    changed = (by_name[["cores", "share"]].nunique() > 1).any(axis=1).reindex(running.index)
    account.add("guessed", "size changed over time: the most that it had", int(changed.sum()))
    has_size = ((most["cores"] > 0) & (most["share"] > 0)).to_numpy()
    account.add("dropped", "CPUs or memory not known (-1, 101, 0, empty)", int((~has_size).sum()))
    containers = TraceVMs(
        pa.array(running.index.tolist(), pa.string()),
        most["cores"].to_numpy(np.float64),
        most["share"].to_numpy(np.float64) * units.memory_gib * GIB,
        running.to_numpy(np.float64),
        last["time"].where(last["is_stopped"]).to_numpy(np.float64),
    )
    return containers.where(has_size)


def _known(piece: Piece, name: str, unknown: Sequence[float] = _UNKNOWN) -> NDArray[np.float64]:
    """Return numbers; NaN where the value is unknown."""
    texts = piece.texts(name)
    numbers = as_numbers(texts)
    is_empty = np.asarray(pc.equal(texts, "").to_numpy(zero_copy_only=False), dtype=np.bool_)
    is_unknown = is_empty | np.isin(numbers, unknown)
    piece.refuse(name, ~is_unknown & ~(numbers >= 0), "a number of 0 or more, -1 or empty")
    piece.refuse(name, np.isinf(numbers), "a number of 0 or more, -1 or empty")
    return np.where(is_unknown, np.nan, numbers)
