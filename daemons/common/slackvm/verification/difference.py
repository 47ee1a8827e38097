"""Where a decision is not what a log says."""

from dataclasses import dataclass

from slackvm.formats.operations import Operation


@dataclass(frozen=True, slots=True)
class Difference:
    """The first operation that is decided otherwise than the log says."""

    logged: Operation
    decided: Operation

    @classmethod
    def between(cls, logged: Operation, decided: Operation) -> "Difference | None":
        """Return the difference; None where the decisions are the same."""
        if all(getattr(logged, name) == getattr(decided, name) for name in _DECISION):
            return None
        return cls(logged, decided)

    def __str__(self) -> str:
        """Say which operation, and what differs."""
        parts = [
            f"{name} {getattr(self.logged, name)!r} in the log, {getattr(self.decided, name)!r} now"
            for name in _DECISION
            if getattr(self.logged, name) != getattr(self.decided, name)
        ]
        return f"seq {self.logged.seq} ({self.logged.op} {self.logged.name}): {'; '.join(parts)}"


_DECISION = ("host", "outcome", "code", "gains", "loses")
