"""What a person at a terminal sees while a server is asked."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from schedulerclient.output.output import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Waiting:
    """A bar on stderr that moves, and fills where it is known how many requests there will be.

    It is there during a request only, so that what is written between them is not disturbed.

    Args:
        what: is done meanwhile; empty shows nothing, as where stderr is no terminal.
    """

    def __init__(self, what: str = "") -> None:
        self._bar = _bar(what) if what and is_terminal(sys.stderr) else None

    def expect(self, requests: int) -> None:
        """Let so many requests fill the bar."""
        if self._bar:
            progress, task = self._bar
            progress.update(task, total=requests)

    @contextmanager
    def seen(self) -> Iterator[None]:
        """Be seen while the block runs; one request more is done then."""
        if self._bar is None:
            yield
            return
        progress, task = self._bar
        progress.start()
        try:
            yield
        finally:
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
