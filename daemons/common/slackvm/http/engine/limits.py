"""How much clients of a daemon can use up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from slackvm.api.endpoint import Lane

RESERVED_FILES = 64
"""Files that a daemon itself needs: logs, store, libraries, what listens."""

FEWEST_WAITING = 16
"""Connections that may wait, at least; with fewer files no daemon starts."""


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How many requests of a lane there can be.

    Attributes:
        threads: requests that are worked on at once.
        queue: whole requests that wait for a thread; one more is answered 503.
    """

    threads: int
    queue: int = 64


def _lanes() -> Mapping[Lane, LaneLimits]:
    return MappingProxyType(
        {
            Lane.PROBE: LaneLimits(2, queue=16),
            Lane.READ: LaneLimits(8),
            Lane.SLOW: LaneLimits(8, queue=8),
            Lane.CHANGE: LaneLimits(8),
        }
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """How much clients can use up.

    Attributes:
        lanes: threads and queue of each lane.
        connections: connections on which no whole request has come yet. For one more the one that
            has been waiting for longest is closed.
        held: bytes that may have come of requests that are not whole; likewise.
        seconds: how long a request may take to arrive, an answer to be taken, and a connection to
            be idle.
        queue_seconds: how long a whole request may wait for a thread; then it is answered 503.
        stop_seconds: how long `stop` waits for requests that are being worked on.
    """

    lanes: Mapping[Lane, LaneLimits] = field(default_factory=_lanes)
    connections: int = 500
    held: int = 1 << 26
    seconds: float = 10.0
    queue_seconds: float = 10.0
    stop_seconds: float = 5.0

    @property
    def requests(self) -> int:
        """Whole requests that there can be at once, each on a connection of its own."""
        return sum(lane.threads + lane.queue for lane in self.lanes.values())

    def waiting_connections(self, files: int) -> int:
        """Return how many connections may wait in a process that may open so many files.

        They get half of what whole requests and the daemon itself leave.

        Raises:
            ValueError: too few files; says how many are needed.
        """
        waiting = (files - RESERVED_FILES - self.requests) // 2
        if waiting < FEWEST_WAITING:
            needed = RESERVED_FILES + self.requests + 2 * FEWEST_WAITING
            raise too_few_files(files, needed)
        return min(self.connections, waiting)


def too_few_files(files: int, needed: int) -> ValueError:
    """Return the error of a process that may open too few files."""
    return ValueError(
        f"this process may open {files} files, and needs {needed}; raise LimitNOFILE of its unit, "
        "or the limit of `ulimit -n`"
    )
