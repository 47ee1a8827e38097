"""Placing a VM on one of many hosts, deciding as each host would itself."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slackvm.model.codes import Code
from slackvm.model.placement.candidates import Candidates, PlacementRequest
from slackvm.model.placement.fleet import Fleet
from slackvm.model.placement.policy import Policy, PolicyError, Score
from slackvm.model.refusal import Refusal


class Placement(NamedTuple):
    """The host that a VM goes to, and why.

    Attributes:
        host: index of the best host; None: no host takes the VM.
        accepts: True for each host that can take the VM and that the policy does not exclude,
            shape (hosts,).
        scores: score of each host, shape (hosts,); minus infinity of those that do not take the VM,
            or that do so only if no other does.
        candidates: the hosts that were considered.
        policy: the policy that chose.
    """

    host: int | None
    accepts: NDArray[np.bool_]
    scores: NDArray[np.float64]
    candidates: Candidates
    policy: Policy

    def refusal(self, fleet: Fleet, index: int) -> Refusal | None:
        """Return why a host does not take the VM; None if it does, or if the caller excluded it.

        Args:
            fleet: the hosts, unchanged since the placement.
            index: index of the host.
        """
        if self.candidates.fits[index] and not self.accepts[index]:
            return Refusal(Code.EXCLUDED_BY_POLICY, reason=self.policy.name)
        return fleet.refusal(index, self.candidates.request)


def place(
    fleet: Fleet,
    request: PlacementRequest,
    policy: Policy | Score,
    excluded: Sequence[int] = (),
    last: Sequence[int] = (),
) -> Placement:
    """Return the host with the highest score among those that take the VM; the first wins a tie.

    Nothing changes: `fleet.take` puts the VM there.

    Args:
        fleet: the hosts.
        request: the VM to place.
        policy: filters and scores the hosts; a function scores them.
        excluded: indexes of hosts that do not take the VM, for reasons that the fleet cannot know.
        last: indexes of hosts that get the VM only if no other host takes it.

    Raises:
        PolicyError: the policy fails, or does not return one number for each host.
    """
    policy = Policy.of(policy)
    candidates = fleet.consider(request)
    fits = candidates.fits
    if excluded:
        fits[list(excluded)] = False
    fits.flags.writeable = False
    candidates.added_cpus.flags.writeable = False
    accepted = policy.accepted(candidates)
    scores = policy.scores(candidates, accepted)
    accepts = accepted & (scores > -np.inf)
    if last:
        scores = _others_first(scores, last)
    scores = _used_first(candidates, policy, scores)
    return Placement(_best(scores, candidates), accepts, scores, candidates, policy)


def best_host(candidates: Candidates, policy: Policy) -> int | None:
    """Return the index of the best host for a request; None: no host takes the VM.

    Raises:
        PolicyError: the policy fails, or does not return one number for each host.
    """
    accepted = policy.accepted(candidates)
    if policy.in_order and not policy.used_first:
        first = int(accepted.argmax()) if len(accepted) else 0
        return first if len(accepted) and accepted[first] else None
    scores = policy.scores(candidates, accepted)
    return _best(_used_first(candidates, policy, scores), candidates)


def best_hosts(
    candidates: Candidates, policy: Policy
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return for many requests at once what `best_host` returns for each.

    Args:
        candidates: hosts of each request, shape (requests, hosts).
        policy: a policy that declares `host_local`.

    Returns:
        The best host of each request, and whether there is one, both of shape (requests,).

    Raises:
        PolicyError: the policy fails, or does not return one number for each request and host.
    """
    accepted = policy.accepted(candidates)
    row = np.arange(len(accepted))
    if policy.in_order and not policy.used_first:
        best = accepted.argmax(axis=1)
        return best, accepted[row, best]
    scores = policy.scores(candidates, accepted)
    scores = _used_first(candidates, policy, scores)
    best = scores.argmax(axis=1)
    highest = scores[row, best]
    if np.isnan(highest).any():
        raise _not_a_number(candidates.names[int(best[np.isnan(highest).argmax()])])
    return best, highest > -np.inf


def _others_first(scores: NDArray[np.float64], last: Sequence[int]) -> NDArray[np.float64]:
    """Return scores in which some hosts are left out, if another host takes the VM."""
    others = scores.copy()
    others[list(last)] = -np.inf
    return others if np.any(others > -np.inf) else scores


def _used_first(
    candidates: Candidates, policy: Policy, scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return scores in which hosts without VMs are left out, if the policy spares them."""
    if not policy.used_first:
        return scores
    in_use = candidates.cpus_free < candidates.cpus
    other_takes_it = np.any((scores > -np.inf) & in_use, axis=-1, keepdims=True)
    return np.where(~in_use & other_takes_it, -np.inf, scores)


def _best(scores: NDArray[np.float64], candidates: Candidates) -> int | None:
    if not len(scores):
        return None
    best = int(scores.argmax())
    highest = scores.item(best)
    if math.isnan(highest):
        raise _not_a_number(candidates.names[best])
    return best if highest > -math.inf else None


def _not_a_number(host: str) -> PolicyError:
    return PolicyError(f"the policy's score of host {host} is not a number")
