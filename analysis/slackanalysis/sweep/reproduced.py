"""Ours held against what is claimed, each claim only for the input that it belongs to."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from slackanalysis.outputs import manifest
from slackanalysis.progress import Track, untracked
from slackanalysis.recordings.host import read_times, read_vnodes
from slackanalysis.recordings.time import in_window, since_first_sample
from slackanalysis.sizing.placement_run import volume_bound
from slackanalysis.sizing.sizing import Question, size_lists
from slackanalysis.sweep import claims
from slackanalysis.sweep.cells import PAPER_MIXES, Cell, cells_of, sweep
from slackanalysis.sweep.published import (
    AUTHORS_LISTS_SHA256,
    CELL,
    PUBLISHED_SIZE,
    PUBLISHED_TEMPORALITY,
    PUBLISHED_VMS,
    comparable,
    lists_digest,
    why_not_comparable,
)
from slackanalysis.sweep.reproduction import ALL, WITH_ONES, WITHOUT_ONES, Reproduction
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.demand import GENERATOR
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.request_file import read_requests
from slackvm.model import POLICIES

POLICIES_OF_LISTS = ("first-fit", "progress")

_KEYS = (*CELL, "vms", "temporality", "seed")
"""Columns that tell our request lists apart."""

_ORIGIN = ("list_sha256", "generator", "catalogue_sha256", "host_cpus", "host_memory_mib")

_ROUNDING = 1e-9
"""Numbers that a file has written in decimals may differ by so much, relatively."""


def check_fig_3(monitoring: Path, trace: str, published_sha256: str) -> pd.DataFrame:
    """Return the claims about Fig. 3, held against the vNodes of a replay.

    Args:
        monitoring: the replay's output.
        trace: the recording that was replayed; empty: unknown.
        published_sha256: SHA-256 of the authors' trace, in hexadecimal; empty: unknown.

    Returns:
        As `slackanalysis.sweep.claims.check`; numbers that a replay does not have are nan.

    Raises:
        ValueError: a file is no recording.
        OSError: a file cannot be opened.
    """
    is_published = bool(trace) and manifest.sha256(Path(trace)) == published_sha256.lower()
    vnodes = since_first_sample(read_vnodes(monitoring), read_times(monitoring)[0])
    at = in_window(vnodes, until_s=claims.FIG_3_S)
    last = at[at["time_s"] == at["time_s"].max()].set_index("level")
    numbers = [
        float(last[column].get(level, np.nan))
        for column in ("owned_cpus", "used_cpus")
        for level in (1.0, 2.0, 3.0)
    ]
    names = (claim.name for claim in claims.FIG_3)
    reason = "" if is_published else "the trace is not the authors' (published_sha256)"
    return claims.check(claims.FIG_3, dict(zip(names, numbers, strict=True)), is_published, reason)


def check_gains(
    table: pd.DataFrame,
    found: Reproduction,
    cells: Path | None = None,
    track: Track = untracked,
) -> pd.DataFrame:
    """Return the claims about what sharing saves, held against a sweep by first fit.

    Nothing is believed of the table: its columns of origin must be those of the published input,
    its lists those that our generator makes now, and each number what sizing the list again gives.

    Args:
        table: sizings by one policy.
        found: what they come to beside the published table.
        cells: a folder of cells of `slackanalysis.sweep.cells.sweep`: what has been computed there
            is not computed again. None: everything is, in about a minute of CPU time.
        track: shows how far that is.

    Returns:
        As `slackanalysis.sweep.claims.check`.
    """
    reason = _other_origin(table) or _other_numbers(table, cells, track)
    by_group = found.groups.set_index("group")["ours"]
    means = (float(by_group.get(group, np.nan)) for group in (WITH_ONES, WITHOUT_ONES, ALL))
    names = (claim.name for claim in claims.GAINS)
    numbers = dict(zip(names, (*means, found.correlation), strict=True))
    return claims.check(claims.GAINS, numbers, not reason, reason)


def check_lists(path: Path) -> pd.DataFrame:
    """Return what is known of the authors' request lists, held against our sizing of a file.

    Returns:
        As `slackanalysis.sweep.claims.check`.

    Raises:
        ValueError: the file holds no request lists, or a VM is larger than a host.
        OSError: the file cannot be opened.
    """
    lists = read_requests(path)
    numbers: list[float] = []
    for policy in POLICIES_OF_LISTS:
        sized = size_lists(lists, Question(PUBLISHED_SIZE), POLICIES[policy], policy)
        sizings = [each.sizing for each in sized]
        numbers.append(sum(sizing.shared.hosts for sizing in sizings))
        numbers.append(sum(sizing.separate.hosts for sizing in sizings))
    numbers.append(sum(volume_bound(each, PUBLISHED_SIZE) for each in lists))
    rows = [(*(each.keys.get(name, "") for name in CELL), each.sha256) for each in lists]
    is_published = lists_digest(rows) == AUTHORS_LISTS_SHA256
    names = (claim.name for claim in claims.LISTS)
    reason = "" if is_published else "these are not the request lists that the claims are about"
    return claims.check(claims.LISTS, dict(zip(names, numbers, strict=True)), is_published, reason)


def _other_origin(table: pd.DataFrame) -> str:
    """Return why a table is not of our request lists by what it says; empty where it is."""
    missing = [name for name in (*_KEYS, "policy", *_ORIGIN) if name not in table]
    if missing:
        return f"the table has no column {', '.join(missing)}"
    if not comparable(table).all():
        return why_not_comparable(table)
    if set(table["policy"]) != {"first-fit"}:
        return f"policy {sorted(set(table['policy']) - {'first-fit'})[0]}, claimed is first-fit"
    if "size_rule" in table and set(table["size_rule"]) != {"paper"}:
        return f"size rule {table['size_rule'].iloc[0]}, claimed is paper"
    if set(table["generator"]) != {GENERATOR}:
        return f"generator {table['generator'].iloc[0]}, claimed is {GENERATOR}"
    lists = lists_digest(table[[*_KEYS, "list_sha256"]].itertuples(index=False, name=None))
    if lists != claims.OUR_LISTS_SHA256:
        seeds = f"{claims.OUR_SEEDS[0]} to {claims.OUR_SEEDS[-1]}"
        return f"its request lists are not the {len(_our_cells())} of seeds {seeds}"
    return ""


def _other_numbers(table: pd.DataFrame, folder: Path | None, track: Track) -> str:
    """Return where a table differs from sizing its lists again; empty: it does not."""
    cells = _our_cells()
    progress = track(f"sizing {len(cells)} clusters again", len(cells))
    with tempfile.TemporaryDirectory() as scratch:
        again = sweep(cells, folder or Path(scratch), progress=progress)
    return difference(table, again)


def difference(table: pd.DataFrame, again: pd.DataFrame) -> str:
    """Return the first number of a table of sizings that is another one when made again.

    Args:
        table: the table.
        again: what making its rows again gives.

    Returns:
        A text that names the row, the column and both numbers; empty where all are equal.
    """
    numbers = [
        str(name) for name in again.select_dtypes("number") if name in table and name not in _KEYS
    ]
    columns = [*_KEYS, "list_sha256", *numbers]
    both = table[columns].merge(again[columns], on=list(_KEYS), suffixes=("", "_again"))
    for name in columns[len(_KEYS) :]:
        theirs, ours = both[name], both[f"{name}_again"]
        if name in numbers:
            theirs = pd.to_numeric(theirs, errors="coerce")
            is_close = np.isclose(theirs, ours, rtol=_ROUNDING, atol=0, equal_nan=True)
            differs = pd.Series(~is_close, index=both.index)
        else:
            differs = theirs != ours
        if differs.any():
            row = both[differs].iloc[0]
            return (
                f"{name} of {row['provider']} {row['mix']}, seed {row['seed']}, is {row[name]}; "
                f"made again, it is {row[f'{name}_again']}"
            )
    return ""


def _our_cells() -> list[Cell]:
    return cells_of(
        list(CATALOGUES.values()),
        [parse_mix(mix) for mix in PAPER_MIXES],
        [PUBLISHED_VMS],
        claims.OUR_SEEDS,
        ["first-fit"],
        PUBLISHED_TEMPORALITY,
        PUBLISHED_SIZE,
    )
