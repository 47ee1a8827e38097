"""Placing a VM on one of many hosts, deciding as each host would itself."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slackvm.model.fleet import Candidates, Fleet
from slackvm.model.vm import VM


class Placement(NamedTuple):
    """Where a VM goes: the index of the best host (None: no host takes it), and every score.

    The score of a host that does not take the VM is minus infinity.
    """

    host: int | None
    scores: NDArray[np.float64]
    candidates: Candidates


def place(
    fleet: Fleet,
    vm: VM,
    policy: Callable[[Candidates], NDArray[np.float64]],
    excluded: Sequence[int] = (),
) -> Placement:
    """Return the host with the highest score among those that take the VM; the first wins a tie.

    Nothing changes: `fleet.take` puts the VM there.

    Args:
        fleet: the hosts.
        vm: the request.
        policy: scores them.
        excluded: indexes of hosts that do not take it, for reasons that the fleet cannot know.

    Raises:
        ValueError: the policy gives scores of another shape, or one that is not a number.
    """
    candidates = fleet.consider(vm)
    fits = candidates.fits
    fits[list(excluded)] = False
    # A host that never told of itself has no CPU to divide by, and takes nothing.
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(fits, policy(candidates), -np.inf)
    if scores.shape != fits.shape:
        raise ValueError(f"the policy gives scores of shape {scores.shape}, not {fits.shape}")
    if not len(fleet):
        return Placement(None, scores, candidates)
    best = int(scores.argmax())
    if math.isnan(scores[best]):
        raise ValueError(f"the policy's score of host {fleet.names[best]} is not a number")
    if not fits[best]:
        # Nobody takes it, or whoever does has a score of minus infinity, too.
        best = int(fits.argmax())
    return Placement(best if fits[best] else None, scores, candidates)
