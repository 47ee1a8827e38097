"""What a placement policy is, and the checks of what it returns."""

import reprlib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slackvm.model.placement.candidates import Candidates

Score = Callable[[Candidates], NDArray[np.float64]]
Filter = Callable[[Candidates], NDArray[np.bool_]]
Explain = Callable[[Candidates], Mapping[str, NDArray[np.float64]]]

_NUMBERS = "fiub"
"""Kinds of numpy's types that are real numbers."""


class PolicyError(ValueError):
    """A placement policy failed, or returned something else than it must."""


@dataclass(frozen=True)
class Policy:
    """A placement policy: it filters the hosts that can take a VM, and scores them.

    The host with the highest score gets the VM; the first of equal hosts wins. Properties say what
    is true of the policy: with them many placements are computed faster, with equal results.

    Attributes:
        score: returns one real number for each host. Minus infinity excludes the host. Scores of
            hosts that cannot take the VM do not matter.
        filter: returns True for each host that may get the VM; None: every host may.
        explain: returns what scores are made of, for people: one real number for each host, by
            name; None: nothing.
        name: its name, for people.
        host_local: what it returns for a host depends on the request and on the numbers, name,
            labels and index of this host alone, and is computed for all hosts by operations on
            arrays. So it may be called for many requests at once (see `Candidates`).
        in_order: the first host that is not excluded gets the VM, without scores.
        used_first: a host without VMs gets the VM only if no host with VMs may get it.
        empty_last: its scores never prefer a host without VMs to one with VMs, nor one host without
            VMs to another before it, if all hosts have one size.
    """

    score: Score
    filter: Filter | None = None
    explain: Explain | None = None
    name: str = ""
    host_local: bool = False
    in_order: bool = False
    used_first: bool = False
    empty_last: bool = False

    @classmethod
    def of(cls, given: object, name: str = "") -> "Policy":
        """Return the policy that an object stands for.

        Args:
            given: a policy; a function that scores; or an object with `score` and any of the other
                attributes.
            name: name of the policy; empty: the object's own.

        Raises:
            TypeError: the object is not a policy; the message says what is missing.
        """
        if isinstance(given, Policy):
            return given if name in ("", given.name) else replace(given, name=name)
        score = getattr(given, "score", given)
        if isinstance(given, type) or not callable(score):
            raise TypeError(
                f"{reprlib.repr(given)} is not a policy: it must be a function that scores hosts, "
                "or an object with a method `score`"
            )
        attributes: dict[str, Any] = {
            "name": name or getattr(given, "name", "") or getattr(given, "__name__", "")
        }
        for attribute in ("filter", "explain"):
            function = getattr(given, attribute, None)
            if function is not None and not callable(function):
                raise TypeError(f"`{attribute}` of the policy is not a function")
            attributes[attribute] = function
        for attribute in ("host_local", "in_order", "used_first", "empty_last"):
            attributes[attribute] = getattr(given, attribute, False)
            if not isinstance(attributes[attribute], bool):
                raise TypeError(f"`{attribute}` of the policy is neither True nor False")
        return cls(score, **attributes)

    def accepted(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Return which hosts can take the VM and pass the filter.

        Raises:
            PolicyError: the filter fails, or does not return True or False for each host.
        """
        if self.filter is None:
            return candidates.fits
        passed: NDArray[np.bool_] = self._returned("filter", self.filter, candidates, "b")
        return np.logical_and(candidates.fits, passed)

    def scores(self, candidates: Candidates, accepted: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the score of each host that `accepted` returned; minus infinity of the others.

        Raises:
            PolicyError: the policy fails, or does not return one real number for each host.
        """
        if self.in_order:
            return np.where(accepted, 0.0, -np.inf)
        scores = self._returned("score", self.score, candidates, _NUMBERS)
        return np.where(accepted, scores, -np.inf)

    def explanation(self, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
        """Return for each host the CPUs that the VM adds (`added_cpus`), and the explanation.

        Raises:
            PolicyError: `explain` fails, or does not return one real number for each host by name.
        """
        explained = {"added_cpus": candidates.added_cpus.astype(np.float64)}
        if self.explain is not None:
            given = _called("explain", self.explain, candidates)
            if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
                raise PolicyError(
                    f"`explain` of the policy returns {_described(given)}; it must return a "
                    "mapping from names to arrays"
                )
            for key, values in given.items():
                explained[key] = _checked(f"explain[{key!r}]", values, candidates, _NUMBERS)
        return explained

    @staticmethod
    def _returned(
        what: str, function: Callable[[Candidates], Any], candidates: Candidates, kinds: str
    ) -> NDArray[Any]:
        return _checked(what, _called(what, function, candidates), candidates, kinds)


def _called(what: str, function: Callable[[Candidates], Any], candidates: Candidates) -> Any:
    try:
        # A host that never answered has 0 CPUs to divide by, and takes no VM.
        with np.errstate(divide="ignore", invalid="ignore"):
            return function(candidates)
    except (Exception, SystemExit) as error:
        raise PolicyError(f"`{what}` of the policy fails: {_in_a_line(error)}") from error


def _checked(what: str, given: Any, candidates: Candidates, kinds: str) -> NDArray[Any]:
    """Return what a policy gave as an array, if it is one value of these kinds for each host."""
    shape = candidates.fits.shape
    try:
        values = np.asarray(given)
    except (Exception, SystemExit) as error:
        raise PolicyError(f"`{what}` of the policy fails: {_in_a_line(error)}") from error
    # For many requests, numbers that are the same for every request are one for each host, too.
    if values.dtype.kind not in kinds or values.shape not in (shape, shape[-1:]):
        values_are = "True or False" if kinds == "b" else "real numbers"
        each = "one for each host"
        if len(shape) > 1:
            each = "one for each request and host: the policy declares `host_local`"
        raise PolicyError(
            f"`{what}` of the policy returns {_described(given)}; it must return an array of "
            f"{values_are} with shape {shape}, {each}"
        )
    return values


def _described(given: object) -> str:
    if given is None:
        return "None"
    try:
        values = np.asarray(given)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever a policy's object raises
        return f"an object of type {type(given).__name__}"
    if values.dtype.kind == "O" and not isinstance(given, np.ndarray):
        return f"an object of type {type(given).__name__}"
    if values.ndim == 0:
        return f"the single value {reprlib.repr(values.item())}"
    return f"values of shape {values.shape} and type {values.dtype}"


def _in_a_line(error: BaseException) -> str:
    """Return the type of an error, the first line of its message, and where it was raised."""
    try:
        message = (str(error).splitlines() or [""])[0]
    except Exception:  # noqa: BLE001 - whatever the error's own `__str__` raises
        message = ""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {message} ({Path(where.filename).name}, line {where.lineno})"
