"""Events: the entries of the operations log, read after a number, with waiting for new ones."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slackvm.formats.operations import Journal
from slackvm.formats.operations_files import Entry, read_entries

MOST_WAITING = 6
"""Requests that wait for events at once. Each keeps a thread; one more is answered at once."""

_SCANNED = 5000
"""Entries that one request looks at; a request that selects few of them continues after these."""

_LONG = ("vms", "foreign")
"""Facts of a host that an event leaves out: every change of one VM would list all of them."""


@dataclass(frozen=True)
class Events:
    """Events, and where they are in the log.

    Attributes:
        entries: the events.
        first: number of the oldest event that is kept.
        next: number of the last entry that was looked at.
        more: whether there are entries after it.
    """

    entries: list[Entry]
    first: int
    next: int
    more: bool


class EventStream:
    """Events of a controller.

    Args:
        journal: its operations log.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._free = threading.BoundedSemaphore(MOST_WAITING)
        self._is_closed = False

    @property
    def last(self) -> int:
        """Number of the newest event."""
        return self._journal.seq

    def read(
        self, after: int, limit: int, selects: Callable[[Entry], bool] = lambda _: True
    ) -> Events:
        """Return the events after a number that are selected.

        Args:
            after: the number.
            limit: at most so many.
            selects: whether to return an event.

        Raises:
            OSError: the log cannot be read.
            ValueError: a line of it is damaged.
        """
        last = self.last
        entries, first = read_entries(self._journal.path, after, _SCANNED)
        shown = [_event(entry) for entry in entries if selects(entry)]
        seen = entries[-1]["seq"] if entries else min(after, last)
        if len(shown) > limit:
            shown = shown[:limit]
            seen = shown[-1]["seq"]
        return Events(shown, first, seen, more=seen < last)

    def newest(self, limit: int, selects: Callable[[Entry], bool]) -> Events:
        """Return the newest of the last `_SCANNED` events that are selected."""
        last = self.last
        seen, first = max(0, last - _SCANNED), 1
        shown: deque[Entry] = deque(maxlen=limit)
        while seen < last:
            entries, first = read_entries(self._journal.path, seen, _SCANNED)
            if not entries:
                break
            shown.extend(_event(entry) for entry in entries if selects(entry))
            seen = entries[-1]["seq"]
        return Events(list(shown), first, seen, more=False)

    def wait(
        self, after: int, limit: int, wait_s: float, selects: Callable[[Entry], bool]
    ) -> Events:
        """Return the events after a number; if nothing has happened since, wait.

        It does not wait while too many requests wait already, or once the stream is closed.
        """
        events = self.read(after, limit, selects)
        if events.entries or events.more or not self._free.acquire(blocking=False):
            return events
        deadline = time.monotonic() + wait_s
        try:
            while not events.entries and self.grows(events.next, deadline - time.monotonic()):
                events = self.read(events.next, limit, selects)
            return events
        finally:
            self._free.release()

    def grows(self, seq: int, wait_s: float) -> bool:
        """Wait until the log has entries after a number; return whether it has."""
        with self._journal.grown:
            self._journal.grown.wait_for(lambda: self._is_closed or self.last > seq, wait_s)
        return self.last > seq and not self._is_closed

    def close(self) -> None:
        """End all waiting."""
        with self._journal.grown:
            self._is_closed = True
            self._journal.grown.notify_all()


def _event(entry: Entry) -> dict[str, Any]:
    """Return an entry without the lists of all VMs of a host, and without a whole state."""
    event = {name: value for name, value in entry.items() if name != "state"}
    if isinstance(event.get("room"), dict):
        event["room"] = {name: fact for name, fact in event["room"].items() if name not in _LONG}
    return event
