"""Placement policies: each scores every host for one VM; the highest score wins.

A policy is a function from `Candidates` to one double a host. Scores of hosts that do not take
the VM are ignored; equal scores go to the first host.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from slackvm.model.fleet import Candidates
from slackvm.model.scoring import progress, progress_parts

_BLOCK = 2048
"""Hosts scored at a time: few enough for the arrays in between to need no new pages of memory."""

Policy = Callable[[Candidates], NDArray[np.float64]]


def by_progress(candidates: Candidates) -> NDArray[np.float64]:
    """Score by progress toward the host's ideal memory per CPU (the published policy)."""
    hosts = len(candidates.cpus)
    if hosts <= _BLOCK:
        return _progress(candidates)
    blocks = (candidates.part(start, start + _BLOCK) for start in range(0, hosts, _BLOCK))
    return np.concatenate([_progress(block) for block in blocks])


def by_progress_packed(candidates: Candidates) -> NDArray[np.float64]:
    """Score by progress, an empty host only where no other takes the VM."""
    scores = by_progress(candidates)
    in_use = candidates.cpus_free < candidates.cpus
    if np.any(candidates.fits & in_use):
        scores[~in_use] = -np.inf
    return scores


def first_fit(candidates: Candidates) -> NDArray[np.float64]:
    """Score all hosts alike: the first that takes the VM wins."""
    return np.zeros(len(candidates.cpus))


def _progress(candidates: Candidates) -> NDArray[np.float64]:
    return progress(
        candidates.owned_cpus,
        candidates.owned_memory_mib,
        candidates.added_cpus,
        candidates.vm.memory_mib,
        candidates.cpus,
        candidates.memory_mib,
    )


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {"progress": by_progress, "progress-packed": by_progress_packed, "first-fit": first_fit}
)
"""The policies that come with SlackVM, by name."""


def parts(policy: str, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    """Return what a policy's scores are made of, for people; of one that is not ours nothing.

    `added_cpus`, and for those that go by progress the parts that `progress_parts` gives.
    """
    if policy not in POLICIES:
        return {}
    told = {"added_cpus": candidates.added_cpus.astype(np.float64)}
    if POLICIES[policy] is not first_fit:
        told |= progress_parts(
            candidates.owned_cpus,
            candidates.owned_memory_mib,
            candidates.added_cpus,
            candidates.vm.memory_mib,
            candidates.cpus,
            candidates.memory_mib,
        )
    return told
