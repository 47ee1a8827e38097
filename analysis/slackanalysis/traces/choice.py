"""Which VMs of a trace are taken, in which time, and with which levels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from slackanalysis.workload.mix import parse_mix

ALL_1_TO_1 = "100-0-0"
"""The mix where none is given: no VM is oversubscribed."""

_HASHES = float(2**64)
_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Window:
    """A time of a trace.

    Attributes:
        start_s: its first second, 0 or more.
        end_s: the second after its last; None: the end of the trace.
    """

    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True)
class Choice:
    """What is taken of a trace; equal choices of equal traces give equal lists.

    Both the sample and the levels are drawn by the VM's name: a VM is in every larger sample of the
    same seed, and has the same level whatever the window and the sample.

    Attributes:
        window: the time.
        share: share of the VMs that is taken, more than 0, at most 1.
        mix: share of the VMs of each level.
        seed: start of what is drawn, 0 or more.

    Raises:
        ValueError: a value is out of range.
    """

    window: Window = field(default_factory=Window)
    share: float = 1.0
    mix: Mapping[float, float] = field(default_factory=lambda: parse_mix(ALL_1_TO_1))
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"sample {self.share:g} is not allowed: more than 0, at most 1")
        if self.seed < 0:
            raise ValueError(f"seed {self.seed} is not allowed: 0 or more")

    def is_sampled(self, names: pa.Array) -> NDArray[np.bool_]:
        """Return which VMs are in the sample, shape (VMs,)."""
        if self.share == 1:
            return np.ones(len(names), dtype=np.bool_)
        return _drawn(names, "sample", self.seed) < self.share

    def levels(self, names: pa.Array) -> NDArray[np.float64]:
        """Return the level of each VM, shape (VMs,)."""
        levels = np.array(list(self.mix))
        if len(levels) == 1:
            return np.full(len(names), levels[0])
        bounds = np.cumsum(list(self.mix.values()))[:-1]
        return levels[np.searchsorted(bounds, _drawn(names, "level", self.seed), side="right")]


def parse_window(text: str) -> Window:
    """Return the window that `START:END` gives; without END it lasts to the end of the trace.

    Raises:
        ValueError: `text` is not allowed; the message says what is.
    """
    start, colon, end = text.partition(":")
    try:
        first = float(start or 0)
        last = float(end) if end else None
    except ValueError:
        first, last = math.nan, None
    is_range = first >= 0 and math.isfinite(first) and (last is None or first < last < math.inf)
    if not (colon and is_range):
        raise ValueError(
            f"window {text!r} is not allowed: START:END in seconds of the trace, START 0 or more "
            "and less than END, as in 86400:172800"
        )
    return Window(first, last)


def hashes(names: pa.Array, key: str) -> NDArray[np.uint64]:
    """Return 64 bits for each name, the same for equal names and keys, shape (names,)."""
    half = sha256(key.encode()).hexdigest()[:16]  # as many characters as it takes
    pieces = [
        # As Python's text, a piece at a time.
        pd.util.hash_array(
            names[first : first + _AT_ONCE].to_numpy(zero_copy_only=False),
            hash_key=half,
            categorize=False,
        )
        for first in range(0, len(names), _AT_ONCE)
    ]
    return np.concatenate([np.empty(0, np.uint64), *pieces])


def _drawn(names: pa.Array, what: str, seed: int) -> NDArray[np.float64]:
    """Return a number from 0 to 1 for each name, the same for equal names, `what` and seeds."""
    return hashes(names, f"{what} {seed}") / _HASHES
