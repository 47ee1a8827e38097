"""Those who want to know when something has changed."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Watchers:
    """Calls functions from a thread of its own, for the one that tells must not be held up.

    What is told while they run is told once more afterwards, however often it was.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._functions: list[Callable[[], None]] = []
        self._is_news = False
        self._is_closed = False
        threading.Thread(target=self._run, name="libvirt-watchers", daemon=True).start()

    def add(self, changed: Callable[[], None]) -> None:
        """Call a function too."""
        with self._condition:
            self._functions.append(changed)

    def tell(self) -> None:
        """Have all of them called soon."""
        with self._condition:
            self._is_news = True
            self._condition.notify_all()

    def close(self) -> None:
        """Call nobody any more."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._is_news or self._is_closed)
                if self._is_closed:
                    return
                self._is_news = False
                functions = list(self._functions)
            for changed in functions:
                try:
                    changed()
                except Exception:
                    log.exception("a watcher failed")
