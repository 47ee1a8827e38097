"""Looks at every host, again and again."""

import heapq
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import structlog

from schedulerglobal.cluster import Cluster
from schedulerglobal.member import Member
from schedulerglobal.node import NodeError, Nodes

log = structlog.get_logger()

LOOKS_AT_ONCE = 16

_FIRST_RETRY_S = 1.0
_SLOWEST_RETRY_S = 60.0


class Poller:
    """Looks at hosts side by side, each after its delay; at one that fails less and less often.

    Args:
        cluster: takes over what the hosts tell.
        nodes: asks them.
        delay_s: seconds between two looks at a host.
    """

    def __init__(self, cluster: Cluster, nodes: Nodes, delay_s: float) -> None:
        self._cluster = cluster
        self._nodes = nodes
        self._delay_s = delay_s
        self._due: list[tuple[float, int, Member]] = []
        self._failures: dict[Member, int] = {}
        self._wake = threading.Condition()
        self._room = threading.Semaphore(LOOKS_AT_ONCE)
        self._stopped = False
        self._pool = ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="look")

    def watch(self, member: Member, in_s: float = 0.0) -> None:
        """Look at a host from now on."""
        with self._wake:
            heapq.heappush(self._due, (time.monotonic() + in_s, member.ordinal, member))
            self._wake.notify()

    def run(self) -> None:
        """Look until `stop`."""
        while not self._stopped:
            with self._wake:
                wait_s = self._due[0][0] - time.monotonic() if self._due else 1.0
                if wait_s > 0:
                    self._wake.wait(min(wait_s, 1.0))
                    continue
                _, _, member = heapq.heappop(self._due)
            self._room.acquire()
            self._pool.submit(self._look, member)

    def stop(self) -> None:
        """Let `run` end."""
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def _look(self, member: Member) -> None:
        try:
            next_s = self.look(member)
        except Exception:
            log.exception("look failed")
            next_s = self._delay_s
        finally:
            self._room.release()
        if member in self._cluster.members:
            self.watch(member, next_s)

    def look(self, member: Member) -> float:
        """Look at a host once; return after how many seconds to look again."""
        asked_at = time.monotonic()
        try:
            picture = self._nodes.picture(member.url, member.etag)
        except NodeError as error:
            self._cluster.lost(member, str(error))
            count = self._failures[member] = self._failures.get(member, 0) + 1
            slowest = max(self._delay_s, _SLOWEST_RETRY_S)
            retry_s = min(self._delay_s, _FIRST_RETRY_S) * 2.0 ** min(count - 1, 20)
            return min(retry_s, slowest) * random.uniform(0.75, 1.25)  # noqa: S311
        self._failures.pop(member, None)
        newer = self._cluster.saw(member, picture, asked_at)
        return self._delay_s if newer else 0.0
