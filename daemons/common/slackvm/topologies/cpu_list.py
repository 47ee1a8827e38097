"""Lists of CPUs as Linux writes them: `0-11,128-139`."""

import re
from collections.abc import Iterable

from slackvm.topologies.errors import MAX_CPUS, TopologyError

_PART = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_SAFE_DIGITS = 9


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Given a list such as `0-3,8`, return its numbers in ascending order, each once.

    An empty list has no CPU. White space around a part does not matter. NUMA nodes are listed the
    same way.

    Raises:
        TopologyError: a part is no number or range, a range runs backward, or a number is beyond
            what Linux knows.
    """
    named: set[int] = set()
    if text.strip():
        for part in text.split(","):
            try:
                first, last = _range(part.strip())
            except TopologyError as error:
                raise TopologyError(f"CPU list {_shortened(text)}: {error}") from error
            named.update(range(first, last + 1))
    return tuple(sorted(named))


def format_cpu_list(numbers: Iterable[int]) -> str:
    """Given CPU numbers in any order, return them as the shortest list: `0-3,8`."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _range(part: str) -> tuple[int, int]:
    """Return the first and the last number of a part."""
    match = _PART.fullmatch(part)
    if match is None:
        raise TopologyError(f"{_shortened(part)} is no number or range; write it as 0-11,128-139")
    first = _bounded(match[1])
    last = first if match[2] is None else _bounded(match[2])
    if max(first, last) >= MAX_CPUS:
        raise TopologyError(f"{_shortened(part)} goes beyond {MAX_CPUS - 1}, the largest allowed")
    if first > last:
        raise TopologyError(f"{part!r} runs backward; write it as {last}-{first}")
    return first, last


def _bounded(digits: str) -> int:
    """Return the number, or one that is out of range where there are too many digits to convert."""
    return int(digits) if len(digits) <= _SAFE_DIGITS else MAX_CPUS


def _shortened(text: str) -> str:
    """Return `text` quoted, cut where it would fill the screen."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
