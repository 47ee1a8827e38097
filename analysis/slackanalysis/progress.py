"""How far a long command is, and how long it will still take: a bar, or lines in a log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Track = Callable[[str, int], Callable[[int], object]]
"""Takes the name and the steps of some work, and returns what takes the steps that are done."""

_LINE_AFTER_S = 10.0
"""A log gets at most one line in this time."""


def untracked(_what: str, _steps: int) -> Callable[[int], object]:
    """Tell nobody."""
    return lambda _: None


@contextmanager
def tracking(console: Console) -> Iterator[Track]:
    """Give what shows bars on a terminal, and writes a line now and then elsewhere."""
    with Progress(
        TextColumn("{task.description}", markup=False),  # names of files stand in it
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:

        def track(what: str, steps: int) -> Callable[[int], object]:
            task = progress.add_task(what, total=steps)
            lines = _Lines(console, what, steps)

            def advance(count: int) -> None:
                progress.advance(task, count)
                lines.advance(count)

            return advance

        yield track


class _Lines:
    """What a log gets to read; a terminal gets nothing, for it shows a bar."""

    def __init__(self, console: Console, what: str, steps: int) -> None:
        self._console = console
        self._what = what
        self._steps = steps
        self._done = self._measured_from = 0
        self._began = self._written_at = time.monotonic()

    def advance(self, count: int) -> None:
        now = time.monotonic()
        if not self._done:
            # What was there already took no time, and says nothing about the rest.
            self._measured_from, self._began = count, now
        self._done += count
        is_end = self._done >= self._steps
        if self._console.is_terminal or is_end or now - self._written_at < _LINE_AFTER_S:
            return
        self._written_at = now
        measured = self._done - self._measured_from
        if not measured:
            return
        left = (now - self._began) / measured * (self._steps - self._done)
        self._console.print(
            f"{self._what}: {self._done} of {self._steps}, about {left:.0f} s left", markup=False
        )
