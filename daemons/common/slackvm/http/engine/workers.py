"""Threads that answer whole requests, apart for each lane.

A lane whose threads all wait for something keeps nobody in another lane waiting.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from slackvm.api.endpoint import Lane
from slackvm.http.engine.limits import LaneLimits

if TYPE_CHECKING:
    from slackvm.http.engine.connections import WholeRequestConnection

log = structlog.get_logger(__name__)

_TICK_S = 0.25
"""How often requests that wait are looked at."""


class _Workers:
    """The threads of one lane, and the requests that wait for them."""

    def __init__(self, lane: Lane, limits: LaneLimits, done: Callable[[Any], None]) -> None:
        self._lane = lane
        self._limits = limits
        self._done = done
        self._waiting: deque[tuple[float, WholeRequestConnection]] = deque()
        self._more = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for number in range(self._limits.threads):
            name = f"{self._lane} {number}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def put(self, conn: "WholeRequestConnection") -> None:
        """Let a thread answer a request.

        Raises:
            queue.Full: too many wait.
        """
        with self._more:
            if len(self._waiting) >= self._limits.queue:
                raise queue.Full
            self._waiting.append((time.monotonic(), conn))
            self._more.notify()

    def expired(self, before: float) -> "list[WholeRequestConnection]":
        """Return requests that have waited since before a moment; they wait no longer."""
        found = []
        with self._more:
            while self._waiting and self._waiting[0][0] < before:
                found.append(self._waiting.popleft()[1])
        return found

    @property
    def is_waited_for(self) -> bool:
        return bool(self._waiting)

    def stop(self) -> None:
        """Answer what waits, and end the threads."""
        with self._more:
            self._stopped = True
            self._more.notify_all()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (conn := self._next()) is not None:
            self._answer(conn)

    def _next(self) -> "WholeRequestConnection | None":
        with self._more:
            while not self._waiting:
                if self._stopped:
                    return None
                self._more.wait()
            return self._waiting.popleft()[1]

    def _answer(self, conn: "WholeRequestConnection") -> None:
        kept = False
        try:
            kept = conn.communicate()
        except ConnectionError as error:
            log.info("connection_lost", client=conn.remote_addr, reason=str(error))
        except Exception:
            log.exception("request_failed", client=conn.remote_addr)
        if kept:
            self._done(conn)
        else:
            conn.close()


class LaneWorkers:
    """The threads of all lanes, in the place of cheroot's pool.

    Args:
        lanes: the limits of each lane.
        queue_seconds: how long a request may wait for a thread.
        done: gets a connection whose request was answered, if another may follow.
        refuse: gets a connection whose request waited for too long.
    """

    def __init__(
        self,
        lanes: Mapping[Lane, LaneLimits],
        queue_seconds: float,
        done: Callable[[Any], None],
        refuse: "Callable[[WholeRequestConnection], None]",
    ) -> None:
        self._lanes = {lane: _Workers(lane, limits, done) for lane, limits in lanes.items()}
        self._queue_seconds = queue_seconds
        self._refuse = refuse
        self._waited_for = threading.Event()
        self._stopped = False

    def start(self) -> None:
        """Start the threads."""
        for workers in self._lanes.values():
            workers.start()
        threading.Thread(target=self._watch, name="queue", daemon=True).start()

    def put(self, conn: "WholeRequestConnection", lane: Lane) -> None:
        """Let a thread of a lane answer a request.

        Raises:
            queue.Full: too many of its requests wait.
        """
        self._lanes[lane].put(conn)
        self._waited_for.set()

    def stop(self, _timeout: float) -> None:
        """Answer what waits, and wait until it is answered, however long that takes."""
        self._stopped = True
        self._waited_for.set()
        for workers in self._lanes.values():
            workers.stop()
        for workers in self._lanes.values():
            workers.join()

    def _watch(self) -> None:
        while not self._stopped:
            self._waited_for.wait()
            self._waited_for.clear()
            while any(workers.is_waited_for for workers in self._lanes.values()):
                time.sleep(_TICK_S)
                before = time.monotonic() - self._queue_seconds
                for workers in self._lanes.values():
                    for conn in workers.expired(before):
                        self._refuse(conn)
