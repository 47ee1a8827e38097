"""The log of unauthorized requests: a flood of them is a line a minute for each address."""

import threading
import time

import structlog

log = structlog.get_logger(__name__)

_PERIOD_S = 60.0

_MOST = 1000
"""Addresses that are counted apart; the log says of any further one only how many there were."""

OTHERS = "others"


class RejectedLog:
    """Counts unauthorized requests by address, and logs the counts.

    Args:
        period_s: seconds between two lines about one address.
    """

    def __init__(self, period_s: float = _PERIOD_S) -> None:
        self._period_s = period_s
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._ends_at = 0.0

    def is_first(self, address: str) -> bool:
        """Count an unauthorized request; return whether it is the first of its address.

        The first is logged like any other request, and further ones as a number.
        """
        self.flush()
        with self._lock:
            if not self._counts:
                self._ends_at = time.monotonic() + self._period_s
            is_known = address in self._counts
            if not is_known and len(self._counts) >= _MOST:
                address, is_known = OTHERS, True
            self._counts[address] = self._counts.get(address, 0) + is_known
            return not is_known

    def flush(self) -> None:
        """Log the counts if their period is over; called for every request."""
        if not self._counts or time.monotonic() < self._ends_at:
            return
        with self._lock:
            counts, self._counts = self._counts, {}
        for address, count in counts.items():
            if count:
                log.warning(
                    "unauthorized_requests", client=address, count=count, seconds=self._period_s
                )
