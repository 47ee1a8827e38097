"""Looks at every host, again and again."""

import heapq
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import structlog

from schedulerglobal.hosts.client import LOOK_S, HostClient
from schedulerglobal.hosts.replies import HostError
from schedulerglobal.metrics import Counters
from schedulerglobal.reservations.recovery import ReservationRecovery
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.sync import reports as hearing

log = structlog.get_logger()

LOOKS_AT_ONCE = 32
"""Enough for a good part of the hosts to be dead, each of them a thread that waits for seconds."""

_FIRST_RETRY_S = 1.0
_SLOWEST_RETRY_S = 60.0
_TICK_S = 1.0


class Poller:
    """Looks at hosts side by side, each after its delay; at one that fails less and less often.

    Args:
        cluster: takes over what the hosts tell.
        nodes: asks them.
        settler: settles what is open, once a host answers.
        counters: counts looks.
        delay_s: seconds between two looks at a host.
    """

    def __init__(
        self,
        cluster: Cluster,
        nodes: HostClient,
        settler: ReservationRecovery,
        counters: Counters,
        delay_s: float,
    ) -> None:
        self._cluster = cluster
        self._nodes = nodes
        self._settler = settler
        self._counters = counters
        self._delay_s = delay_s
        self._wake = threading.Condition()
        # When each host is due; what else the heap has of it is out of date.
        self._due: dict[HostRecord, float] = {}
        self._heap: list[tuple[float, int, HostRecord]] = []
        # Since when each host is looked at, and those that are to be looked at once more at once.
        self._looking: dict[HostRecord, float] = {}
        self._again: set[HostRecord] = set()
        self._failures: dict[HostRecord, int] = {}
        self._room = threading.BoundedSemaphore(LOOKS_AT_ONCE)
        self._pool = ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="look")
        self._stopped = False
        self.seen_at = time.monotonic()

    def soon(self, member: HostRecord) -> None:
        """Look at a host at once, and from then on after each delay."""
        with self._wake:
            if member in self._looking:
                self._again.add(member)
            else:
                self._schedule(member, 0.0)

    def run(self) -> None:
        """Look until `stop`."""
        while True:
            with self._wake:
                if self._stopped:
                    return
                self.seen_at = now = time.monotonic()
                member = self._next(now)
                if member is None:
                    wait_s = self._heap[0][0] - now if self._heap else _TICK_S
                    self._wake.wait(min(max(wait_s, 0.0), _TICK_S))
            self._give_up_on_slow()
            with self._cluster.lock:
                self._cluster.ledger.catch_up()
            if member is not None:
                self._begin(member)

    def stop(self) -> None:
        """Let `run` end; looks that are under way are left behind."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self, member: HostRecord) -> bool:
        """Look at a host now; return whether it answered as one of ours."""
        begun = time.monotonic()
        is_taken = True
        try:
            # What is older than what is known, since the host changed meanwhile, is looked up anew.
            for _ in range(3):
                asked_at = time.monotonic()
                picture = self._nodes.picture(member.url, member.etag)
                is_taken = hearing.saw(self._cluster, member, picture, asked_at)
                if is_taken:
                    break
        except HostError as error:
            hearing.lost(self._cluster, member, str(error))
            self._counters.looked("failed", time.monotonic() - begun)
            return False
        self._counters.looked("changed" if picture else "same", time.monotonic() - begun)
        self._settler.settle_all(member)
        return True

    def _next(self, now: float) -> HostRecord | None:
        """Return a host that is due and take it from the schedule."""
        while self._heap:
            due, _, member = self._heap[0]
            if self._due.get(member) != due:
                heapq.heappop(self._heap)
            elif due <= now:
                heapq.heappop(self._heap)
                del self._due[member]
                self._looking[member] = now
                return member
            else:
                return None
        return None

    def _begin(self, member: HostRecord) -> None:
        while not self._room.acquire(timeout=_TICK_S):
            self.seen_at = time.monotonic()
            self._give_up_on_slow()
            if self._stopped:
                return
        with self._wake:
            self._looking[member] = time.monotonic()
            if not self._stopped:
                self._pool.submit(self._look_and_go_on, member)

    def _look_and_go_on(self, member: HostRecord) -> None:
        try:
            is_there = self.look(member)
        except Exception:
            log.exception("look failed")
            is_there = False
        finally:
            self._room.release()
        failures = 0 if is_there else self._failures.get(member, 0) + 1
        with self._wake:
            del self._looking[member]
            self._failures[member] = failures
            if member.forgotten:
                del self._failures[member]
            elif member in self._again:
                self._schedule(member, 0.0)
            else:
                self._schedule(member, self._pause_s(failures))
            self._again.discard(member)

    def _pause_s(self, failures: int) -> float:
        """Return after how many seconds a host is due again."""
        if not failures:
            # Hosts that were added together are looked at spread over the delay.
            return self._delay_s * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        longest = max(self._delay_s, _SLOWEST_RETRY_S)
        pause = min(self._delay_s, _FIRST_RETRY_S) * 2.0 ** min(failures - 1, 30)
        return min(pause, longest) * random.uniform(0.75, 1.25)  # noqa: S311

    def _schedule(self, member: HostRecord, in_s: float) -> None:
        due = self._due[member] = time.monotonic() + in_s
        heapq.heappush(self._heap, (due, member.ordinal, member))
        self._wake.notify()

    def _give_up_on_slow(self) -> None:
        """Say of hosts whose answers drip in that they do not answer."""
        latest = time.monotonic() - 4 * LOOK_S
        with self._wake:
            slow = [member for member, since in self._looking.items() if since < latest]
        for member in slow:
            hearing.lost(self._cluster, member, "its answer takes too long")
