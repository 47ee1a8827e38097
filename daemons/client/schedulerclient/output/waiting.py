"""The progress bar on a terminal during requests."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from schedulerclient.output.output import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


DELAY_S = 0.5
"""Seconds that a command takes before the bar is visible."""


class Waiting:
    """A moving bar on stderr, which fills if the number of requests is known.

    It is visible only during a request, so that it does not disturb the output between requests,
    and only once the command has taken a while, so that it does not flash up.

    Args:
        what: text beside the bar; if it is empty or stderr is not a terminal, there is no bar.
    """

    def __init__(self, what: str = "") -> None:
        self._bar = _bar(what) if what and is_terminal(sys.stderr) else None
        self._visible_at = time.monotonic() + DELAY_S

    def expect(self, requests: int) -> None:
        """Set the number of requests that fill the bar."""
        if self._bar:
            progress, task = self._bar
            progress.update(task, total=requests)

    @contextmanager
    def seen(self) -> Iterator[None]:
        """Show the bar while the block runs; one more request is done then."""
        if self._bar is None:
            yield
            return
        progress, task = self._bar
        wait_s = max(self._visible_at - time.monotonic(), 0)
        starting = threading.Timer(wait_s, progress.start)
        starting.daemon = True
        starting.start()
        try:
            yield
        finally:
            starting.cancel()
            starting.join()
            progress.stop()
            progress.advance(task)


def _bar(what: str) -> "tuple[Progress, TaskID]":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    return progress, progress.add_task(what, total=None)
