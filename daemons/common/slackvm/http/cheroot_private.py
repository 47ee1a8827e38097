"""Private members of cheroot that the server needs; `tests/rest/test_private.py` checks them."""

from collections.abc import Iterable
from typing import Any, Protocol

from cheroot.server import HTTPServer


class Selector(Protocol):
    """Cheroot's selector: the sockets that it watches."""

    @property
    def connections(self) -> Iterable[tuple[int, Any]]:
        """File descriptors and connections; the server itself is one of them."""

    def register(self, fileobj: int, events: int, data: Any = None) -> Any:
        """Watch a socket, once: it is not watched any more after its next event."""


def selector_of(server: HTTPServer) -> Selector:
    """Return the selector of a server that listens.

    Cheroot has no public way to wait until a socket can be written to, or to list the connections
    that wait.
    """
    selector: Selector = server._connections._selector  # type: ignore[attr-defined]  # noqa: SLF001
    return selector
