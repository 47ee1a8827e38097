"""One operation at a time, and whether the current one hangs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from schedulerlocal.agent.errors import BusyError

HANGS_S = 10.0
"""Deciding and recording take milliseconds; an operation that takes this long is stuck."""


class OperationLock:
    """Lets one operation at a time change the host.

    Args:
        timeout_s: how long an operation waits for those before it.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._since: float | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock and hold it.

        Raises:
            BusyError: it was not free in time.
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
    def external_wait(self) -> Iterator[None]:
        """While holding the lock, wait for something that has its own time limit."""
        self._since = None
        try:
            yield
        finally:
            self._since = time.monotonic()

    @property
    def hangs(self) -> bool:
        """Whether the lock has been held for too long, external waits not counted."""
        since = self._since
        return since is not None and time.monotonic() > since + HANGS_S
