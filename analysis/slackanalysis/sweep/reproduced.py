"""Ours held against what is claimed, each claim only for the input that it belongs to."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from slackanalysis.outputs import manifest
from slackanalysis.recordings.host import read_times, read_vnodes
from slackanalysis.recordings.time import in_window, since_first_sample
from slackanalysis.sizing.placement_run import volume_bound
from slackanalysis.sizing.sizing import size_clusters
from slackanalysis.sweep import claims
from slackanalysis.sweep.published import PUBLISHED_SIZE
from slackanalysis.sweep.reproduction import Reproduction
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.demand import Demand, request_list
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.request_file import read_requests
from slackanalysis.workload.requests import RequestList
from slackvm.model import POLICIES

POLICIES_OF_LISTS = ("first-fit", "progress")


def check_fig_3(monitoring: Path, trace: str, published_sha256: str) -> pd.DataFrame:
    """Return the claims about Fig. 3, held against the vNodes of a replay.

    Args:
        monitoring: the replay's output.
        trace: the recording that was replayed; empty: it is not known.
        published_sha256: SHA-256 of the authors' trace, in hexadecimal; empty: it is not known.

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
    return claims.check(claims.FIG_3, dict(zip(names, numbers, strict=True)), is_published)


def check_gains(table: pd.DataFrame, found: Reproduction) -> pd.DataFrame:
    """Return the claims about what sharing saves, held against a sweep by first fit.

    Args:
        table: sizings by one policy; its columns `provider`, `mix`, `vms` and `seed` tell which
            generated request lists they are of.
        found: what they come to beside the published table.

    Returns:
        As `slackanalysis.sweep.claims.check`.
    """
    is_published = (
        set(table["policy"]) == {"first-fit"}
        and "vms" in table
        and len(table) == claims.OUR_LISTS
        and set(table["provider"]) <= set(CATALOGUES)
        and digest(_generated(table)) == claims.OUR_LISTS_SHA256
    )
    numbers = (found.mean, found.correlation)
    names = (claim.name for claim in claims.GAINS)
    return claims.check(claims.GAINS, dict(zip(names, numbers, strict=True)), is_published)


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
        sizings = [
            size_clusters(each, PUBLISHED_SIZE, POLICIES[policy], policy)[0] for each in lists
        ]
        numbers.append(sum(sizing.shared.hosts for sizing in sizings))
        numbers.append(sum(sizing.separate.hosts for sizing in sizings))
    numbers.append(sum(volume_bound(each, PUBLISHED_SIZE) for each in lists))
    is_published = manifest.sha256(path) == claims.LISTS_SHA256
    names = (claim.name for claim in claims.LISTS)
    return claims.check(claims.LISTS, dict(zip(names, numbers, strict=True)), is_published)


def digest(lists: Iterable[RequestList]) -> str:
    """Return a SHA-256, in hexadecimal, of request lists with what tells them apart."""
    lines = (f"{requests.name} {requests.sha256}\n" for requests in lists)
    return sha256("".join(lines).encode()).hexdigest()


def _generated(table: pd.DataFrame) -> Iterable[RequestList]:
    for provider, mix, vms, seed in sorted(
        table[["provider", "mix", "vms", "seed"]].itertuples(index=False, name=None)
    ):
        yield request_list(Demand(CATALOGUES[provider], parse_mix(mix), int(vms), seed=int(seed)))
