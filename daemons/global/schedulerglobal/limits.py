"""How many threads, requests and connections the controller has, and who may use how many.

All its limits are here, because each must leave something to the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from slackvm.api.endpoint import Lane
from slackvm.http.engine.limits import RESERVED_FILES, LaneLimits, Limits, too_few_files

_HTTP = Limits()


@dataclass(frozen=True, slots=True)
class ControllerLimits:
    """Shares of what the controller has.

    Attributes:
        operations: changes that are worked on at once; most of their time they wait for hosts.
        per_host: of these, how many may be about one host. A host that hangs holds no more.
        stops_per_host: of these, how many may stop or restart a VM, which takes as long as its
            guest needs.
        waiting_per_host: operations that may wait for a place among those of a host that answers.
        polls: hosts that are polled at once.
        failing_polls: of these, how many may be of hosts that did not answer the last time.

    Raises:
        ValueError: the limits contradict each other; names them.
    """

    operations: int = 64
    per_host: int = 16
    stops_per_host: int = 4
    waiting_per_host: int = 16
    polls: int = 48
    failing_polls: int = 32

    def __post_init__(self) -> None:
        for small, large, times in (
            ("stops_per_host", "per_host", 2),
            ("per_host", "operations", 4),
            ("waiting_per_host", "operations", 4),
            ("failing_polls", "polls", 1.5),
        ):
            value, most = getattr(self, small), getattr(self, large)
            if not 1 <= value <= most / times:
                raise ValueError(
                    f"the limit {small} is {value}; it must be at least 1, and at most {large} / "
                    f"{times:g} = {most / times:g}"
                )

    @property
    def http(self) -> Limits:
        """Limits of the REST interface: as many threads for changes as there are operations."""
        lanes: Mapping[Lane, LaneLimits] = {
            **_HTTP.lanes,
            Lane.CHANGE: LaneLimits(self.operations, queue=self.operations),
        }
        return replace(_HTTP, lanes=lanes)

    @property
    def host_requests(self) -> int:
        """Requests to hosts that there can be at once."""
        return self.operations + self.polls

    def idle_connections(self, files: int) -> int:
        """Return how many unused connections to hosts may be kept.

        People keep theirs: the connections that wait, and one for each whole request.

        Raises:
            ValueError: too few files for the requests alone; says how many are needed.
        """
        shared = files - RESERVED_FILES - self.http.requests
        needed = 2 * self.host_requests + 1
        if shared < needed:
            raise too_few_files(files, files - shared + needed)
        return shared - self.http.waiting_connections(files) - self.host_requests


LIMITS = ControllerLimits()
"""The limits of every controller."""
