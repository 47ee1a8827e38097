"""The hosts of a cluster that exists on paper: all of one size, or several kinds in a pattern."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

import numpy as np
from numpy.typing import NDArray

from slackanalysis.workload.catalogue import GIB
from slackvm.model.vm import LARGEST

MOST_IN_A_ROW = 10_000
"""Hosts of one kind in a row of a pattern."""

_HOST = re.compile(r"([0-9]{1,10}):([0-9]{1,10}(?:\.[0-9]{1,9})?)(?::([0-9]{1,10}))?")


@dataclass(frozen=True, slots=True)
class HostSize:
    """What each host of a cluster offers: CPUs and MiB."""

    cpus: int
    memory_mib: int

    def __str__(self) -> str:
        """Return it as an option `--host` gives it."""
        gib = Decimal(self.memory_mib) / GIB
        return f"{self.cpus}:{gib.normalize():f}"

    @property
    def kinds(self) -> tuple["HostSize", ...]:
        """The kinds of hosts: this one."""
        return (self,)

    def kind_of(self, hosts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index in `kinds` of hosts, which are given by their index."""
        return np.zeros(len(hosts), dtype=np.int64)

    def at(self, index: int) -> "HostSize":
        """Return the size of a host."""
        del index
        return self

    def first_that_has(self, cpus: int, memory_mib: int) -> int | None:
        """Return the index of the first host that has so many CPUs and MiB; None without one."""
        return 0 if cpus <= self.cpus and memory_mib <= self.memory_mib else None

    def fewest(self, cpus: int, memory_mib: int) -> int:
        """Return the smallest number of hosts that have so many CPUs and MiB in sum."""
        return max(-(-cpus // self.cpus), -(-memory_mib // self.memory_mib))


@dataclass(frozen=True)
class HostPattern:
    """Hosts of several kinds in an order that repeats, as they are added to a cluster.

    Attributes:
        counts: each kind, and how many of its hosts stand in a row.
    """

    counts: tuple[tuple[HostSize, int], ...]

    def __str__(self) -> str:
        """Return it as options `--host` give it, with commas between."""
        return ",".join(f"{size}:{count}" for size, count in self.counts)

    @property
    def kinds(self) -> tuple[HostSize, ...]:
        """The kinds of hosts, in order."""
        return tuple(size for size, _ in self.counts)

    def kind_of(self, hosts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index in `kinds` of hosts, which are given by their index."""
        ends = np.cumsum([count for _, count in self.counts])
        kind: NDArray[np.int64] = np.searchsorted(ends, hosts % ends[-1], side="right")
        return kind

    def at(self, index: int) -> HostSize:
        """Return the size of a host."""
        return self.kinds[int(self.kind_of(np.array([index]))[0])]

    def first_that_has(self, cpus: int, memory_mib: int) -> int | None:
        """Return the index of the first host that has so many CPUs and MiB; None without one."""
        first = 0
        for size, count in self.counts:
            if cpus <= size.cpus and memory_mib <= size.memory_mib:
                return first
            first += count
        return None

    def fewest(self, cpus: int, memory_mib: int) -> int:
        """Return the smallest number of the pattern's first hosts that have that much in sum."""
        length = sum(count for _, count in self.counts)
        of_round = [
            sum(count * size.cpus for size, count in self.counts),
            sum(count * size.memory_mib for size, count in self.counts),
        ]
        missing = [cpus, memory_mib]
        # Whole rounds that leave something missing, then kind by kind.
        rounds = max(
            0, *(-(-need // there) - 1 for need, there in zip(missing, of_round, strict=True))
        )
        hosts = rounds * length
        missing = [need - rounds * there for need, there in zip(missing, of_round, strict=True)]
        for size, count in self.counts:
            more = min(count, max(0, size.fewest(*missing)))
            hosts += more
            missing = [missing[0] - more * size.cpus, missing[1] - more * size.memory_mib]
        return hosts


Hosts = HostSize | HostPattern


def sizes(hosts: Hosts, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the CPUs and the MiB of each of a cluster's first hosts, shape (count,)."""
    kind = hosts.kind_of(np.arange(count))
    cpus, memory_mib = (
        np.array([getattr(size, name) for size in hosts.kinds], dtype=np.int64)
        for name in ("cpus", "memory_mib")
    )
    return cpus[kind], memory_mib[kind]


def parse_hosts(texts: Sequence[str]) -> Hosts:
    """Return the hosts that options `--host CPUS:GIB[:COUNT]` stand for.

    Args:
        texts: one per kind, in the order in which hosts are added.

    Raises:
        ValueError: one is not allowed; the message names it.
    """
    counts = [_parsed(text) for text in texts]
    kinds = {size for size, _ in counts}
    return counts[0][0] if len(kinds) == 1 else HostPattern(tuple(counts))


def _parsed(text: str) -> tuple[HostSize, int]:
    found = _HOST.fullmatch(text)
    if not found:
        raise ValueError(
            f"host {text!r} is not allowed: CPUS:GIB or CPUS:GIB:COUNT, as in 64:256 or 32:96.5:2"
        )
    cpus, count = int(found[1]), int(found[3] or 1)
    memory_mib = ceil(Decimal(found[2]) * GIB)
    for name, value, most in (
        ("CPUs", cpus, LARGEST),
        ("MiB", memory_mib, LARGEST),
        ("hosts in a row", count, MOST_IN_A_ROW),
    ):
        if not 1 <= value <= most:
            raise ValueError(f"host {text!r}: {value} {name} are not allowed: 1 to {most}")
    return HostSize(cpus, memory_mib), count
