"""Who caused the operations that a thread logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an operation comes from.

    Attributes:
        by: name of the token of the request; None: it has none, or no request caused the operation.
        client: IP address that the request came from; None: not known, or no request.
    """

    by: str | None = None
    client: str | None = None


NO_REQUEST = Origin()
"""Origin of what a daemon does, or finds out, by itself."""

_current: ContextVar[Origin] = ContextVar("origin", default=NO_REQUEST)


def current_origin() -> Origin:
    """Return the origin of what this thread does now; other threads do not inherit it."""
    return _current.get()


@contextmanager
def originating(origin: Origin) -> Iterator[None]:
    """Let the operations that this thread logs in the block have an origin."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)
