"""Placing a VM on one of many hosts, deciding as each host would itself."""

import math
import reprlib
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slackvm.model.placement.candidates import Candidates, PlacementRequest
from slackvm.model.placement.fleet import Fleet
from slackvm.model.policies import DeclaredPolicy


class PolicyError(ValueError):
    """A placement policy failed, or gave something else than one number for each host."""


class Placement(NamedTuple):
    """Where a VM goes: the index of the best host (None: no host takes it), and every score.

    The score of a host that does not take the VM is minus infinity.
    """

    host: int | None
    scores: NDArray[np.float64]
    candidates: Candidates


def place(
    fleet: Fleet,
    request: PlacementRequest,
    policy: Callable[[Candidates], NDArray[np.float64]],
    excluded: Sequence[int] = (),
) -> Placement:
    """Return the host with the highest score among those that take the VM; the first wins a tie.

    Nothing changes: `fleet.take` puts the VM there.

    Args:
        fleet: the hosts.
        request: the VM to place.
        policy: scores them.
        excluded: indexes of hosts that do not take it, for reasons that the fleet cannot know.

    Raises:
        PolicyError: the policy fails, or does not give one number for each host.
    """
    candidates = fleet.consider(request)
    fits = candidates.fits
    if excluded:
        fits[list(excluded)] = False
    fits.flags.writeable = False
    host, scores = choose(candidates, policy, lambda index: fleet.names[index])
    return Placement(host, scores, candidates)


def choose(
    candidates: Candidates,
    policy: Callable[[Candidates], NDArray[np.float64]],
    name: Callable[[int], str] = "host{}".format,
) -> tuple[int | None, NDArray[np.float64]]:
    """Return the best host that takes a VM (None: no host does), and the score of every host.

    Args:
        candidates: the hosts considered for the VM.
        policy: scores them.
        name: gives a host's name by its index, for errors.

    Raises:
        PolicyError: the policy fails, or does not give one number for each host.
    """
    fits = candidates.fits
    scores = np.where(fits, scores_by(policy, candidates), -np.inf)
    if not len(scores):
        return None, scores
    best = int(scores.argmax())
    if math.isnan(scores[best]):
        raise PolicyError(f"the policy's score of host {name(best)} is not a number")
    if not fits[best]:
        # No host takes it, or those that do have a score of minus infinity, too.
        best = int(fits.argmax())
    return best if fits[best] else None, scores


def choose_for_each(
    candidates: Candidates, policy: DeclaredPolicy
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return for many requests at once what `choose` gives for each.

    Args:
        candidates: of each request its own hosts, shape (requests, hosts).
        policy: scores them.

    Returns:
        The best host of each request, and whether there is one, both of shape (requests,).
    """
    fits = candidates.fits
    row = np.arange(len(fits))
    if policy.in_order:
        best = fits.argmax(axis=1)
        return best, fits[row, best]
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(fits, policy(candidates), -np.inf)
    best = scores.argmax(axis=1)
    taken = fits[row, best]
    if not taken.all():
        none_best = ~taken
        best[none_best] = fits[none_best].argmax(axis=1)
        taken = fits[row, best]
    return best, taken


def scores_by(
    policy: Callable[[Candidates], NDArray[np.float64]], candidates: Candidates
) -> NDArray[np.float64]:
    """Return what a policy gives, made sure to be one real number for each host.

    Returns:
        Doubles with the shape of `candidates.fits`.

    Raises:
        PolicyError: it fails, or gives anything else.
    """
    try:
        # A host that never answered has no CPU to divide by, and takes nothing.
        with np.errstate(divide="ignore", invalid="ignore"):
            given = policy(candidates)
        scores = np.asarray(given)
    except Exception as error:
        raise PolicyError(f"the policy fails: {_in_a_line(error)}") from error
    if scores.dtype.kind not in "fiub" or scores.shape != candidates.fits.shape:
        raise PolicyError(
            f"the policy gives {_described(given, scores)}; it must give an array of real numbers "
            f"with shape {candidates.fits.shape}, one for each host"
        )
    return scores


def _described(given: object, scores: NDArray[np.float64]) -> str:
    if scores.dtype.kind == "O" and not isinstance(given, np.ndarray):
        return "None" if given is None else f"an object of type {type(given).__name__}"
    if scores.ndim == 0:
        return f"the single value {reprlib.repr(scores.item())}"
    return f"scores of shape {scores.shape} and type {scores.dtype}"


def _in_a_line(error: Exception) -> str:
    """Return the kind of an error, the first line of its message, and where it arose."""
    message = (str(error).splitlines() or [""])[0]
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {message} ({Path(where.filename).name}, line {where.lineno})"
