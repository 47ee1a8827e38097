"""What an import clipped, filled, guessed, rounded and dropped: counted."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done to a trace.

    Attributes:
        what: `clipped`, `filled`, `guessed`, `rounded` or `dropped`.
        why: the reason, with the value that was put in where there is one.
        count: how many.
        of: what is counted.
    """

    what: str
    why: str
    count: int
    of: str


class Account:
    """Counts by what was done and why, in the order in which they first came up."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}

    def add(self, what: str, why: str, count: int, of: str = "VMs") -> None:
        """Count that something was done; a count of 0 is left out."""
        if count:
            key = what, why, of
            self._counts[key] = self._counts.get(key, 0) + int(count)

    def __len__(self) -> int:
        return len(self._counts)

    def __iter__(self) -> Iterator[Entry]:
        for (what, why, of), count in self._counts.items():
            yield Entry(what, why, count, of)

    def table(self) -> Table:
        """Return the counts for people."""
        shown = Table(box=box.SIMPLE_HEAD)
        shown.add_column("changed")
        shown.add_column("count", justify="right")
        shown.add_column("why")
        for entry in self:
            shown.add_row(entry.what, f"{entry.count:,} {entry.of}", entry.why)
        return shown
