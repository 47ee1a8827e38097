"""Texts and numbers as people read them."""

from collections.abc import Iterable
from datetime import datetime

from slackvm.topologies.cpu_list import format_cpu_list

MIB_PER_GIB = 1024


def printable(text: str) -> str:
    """Return any text as one line, with control characters escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def gib(mib: float) -> str:
    """Return MiB as GiB with one decimal at most."""
    return f"{mib / MIB_PER_GIB:.1f}".removesuffix(".0")


def age(seconds: float | None) -> str:
    """Return how long ago a host answered."""
    if seconds is None:
        return "never"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def moment(seconds: float) -> str:
    """Return seconds since the epoch as a date and a time of day, here."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        # Beyond what there are dates for.
        return f"{seconds:g}"


def cpus(numbers: Iterable[int]) -> str:
    """Return CPUs as Linux lists them, `-` if there are no CPUs."""
    return format_cpu_list(numbers) or "-"


def amount(number: int, noun: str) -> str:
    """Return a number with its noun: `1 host`, `2 hosts`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
