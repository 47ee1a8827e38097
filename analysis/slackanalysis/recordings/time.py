"""Time in recordings: seconds since the first sample, a window of them, and how to write them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

_DATES_S = (631_152_000, 7_258_118_400)
"""1990 and 2200 in seconds since 1970: a clock between them is a date."""

_LEAST_UNITS = 3
"""A unit is used where the time drawn has at least so many of it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of time: its symbol, its seconds, and sensible distances of ticks, ascending."""

    symbol: str
    seconds: int
    steps: tuple[float, ...]


_UNITS = (
    Unit("days", 86_400, (1, 2, 5, 7, 14, 28, 56, 112, 364, 728, 1820)),
    Unit("h", 3_600, (0.5, 1, 2, 3, 6, 12, 24)),
    Unit("min", 60, (0.5, 1, 2, 5, 10, 15, 30, 60)),
    Unit("s", 1, (0.5, 1, 2, 5, 10, 15, 30, 60)),
)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """The time that a figure shows.

    Attributes:
        clock_s: what the recording's clock says at its first sample, in seconds.
        begin_s: first sample shown, in seconds since the recording's first.
        end_s: end of the last sample shown, likewise. A sample stands for the time until the next;
            the last one for as long as samples usually do, and a single one for a second.
    """

    clock_s: float
    begin_s: float
    end_s: float

    @classmethod
    def of(cls, table: pd.DataFrame) -> "TimeSpan":
        """Return the span of a table with `time_s` and `elapsed_s`, of one row or more."""
        elapsed = np.unique(table["elapsed_s"].to_numpy(dtype=np.float64))
        usual = float(np.median(np.diff(elapsed))) if len(elapsed) > 1 else 1.0
        clock = float(table["time_s"].iloc[0]) - float(table["elapsed_s"].iloc[0])
        return cls(clock, float(elapsed[0]), float(elapsed[-1]) + usual)

    @property
    def unit(self) -> Unit:
        """The largest unit that the span has several of."""
        length = self.end_s - self.begin_s
        enough = (unit for unit in _UNITS if length >= _LEAST_UNITS * unit.seconds)
        return next(enough, _UNITS[-1])

    @property
    def start(self) -> datetime | None:
        """The date of the first sample, None where the clock has none (seconds of a trace)."""
        low, high = _DATES_S
        return datetime.fromtimestamp(self.clock_s, UTC) if low <= self.clock_s < high else None

    @property
    def label(self) -> str:
        """What the axis of time is called."""
        unit, start = self.unit, self.start
        if start is not None:
            # The reader cannot see seconds on an axis of hours.
            clock = "%H:%M" if unit.seconds >= 3_600 else "%H:%M:%S"
            return f"Time since {start:%Y-%m-%d {clock}} UTC ({unit.symbol})"
        since = "" if self.clock_s == 0 else " since the first sample"
        return f"Time{since} ({unit.symbol})"

    def in_units(
        self, elapsed_s: Iterable[float]
    ) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """Return seconds since the first sample in the unit of the axis."""
        return np.asarray(list(elapsed_s), dtype=np.float64) / self.unit.seconds

    def tick_step(self, most: int) -> float:
        """Return the distance of ticks in the unit of the axis, such that `most` are enough."""
        length = (self.end_s - self.begin_s) / self.unit.seconds
        steps = self.unit.steps
        return next((step for step in steps if length / step <= most), length / most)


def since_first_sample(table: pd.DataFrame, first_s: float | None = None) -> pd.DataFrame:
    """Return a table with `elapsed_s` behind `time_s`: the seconds since the first sample.

    Args:
        table: with a column `time_s`.
        first_s: time of the recording's first sample; None: the least in the table.
    """
    first = table["time_s"].min() if first_s is None else first_s
    elapsed = table.copy()
    place = list(table).index("time_s") + 1
    elapsed.insert(place, "elapsed_s", table["time_s"] - first)
    return elapsed


def in_window(table: pd.DataFrame, from_s: float = 0, until_s: float = 0) -> pd.DataFrame:
    """Return the rows of a window, both ends included.

    Args:
        table: with a column `elapsed_s`.
        from_s: begin of the window, in seconds since the first sample.
        until_s: its end, likewise; 0: the end of the recording.
    """
    elapsed = table["elapsed_s"]
    is_inside = elapsed >= from_s
    if until_s:
        is_inside &= elapsed <= until_s
    return table[is_inside].reset_index(drop=True)


def shown_window(
    table: pd.DataFrame, source: Path | str, from_s: float = 0, until_s: float = 0
) -> pd.DataFrame:
    """Return `in_window` of a recording's table, and refuse a window with nothing in it.

    Raises:
        ValueError: the window is impossible, or has no sample; names `source` and how long it is.
    """
    check_window(from_s, until_s)
    rows = in_window(table, from_s, until_s)
    if rows.empty:
        length = table["elapsed_s"].max()
        window = window_text(from_s, until_s)
        raise ValueError(f"{source}: no sample {window}; the last is at {length:g} s")
    return rows


def check_window(from_s: float, until_s: float) -> None:
    """Refuse a window that no recording can have.

    Raises:
        ValueError: it begins before the first sample, or ends before it begins.
    """
    if from_s < 0:
        raise ValueError(
            f"from_s {from_s:g} is not allowed: 0 or more seconds after the first sample"
        )
    if until_s and until_s <= from_s:
        raise ValueError(
            f"until_s {until_s:g} is not allowed: more than from_s ({from_s:g}), "
            "or 0 for the end of the recording"
        )


def window_text(from_s: float, until_s: float) -> str:
    """Return how a window is written in messages."""
    begin = f"from {from_s:g} s " if from_s else ""
    end = f"until {until_s:g} s " if until_s else ""
    return f"{begin}{end}after the first sample"
