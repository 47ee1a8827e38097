"""Connections of which a thread sees nothing before a whole request has come.

Cheroot gives a connection to a thread as soon as it is accepted, and the thread then waits for
what the client sends: as many slow clients as there are threads keep all others out. Here the
thread that watches the connections takes what comes, without waiting, TLS handshakes included.
Whoever is slow costs a place among the connections, and after the timeout not even that.
"""

import io
import math
import selectors
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

from cheroot.server import HTTPConnection

from slackvm.api.errors import RestError
from slackvm.http.engine.heads import END, MAX_HEAD, CheckedRequest, read_head
from slackvm.http.inputs import MAX_BODY
from slackvm.http.responses import raw_error
from slackvm.model.codes import Code

_PIECE = 1 << 16
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_MAX_DRAINED = 1 << 26
"""Bytes of a refused request that are thrown away, so that its client comes to read the answer."""


class WholeRequestConnection(HTTPConnection):
    """A connection.

    Attributes:
        awaits: the event of the socket after which there is more to do.
        last_used: when it last became idle, or when the first byte of a request came; seconds.
        unread: some of what the client sends will never be read, so the connection must end.
        draining: the answer was given, and what still comes is thrown away.
        request_line: the first line of the request that is there.
    """

    RequestHandlerClass = CheckedRequest

    def __init__(self, server: Any, sock: socket.socket, _makefile: object = None) -> None:
        def file(sock: socket.socket, mode: str, _size: int) -> "io.BytesIO | _Sender":
            return _Sender(sock, server.timeout) if "w" in mode else io.BytesIO()

        self.awaits = selectors.EVENT_READ
        self.unread = False
        self.draining = False
        self.request_line = b""
        self._received = bytearray()
        self._searched = 0
        self._length: int | None = None
        self._drained = 0
        super().__init__(server, sock, file)

    def gather(self) -> bool:
        """Take what has come, without waiting, and tell whether a whole request is there.

        Raises:
            RestError: what came is no request, or a head that is too large.
            OSError: the connection ended, or TLS failed.
        """
        self.socket.setblocking(False)
        while not self._is_whole():
            try:
                piece = self.socket.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError):
                self.awaits = selectors.EVENT_READ
                return False
            except ssl.SSLWantWriteError:
                self.awaits = selectors.EVENT_WRITE
                return False
            if not piece:
                raise ConnectionAbortedError("the client ended the connection")
            if isinstance(self.socket, ssl.SSLSocket) and self.socket.version() is None:
                # Python reads in plain from a socket whose TLS has ended, or never began.
                raise ConnectionAbortedError("this did not come through TLS")
            if not self._received:
                self.last_used = time.time()
            self._received += piece
        self.rfile = io.BytesIO(self._received[: self._length])
        del self._received[: self._length]
        if self.unread:
            self._received.clear()
        self._length, self._searched = None, 0
        return True

    @property
    def held(self) -> int:
        """Bytes of a request that is not whole yet."""
        return len(self._received)

    def has_more(self) -> bool:
        """Tell whether something of a next request is here, where no selector sees it."""
        pending = self.socket.pending() if isinstance(self.socket, ssl.SSLSocket) else 0
        return bool(self._received) or pending > 0

    def communicate(self) -> bool:
        """Answer the request that is there; return whether another may follow."""
        kept = bool(super().communicate())  # type: ignore[no-untyped-call]
        return kept and not self.unread

    def refuse(self, error: RestError, *, in_plain: bool = False) -> None:
        """Answer without a thread, and end.

        Args:
            error: the answer.
            in_plain: the client speaks no TLS where it should.
        """
        self.unread = True
        with suppress(OSError):
            self.socket.setblocking(False)
            send = socket.socket.send if in_plain else type(self.socket).send
            send(self.socket, raw_error(error))
        self.close()

    def hang_up(self) -> None:
        """End the connection while a selector watches it, which then sees its end."""
        self.draining = True
        self.last_used = math.inf
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def drain(self) -> bool:
        """Throw away what has come, and tell whether more of it may come."""
        try:
            while self._drained < _MAX_DRAINED:
                piece = self.socket.recv(_PIECE)
                if not piece:
                    return False
                self._drained += len(piece)
        except BlockingIOError:
            self.awaits = selectors.EVENT_READ
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """End the connection: at once, or after the client had time to read its answer.

        A connection that is closed while data is unread is reset, and the answer may be lost.
        """
        if self.unread and not self.draining and self.server.ready:
            self.draining = True
            self._received.clear()
            with suppress(OSError):
                self.socket.setblocking(False)
                self.socket.shutdown(socket.SHUT_WR)
                self.server.put_conn(self)
                return
        with suppress(OSError):
            super().close()

    def _is_whole(self) -> bool:
        if self._length is None:
            end = self._received.find(END, self._searched)
            size = len(self._received) if end < 0 else end + len(END)
            if size > MAX_HEAD:
                raise RestError(Code.HEADERS_TOO_LARGE, f"headers have at most {MAX_HEAD} bytes")
            if end < 0:
                self._searched = max(0, size - len(END))
                return False
            self._begin(bytes(self._received[:size]))
        return self._length is not None and len(self._received) >= self._length

    def _begin(self, head: bytes) -> None:
        body, waits = read_head(head)
        self.request_line = head.partition(b"\r\n")[0]
        self._length = len(head)
        if body is None or body > MAX_BODY:
            # The application refuses it, and does so with the head alone.
            self.unread = True
            return
        self._length += body
        if waits and len(self._received) < self._length:
            self.socket.send(_CONTINUE)


class _Sender:
    """Sends answers to a client that must take each within a time."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._socket = sock
        self._timeout = timeout

    def write(self, content: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the client is gone or too slow.
        """
        deadline = time.monotonic() + self._timeout
        rest = memoryview(content)
        while rest:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                rest = rest[self._socket.send(rest) :]
            except (TimeoutError, ssl.SSLError):
                # Cheroot knows this text, and not those of TLS, as no fault of the server.
                raise TimeoutError("timed out") from None
