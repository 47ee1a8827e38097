"""What a person at a terminal sees while a server is asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn


class Waiting:
    """A bar on stderr that moves, and fills where it is known how many requests there will be.

    It is there during a request only, so that what is written between them is not disturbed.

    Args:
        what: is done meanwhile; empty shows nothing, as where stderr is no terminal.
    """

    def __init__(self, what: str = "") -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            console=console,
            transient=True,
            disable=not (what and console.is_terminal),
        )
        self._task = self._progress.add_task(what, total=None)

    def expect(self, requests: int) -> None:
        """Let so many requests fill the bar."""
        self._progress.update(self._task, total=requests)

    @contextmanager
    def seen(self) -> Iterator[None]:
        """Be seen while the block runs; one request more is done then."""
        self._progress.start()
        try:
            yield
        finally:
            self._progress.stop()
            self._progress.advance(self._task)
