"""What a recording says about a host and its vNodes.

Recordings are read as a replay reads them (`slackvm.formats.monitoring.trace.read_trace`): what one
accepts or refuses, the other does, with the same message.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slackanalysis.recordings.reading import read_recording
from slackvm.formats.contents import shown
from slackvm.formats.monitoring.record import Kind
from slackvm.formats.monitoring.rows import Rows


def read_vnodes(path: Path) -> pd.DataFrame:
    """Return how the vNodes of a recording evolved.

    Args:
        path: the recording: CSV or Parquet, perhaps compressed by gzip or zstd.

    Returns:
        One row per timestamp and vNode, sorted by both: `time_s` (seconds), `level`, `owned_cpus`
        (CPUs owned), `used_cpus` (CPUs in use).

    Raises:
        ValueError: the file is no recording, or there is no vNode in it; the message names it.
    """
    rows = read_recording(path).rows
    chosen = np.flatnonzero(rows.kinds == Kind.SUBSET_CPU.value)
    if not len(chosen):
        raise ValueError(f"{shown(path)}: no vNode in it (no row with rec=subset and res=cpu)")
    chosen = chosen[np.lexsort((rows.levels[chosen], rows.steps[chosen]))]
    return pd.DataFrame(
        {
            "time_s": rows.times[rows.steps[chosen]],
            "level": rows.levels[chosen],
            "owned_cpus": rows.sizes[chosen],
            "used_cpus": rows.values[chosen],
        }
    )


def read_host(path: Path) -> pd.DataFrame:
    """Return what a host offers, allocates and uses over time.

    Args:
        path: the recording, as for `read_vnodes`.

    Returns:
        One row per timestamp, ascending: `time_s` (seconds); `cpus`, `owned_cpus` (by vNodes),
        `used_cpus`; `memory_mib`, `allocated_mib` (to VMs), `used_mib`.

    Raises:
        ValueError: the file is no recording, or lacks one of the host's rows at some timestamp; the
            message names it.
    """
    rows = read_recording(path).rows
    cpu, memory = (np.flatnonzero(rows.kinds == kind.value) for kind in _HOST_KINDS)
    steps = rows.steps[cpu]
    if not len(cpu) or not np.array_equal(steps, rows.steps[memory]):
        raise ValueError(
            f"{shown(path)}: no row with rec=global and res=cpu and one with res=mem for each "
            "timestamp"
        )
    return pd.DataFrame(
        {
            "time_s": rows.times[steps],
            "cpus": rows.sizes[cpu],
            "owned_cpus": _owned(rows, Kind.SUBSET_CPU)[steps],
            "used_cpus": rows.values[cpu] * rows.sizes[cpu],
            "memory_mib": rows.sizes[memory],
            "allocated_mib": _owned(rows, Kind.SUBSET_MEM)[steps],
            "used_mib": rows.values[memory] * rows.sizes[memory],
        }
    )


_HOST_KINDS = (Kind.GLOBAL_CPU, Kind.GLOBAL_MEM)


def read_times(path: Path) -> list[int]:
    """Return the timestamps of a recording in seconds, ascending.

    Raises:
        ValueError: the file is no recording; the message names it.
    """
    times: list[int] = read_recording(path).rows.times.tolist()
    return times


def count_vms(path: Path) -> dict[float, int]:
    """Return how many VMs of each level a recording has in all, levels ascending.

    Raises:
        ValueError: the file is no recording; the message names it.
    """
    levels = Counter(presence.vm.level for presence in read_recording(path).presences)
    return dict(sorted(levels.items()))


def _owned(rows: Rows, kind: Kind) -> NDArray[np.int64]:
    """Return what all vNodes own of one resource, shape (steps,)."""
    chosen = rows.kinds == kind.value
    owned = np.zeros(len(rows.times), dtype=np.int64)
    np.add.at(owned, rows.steps[chosen], rows.sizes[chosen])
    return owned
