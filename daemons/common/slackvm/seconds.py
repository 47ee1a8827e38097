"""Times in seconds: numbers that cannot be seconds, and columns of other units."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

LATEST_S = 10**11
"""No time is as late, in seconds since 1970 or since the start of a trace: the year 5138."""

TICKS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

_UNITS = (("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9))


def why_too_late(time: float) -> str:
    """Return why a number of `LATEST_S` or more is no time in seconds, and how to mend it."""
    name, divisor = _UNITS[0]
    for larger, by in _UNITS[1:]:
        if time >= LATEST_S * by / 1000:
            name, divisor = larger, by
    return (
        f"is no time in seconds: {LATEST_S:.0e} or more; if these are {name}, divide by {divisor}"
    )


def ticks(column: "pa.ChunkedArray") -> "tuple[pa.ChunkedArray, int] | None":
    """Return a column of timestamps, dates or durations as whole numbers.

    Returns:
        The numbers and how many of them make a second. Those of timestamps and dates count from
        1970, in UTC where the column has a time zone, else by its own clock. None: the column is
        of another type.
    """
    import pyarrow as pa  # it takes long, and few users of this module have columns

    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s" if pa.types.is_date32(column.type) else "ms"))
    if pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        return column.cast(pa.int64()), TICKS_PER_SECOND[column.type.unit]
    return None
