"""Functions that are called after a change."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Watchers:
    """Calls functions in a thread, so that whoever notices a change need not wait for them.

    Changes while the functions run lead to one more call.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._functions: list[Callable[[], None]] = []
        self._is_pending = False
        self._is_closed = False
        threading.Thread(target=self._run, name="libvirt-watchers", daemon=True).start()

    def add(self, changed: Callable[[], None]) -> None:
        """Add a function."""
        with self._condition:
            self._functions.append(changed)

    def notify(self) -> None:
        """Call all functions soon."""
        with self._condition:
            self._is_pending = True
            self._condition.notify_all()

    def close(self) -> None:
        """Call no function any more."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._is_pending or self._is_closed)
                if self._is_closed:
                    return
                self._is_pending = False
                functions = list(self._functions)
            for changed in functions:
                try:
                    changed()
                except Exception:
                    log.exception("watcher_failed")
