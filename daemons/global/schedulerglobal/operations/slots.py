"""How many operations may be about one host at once: one that hangs holds no more than these."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from schedulerglobal.limits import LIMITS, ControllerLimits
from schedulerglobal.operations import errors
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal

_ANSWERS_S = 1.0
"""A host that answered within so many seconds frees a place soon."""

_WAIT_S = 2.0
"""How long an operation waits for a place."""

_SLOW_S = 2.0
"""A host that was silent for so long after it got an operation gets no deploys if others can."""


@dataclass(slots=True)
class _Places:
    """Operations at one host: when each began, stops among them, and those that wait."""

    begun: list[float] = field(default_factory=list)
    stops: int = 0
    waiting: int = 0


class HostSlots:
    """The places of each host. Guarded by the cluster's lock.

    Args:
        cluster: the hosts.
        limits: how many places there are.
    """

    def __init__(self, cluster: Cluster, limits: ControllerLimits = LIMITS) -> None:
        self._cluster = cluster
        self._limits = limits
        self._places: dict[HostRecord, _Places] = {}
        self._freed = threading.Condition(cluster.lock)

    @contextmanager
    def held(self, host: HostRecord, *, stops: bool = False) -> Iterator[None]:
        """Hold a place of a host; wait shortly for one where the host answers.

        Args:
            host: the host.
            stops: the operation takes as long as a guest needs to shut down.

        Raises:
            RestError: the host has no place left, `host_busy`.
        """
        with self._cluster.lock:
            if self._is_full(host, stops=stops):
                if not self._answers(host):
                    raise errors.host_busy(host)
                with self.waiting(host):
                    self._freed.wait_for(lambda: not self._is_full(host, stops=stops), _WAIT_S)
            begun = self.take(host, stops=stops)
        try:
            yield
        finally:
            self.give_back(host, begun, stops=stops)

    @contextmanager
    def waiting(self, host: HostRecord) -> Iterator[None]:
        """Wait for something about a host; the cluster's lock is held.

        Raises:
            RestError: too many wait already, `host_busy`.
        """
        places = self._places.setdefault(host, _Places())
        if places.waiting >= self._limits.waiting_per_host:
            raise errors.host_busy(host)
        places.waiting += 1
        try:
            yield
        finally:
            places.waiting -= 1
            self._forget_unused(host, places)

    def take(self, host: HostRecord, *, stops: bool = False) -> float:
        """Take a place at once; the cluster's lock is held. Return what `give_back` needs.

        Raises:
            RestError: the host has no place left, `host_busy`.
        """
        if self._is_full(host, stops=stops):
            raise errors.host_busy(host)
        places = self._places.setdefault(host, _Places())
        begun = time.monotonic()
        places.begun.append(begun)
        places.stops += stops
        return begun

    def give_back(self, host: HostRecord, begun: float, *, stops: bool = False) -> None:
        """Give a place back."""
        with self._cluster.lock:
            places = self._places[host]
            places.begun.remove(begun)
            places.stops -= stops
            self._forget_unused(host, places)
            self._freed.notify_all()

    def passed_over(self) -> dict[HostRecord, Refusal]:
        """Return the hosts that get no deploys now; the cluster's lock is held.

        These are hosts without a free place. Hosts that got an operation and have been silent
        since are also passed over, unless there are no others. If all that answer are full, wait
        shortly for one.
        """
        if self._all_full():
            self._freed.wait_for(lambda: not self._all_full(), _WAIT_S)
        full = [host for host in self._places if self._is_full(host)]
        slow = [host for host in self._places if self._is_slow(host)]
        reachable = [host for host in self._cluster.hosts if not host.is_unknown]
        if slow and not all(host in full or host in slow for host in reachable):
            full += slow
        return {host: Refusal(Code.HOST_BUSY, reason=Code.HOST_BUSY.text) for host in full}

    def _all_full(self) -> bool:
        """Return whether all hosts that could take a VM are full, and one frees a place soon."""
        if not self._places:
            return False
        reachable = [host for host in self._cluster.hosts if not host.is_unknown]
        return (
            bool(reachable)
            and all(self._is_full(host) for host in reachable)
            and any(self._answers(host) for host in reachable)
        )

    def _is_full(self, host: HostRecord, *, stops: bool = False) -> bool:
        places = self._places.get(host)
        if places is None:
            return False
        return len(places.begun) >= self._limits.per_host or (
            stops and places.stops >= self._limits.stops_per_host
        )

    def _is_slow(self, host: HostRecord) -> bool:
        begun = self._places[host].begun
        oldest = min(begun, default=None)
        if oldest is None or oldest > time.monotonic() - _SLOW_S:
            return False
        return host.last_seen is None or host.last_seen < oldest

    @staticmethod
    def _answers(host: HostRecord) -> bool:
        return host.last_seen is not None and host.last_seen > time.monotonic() - _ANSWERS_S

    def _forget_unused(self, host: HostRecord, places: _Places) -> None:
        if not places.begun and not places.waiting:
            self._places.pop(host, None)
