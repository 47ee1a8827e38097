"""What a recording says about VMs, read without holding the recording in memory."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from slackanalysis.recordings.host import levels_of_vms, matching, read_times

BUSY_PERCENTILE = 0.95
"""Which percentile of a VM's use stands for how busy it gets."""

_COLUMNS = ("tmp", "val", "config", "vm_uuid")


def read_levels(path: Path) -> pd.DataFrame:
    """Return what the VMs of each level add up to over time.

    Args:
        path: the recording: CSV, tab separated and perhaps gzipped, or Parquet by its ending.

    Returns:
        One row per timestamp and level, sorted by both, of zeros where no VM is there: `time_s`
        (seconds), `level`, `vms`, `vcpus`, `used_cpus` (sum of use times vCPUs), `memory_mib`,
        `used_mib`.

    Raises:
        ValueError: the file is no recording, or there is no VM in it; the message names it.
        OSError: the file cannot be opened.
    """
    level_of = _levels(path)
    every = pd.MultiIndex.from_product(
        [read_times(path), sorted(level_of.unique())], names=["time_s", "level"]
    )
    cpu = _sums(path, "cpu", level_of).rename(columns={"size": "vcpus", "used": "used_cpus"})
    memory = _sums(path, "mem", level_of).rename(columns={"size": "memory_mib", "used": "used_mib"})
    both = cpu.reindex(every).join(memory[["memory_mib", "used_mib"]]).fillna(0)
    return both.astype({"vms": "int64", "vcpus": "int64", "memory_mib": "int64"}).reset_index()


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
        OSError: the file cannot be opened.
    """
    level_of = _levels(path)
    pieces = []
    for piece in _pieces(path, "cpu"):
        # One small number instead of each UUID: that is most of the memory.
        piece["vm"] = level_of.index.get_indexer(pd.Index(piece.pop("vm_uuid"))).astype("int32")
        pieces.append(piece)
    by_vm = pd.concat(pieces).groupby("vm")
    return pd.DataFrame(
        {
            "vm_uuid": level_of.index,
            "level": level_of.to_numpy(),
            "vcpus": by_vm["config"].last(),
            "first_s": by_vm["tmp"].min(),
            "last_s": by_vm["tmp"].max(),
            "mean_use": by_vm["val"].mean(),
            "busy_use": by_vm["val"].quantile(BUSY_PERCENTILE),
        }
    ).reset_index(drop=True)


def _levels(path: Path) -> "pd.Series[float]":
    """Return the level of each VM by its UUID."""
    level_of = pd.Series(levels_of_vms(path), dtype="float64")
    if level_of.empty:
        raise ValueError(f"{path}: no VM in it (no row with rec=vm and res=cpu)")
    return level_of


def _sums(path: Path, resource: str, level_of: "pd.Series[float]") -> pd.DataFrame:
    """Return `vms`, `size` and `used` of one resource by timestamp and level."""
    pieces = []
    for piece in _pieces(path, resource):
        piece["level"] = piece["vm_uuid"].map(level_of)
        piece["used"] = piece["val"] * piece["config"]
        by_level = piece.groupby(["tmp", "level"])
        pieces.append(
            by_level.agg(vms=("config", "size"), size=("config", "sum"), used=("used", "sum"))
        )
    # A timestamp may stand in two pieces.
    summed = pd.concat(pieces).groupby(level=["tmp", "level"]).sum()
    return summed.rename_axis(["time_s", "level"])


def _pieces(path: Path, resource: str) -> Iterator[pd.DataFrame]:
    """Yield the VMs' rows about one resource."""
    for batch in matching(path, _COLUMNS, "vm", resource):
        yield pa.Table.from_batches([batch]).to_pandas()
