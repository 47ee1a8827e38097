"""Placement policies: each scores every host for one VM; the highest score wins.

A policy is a function from `Candidates` to one double a host. Scores of hosts that do not take
the VM are ignored; equal scores go to the first host.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from slackvm.model.fleet import Candidates
from slackvm.model.scoring import progress

_BLOCK = 2048
"""Hosts scored at a time: few enough for the arrays in between to need no new pages of memory."""

Policy = Callable[[Candidates], NDArray[np.float64]]


def by_progress(candidates: Candidates) -> NDArray[np.float64]:
    """Score by progress toward the host's ideal memory per CPU (the published policy)."""
    scores = np.empty(len(candidates.cpus))
    for start in range(0, len(scores), _BLOCK):
        block = slice(start, start + _BLOCK)
        cpus, memory = candidates.cpus[block], candidates.memory_mib[block]
        scores[block] = progress(
            cpus - candidates.cpus_free[block],
            memory - candidates.memory_free_mib[block],
            candidates.added_cpus[block],
            candidates.vm.memory_mib,
            cpus,
            memory,
        )
    return scores


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


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {"progress": by_progress, "progress-packed": by_progress_packed, "first-fit": first_fit}
)
"""The policies that come with SlackVM, by name."""
