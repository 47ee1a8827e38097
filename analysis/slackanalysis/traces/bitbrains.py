"""Bitbrains' traces fastStorage and Rnd (GWA-T-12): a folder with a CSV file per VM.

Schema: gwa.ewi.tudelft.nl/datasets/gwa-t-12-bitbrains. A row every five minutes, columns separated
by `;` and blanks. The header says milliseconds; published files have seconds. Sizes may change over
time: the largest counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slackanalysis.progress import Track, untracked
from slackanalysis.traces.account import Account
from slackanalysis.traces.csv_pieces import Layout, Piece, read_pieces
from slackanalysis.traces.recording import Samples
from slackanalysis.traces.vms import TraceVMs
from slackvm.formats.contents import STANDARD_INPUT
from slackvm.formats.seconds import LATEST_S

STEP_S = 300
"""Seconds from one row to the next."""

_TIME, _CORES, _CPU = "Timestamp [ms]", "CPU cores", "CPU usage [%]"
_MEMORY, _USED = "Memory capacity provisioned [KB]", "Memory usage [KB]"
LAYOUT = Layout(
    columns=(
        *(_TIME, _CORES, "CPU capacity provisioned [MHZ]", "CPU usage [MHZ]", _CPU),
        *(_MEMORY, _USED, "Disk read throughput [KB/s]", "Disk write throughput [KB/s]"),
        *("Network received throughput [KB/s]", "Network transmitted throughput [KB/s]"),
    ),
    wanted=(_TIME, _CORES, _CPU, _MEMORY, _USED),
    header=True,
    delimiter=";",
)

_MILLISECONDS = 1e11
"""Larger times are milliseconds: as seconds they are later than the year 5000."""
_KIB = 1024


@dataclass(frozen=True)
class Bitbrains:
    """A folder that was looked through.

    Attributes:
        files: the file of each VM by the VM's name.
        first_s: time of the first row of all, in seconds since 1970.
        vms: the VMs, in seconds since then.
    """

    files: dict[str, Path]
    first_s: int
    vms: TraceVMs


def read_bitbrains(path: Path, account: Account, track: Track) -> Bitbrains:
    """Read the sizes and times of all VMs in a folder, or of one file.

    Args:
        path: the folder; its folders belong to it. Or one file.
        account: counts what was guessed and dropped.
        track: shows how many files are read.

    Raises:
        ValueError: there is no file of a VM, or one is no such table; with the row.
        OSError: a file cannot be opened.
    """
    files = _files(path)
    advance = track("reading VMs", len(files))
    found: list[tuple[str, float, float, float, float]] = []
    for name, file in files.items():
        size = _size(file, account)
        if size:
            found.append((name, *size))
        advance(1)
    if not found:
        raise ValueError(f"{path}: no VM in it that has CPUs, memory and a row")
    names, cores, mib, first, last = zip(*found, strict=True)
    earliest = int(min(first))
    times = [np.array(each, dtype=np.float64) - earliest for each in (first, last)]
    vms = TraceVMs(
        pa.array(names, pa.string()), np.array(cores), np.array(mib), times[0], times[1] + STEP_S
    )
    return Bitbrains({name: files[name] for name in names}, earliest, vms)


def read_use(trace: Bitbrains, names: set[str], track: Track) -> Iterator[Samples]:
    """Yield what VMs of these names used.

    Raises:
        ValueError: a file is no such table; with the row.
        OSError: a file cannot be opened.
    """
    advance = track("reading use", len(names))
    for name, file in trace.files.items():
        if name not in names:
            continue
        for piece in read_pieces(file, LAYOUT):
            used, size = _not_negative(piece, _USED), _not_negative(piece, _MEMORY)
            share = np.divide(used, size, out=np.zeros_like(used), where=size > 0)
            yield Samples(
                np.full(len(piece), name, dtype=object),
                _seconds(piece) - trace.first_s,
                _not_negative(piece, _CPU) / 100,
                share,
            )
        advance(1)


def _files(path: Path) -> dict[str, Path]:
    if path == STANDARD_INPUT:
        raise ValueError("-: the trace is a folder with a file per VM; name the folder")
    if not path.is_dir():
        return {path.name.partition(".")[0]: path}
    by_name: dict[str, Path] = {}
    for file in sorted([*path.rglob("*.csv"), *path.rglob("*.csv.gz")]):
        name = str(file.relative_to(path)).removesuffix(".gz").removesuffix(".csv")
        if name in by_name:
            raise ValueError(f"{by_name[name]} and {file} are both of VM {name!r}; remove one")
        by_name[name] = file
    if not by_name:
        raise ValueError(f"{path}: no file of a VM in it (*.csv)")
    # 2 before 10.
    return dict(sorted(by_name.items(), key=lambda each: (len(each[0]), each[0])))


def _size(file: Path, account: Account) -> tuple[float, float, float, float] | None:
    """Return the cores, MiB, first and last second of a VM; None of one that has none of them."""
    cores, kib, times = [], [], []
    for piece in read_pieces(file, LAYOUT, untracked):
        cores.append(_not_negative(piece, _CORES))
        kib.append(_not_negative(piece, _MEMORY))
        times.append(_seconds(piece))
    all_cores, all_kib, all_times = (np.concatenate(each) for each in (cores, kib, times))
    if not (all_cores.max() > 0 and all_kib.max() > 0):
        account.add("dropped", "no CPU or no memory at any time", 1)
        return None
    for values, what in ((all_cores, "CPUs"), (all_kib, "memory")):
        if values.min() < values.max():
            account.add("guessed", f"{what} changed over time: the most that it had", 1)
    return all_cores.max(), all_kib.max() / _KIB, all_times.min(), all_times.max()


def _seconds(piece: Piece) -> NDArray[np.float64]:
    times = piece.numbers(_TIME, "a time of 0 or more", 0)
    seconds = np.where(times > _MILLISECONDS, times / 1000, times)
    piece.refuse(_TIME, seconds >= LATEST_S, "a time in seconds or milliseconds since 1970")
    return seconds


def _not_negative(piece: Piece, name: str) -> NDArray[np.float64]:
    return piece.numbers(name, "a number of 0 or more", 0)
