"""Azure's traces of 2017 and 2019: `vmtable.csv`, a row per VM, without header.

Schema: AzurePublicDatasetV1.md and AzurePublicDatasetV2.md of github.com/Azure/AzurePublicDataset.
A VM that was there before the trace has 0 as its creation, one that outlived it the trace's end as
its deletion. Sizes of 2019 are buckets: each number is the largest size of its bucket, and the last
bucket has no upper bound (`>24` vCPUs, `>64` GB).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from slackanalysis.progress import Track
from slackanalysis.traces.account import Account
from slackanalysis.traces.choice import hashes
from slackanalysis.traces.csv_pieces import Layout, Piece, as_numbers, read_pieces
from slackanalysis.traces.sizes import Units
from slackanalysis.traces.vms import TraceVMs, refuse_names_given_twice
from slackanalysis.workload.catalogue import GIB

LAYOUT = Layout(
    columns=(
        *("vm id", "subscription id", "deployment id", "created", "deleted"),
        *("max cpu", "avg cpu", "p95 max cpu", "category", "cores", "memory"),
    ),
    wanted=("vm id", "created", "deleted", "cores", "memory"),
)

_OPEN = ">"


def read_azure(
    path: Path, units: Units | None, account: Account, track: Track
) -> Iterator[TraceVMs]:
    """Yield the VMs of a `vmtable.csv`.

    Args:
        path: the file.
        units: values of buckets without an upper bound; None: the trace has no buckets, as in 2017.
        account: counts what was guessed.
        track: shows how much is read.

    Raises:
        ValueError: the file is no such table; with the row.
        OSError: the file cannot be opened.
    """
    seen: list[NDArray[np.uint64]] = []
    for piece in read_pieces(path, LAYOUT, track):
        names = piece.names("vm id")
        seen.append(hashes(names, "id"))
        start_s, end_s = piece.numbers("created"), piece.numbers("deleted")
        piece.refuse("deleted", end_s < start_s, "at or after its creation")
        sizes = []
        for column, stands_for, unit in (
            ("cores", units.above_cpus if units else None, "vCPUs"),
            ("memory", units.above_memory_gib if units else None, "GiB"),
        ):
            sizes.append(_sizes(piece, column, stands_for, unit, account))
        yield TraceVMs(names, sizes[0], sizes[1] * GIB, start_s, end_s)
    refuse_names_given_twice(path, "vm id", np.concatenate(seen))


def _sizes(
    piece: Piece, column: str, stands_for: float | None, unit: str, account: Account
) -> NDArray[np.float64]:
    """Return sizes; a bucket without upper bound is what it stands for."""
    texts = piece.texts(column)
    is_open = np.asarray(pc.starts_with(texts, _OPEN).to_numpy(zero_copy_only=False), dtype=bool)
    if stands_for is None:
        piece.refuse(column, is_open, "a size; buckets are those of azure-2019")
    sizes = as_numbers(pc.utf8_ltrim(texts, _OPEN))
    piece.refuse(column, ~(np.isfinite(sizes) & (sizes > 0)), "a size more than 0")
    if stands_for is not None and is_open.any():
        bound = float(sizes[is_open].max())
        too_small = is_open & (sizes >= stands_for)
        piece.refuse(column, too_small, f"less than the {stands_for:g} {unit} that it stands for")
        account.add("guessed", f"{column} above {bound:g}: {stands_for:g} {unit}", is_open.sum())
        sizes[is_open] = stands_for
    return sizes
