"""A decision that differs from a log."""

from dataclasses import dataclass

from slackvm.formats.operations import Operation
from slackvm.model.codes import is_code


@dataclass(frozen=True, slots=True)
class Difference:
    """An operation whose decision differs from the log."""

    logged: Operation
    decided: Operation

    @classmethod
    def between(cls, logged: Operation, decided: Operation) -> "Difference | None":
        """Return the difference; None if the decisions are the same."""
        return cls(logged, decided) if _differing(logged, decided) else None

    def __str__(self) -> str:
        """Return which operation it is, and what differs."""
        parts = []
        for name in _differing(self.logged, self.decided):
            logged, decided = getattr(self.logged, name), getattr(self.decided, name)
            is_long = name == "state"
            parts.append(name if is_long else f"{name} {logged!r} in the log, {decided!r} now")
        return f"seq {self.logged.seq} ({self.logged.op} {self.logged.name}): {'; '.join(parts)}"


def _differing(logged: Operation, decided: Operation) -> list[str]:
    """Return the fields in which two operations differ; release 0.1.0 had other codes."""
    names = ("host", "outcome", "gains", "loses", "state")
    differing = [name for name in names if getattr(logged, name) != getattr(decided, name)]
    return differing if is_code(logged.code, decided.code) else [*differing, "code"]
