"""One operation after another, and whether the present one hangs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

HANGS_S = 10.0
"""Deciding and writing it down take milliseconds; what takes so long will hardly end any more."""


class BusyError(Exception):
    """Other operations take too long; nothing has been begun."""


class OperationLock:
    """Lets one operation at a time do what must not overlap.

    Args:
        timeout_s: how long an operation waits for those before it.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._since: float | None = None

    @contextmanager
    def next(self) -> Iterator[None]:
        """Wait for a turn and have it.

        Raises:
            BusyError: none came in time.
        """
        if not self._lock.acquire(timeout=self._timeout_s):
            raise BusyError(f"other operations took more than {self._timeout_s:g} s")
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None
            self._lock.release()

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Within a turn, wait for something that keeps a time limit of its own."""
        self._since = None
        try:
            yield
        finally:
            self._since = time.monotonic()

    @property
    def hangs(self) -> bool:
        """Whether the present turn has gone on for too long, waiting elsewhere not counted."""
        since = self._since
        return since is not None and time.monotonic() > since + HANGS_S
