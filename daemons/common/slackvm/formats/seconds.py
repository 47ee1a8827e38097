"""Numbers that cannot be times in seconds."""

LATEST_S = 10**11
"""No time is as late, in seconds since 1970 or since the start of a trace: the year 5138."""

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
