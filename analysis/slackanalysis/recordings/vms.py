"""What a recording says about VMs, read as a replay reads it."""

from pathlib import Path

import numpy as np
import pandas as pd

from slackanalysis.recordings.reading import read_recording
from slackvm.formats.contents import shown
from slackvm.formats.monitoring.record import Kind
from slackvm.formats.monitoring.trace import Trace

BUSY_PERCENTILE = 0.95
"""Which percentile of a VM's use stands for how busy it gets."""


def read_levels(path: Path) -> pd.DataFrame:
    """Return what the VMs of each level add up to over time.

    Args:
        path: the recording: CSV or Parquet, perhaps compressed by gzip or zstd.

    Returns:
        One row per timestamp and level, sorted by both, of zeros where no VM is there: `time_s`
        (seconds), `level`, `vms`, `vcpus`, `used_cpus` (sum of use times vCPUs), `memory_mib`,
        `used_mib`.

    Raises:
        ValueError: the file is no recording, or there is no VM in it; the message names it.
    """
    trace = _read(path)
    rows = trace.rows
    levels, level_of = np.unique(
        [presence.vm.level for presence in trace.presences], return_inverse=True
    )
    columns: dict[str, object] = {
        "time_s": np.repeat(rows.times, len(levels)),
        "level": np.tile(levels, len(rows.times)),
    }
    cells = len(rows.times) * len(levels)
    for kind, size, used in (
        (Kind.VM_CPU, "vcpus", "used_cpus"),
        (Kind.VM_MEM, "memory_mib", "used_mib"),
    ):
        chosen = np.flatnonzero((rows.kinds == kind.value) & (trace.owners >= 0))
        cell = rows.steps[chosen] * len(levels) + level_of[trace.owners[chosen]]
        sizes = rows.sizes[chosen]
        if kind is Kind.VM_CPU:
            columns["vms"] = np.bincount(cell, minlength=cells)
        # Exact: 64-bit floats hold whole numbers up to 2**53.
        columns[size] = np.bincount(cell, sizes, cells).astype(np.int64)
        columns[used] = np.bincount(cell, rows.values[chosen] * sizes, cells)
    return pd.DataFrame(columns)


def read_vm_use(path: Path) -> pd.DataFrame:
    """Return how much of its vCPUs each VM uses.

    Args:
        path: the recording, as for `read_levels`.

    Returns:
        One row per VM, in the order of the file: `vm_uuid`, `level`, `vcpus` (the last), `first_s`
        and `last_s` (seconds), `mean_use` and `busy_use` (0..1: mean over its timestamps, and
        their 95th percentile, interpolated linearly).

    Raises:
        ValueError: the file is no recording, or there is no VM in it; the message names it.
    """
    trace = _read(path)
    presences = trace.presences
    chosen = np.flatnonzero((trace.rows.kinds == Kind.VM_CPU.value) & (trace.owners >= 0))
    uses = pd.Series(trace.rows.values[chosen]).groupby(trace.owners[chosen])
    times = trace.rows.times
    return pd.DataFrame(
        {
            "vm_uuid": [presence.uuid for presence in presences],
            "level": [presence.vm.level for presence in presences],
            "vcpus": [presence.vm.vcpus for presence in presences],
            "first_s": times[[presence.first_step for presence in presences]],
            "last_s": times[[presence.last_step for presence in presences]],
            "mean_use": uses.mean(),
            "busy_use": uses.quantile(BUSY_PERCENTILE),
        }
    ).reset_index(drop=True)


def _read(path: Path) -> Trace:
    trace = read_recording(path)
    if not trace.presences:
        raise ValueError(f"{shown(path)}: no VM in it (no row with rec=vm and res=cpu)")
    return trace
