"""HTTP connections and retries with a time limit on the whole answer.

Only this module relies on internals of urllib3 and http.client; `tests/rest/test_private.py` checks
them.
"""

import http.client
import io
import socket
import zlib
from types import TracebackType
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, MaxRetryError, ResponseError
from urllib3.util import Retry

from slackvm.deadline import Deadline

_LOST = 2
"""How often a request is sent again after its answer was lost."""

_MANY = 1000

_PIECE = 1 << 16


class TooLargeError(Exception):
    """An answer has more bytes than allowed."""


def read_content(response: BaseHTTPResponse, most: int) -> bytes:
    """Return the content of an answer whose content was not read yet, decompressed if it is gzip.

    Args:
        response: the answer.
        most: bytes that it may have, decompressed. No more than that is ever in memory.

    Raises:
        TooLargeError: it has more.
        HTTPError: it does not arrive completely, or its compression is unknown or damaged.
    """
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("gzip", "identity"):
        raise DecodeError(f"compressed as {coding[:40]!r}, not as gzip")
    gunzip = zlib.decompressobj(16 + zlib.MAX_WBITS) if coding == "gzip" else None
    content = bytearray()
    for piece in response.stream(_PIECE, decode_content=False):
        try:
            content += gunzip.decompress(piece, most + 1 - len(content)) if gunzip else piece
        except zlib.error as error:
            raise DecodeError(f"damaged gzip: {error}") from error
        if len(content) > most:
            raise TooLargeError(f"larger than {most} bytes")
    if gunzip and not gunzip.eof and content:
        raise DecodeError("incomplete gzip")
    return bytes(content)


class TotalTimeoutAdapter(HTTPAdapter):
    """Connections whose read timeout limits the whole answer.

    Otherwise the timeout of `requests` starts again with every byte that arrives.
    """

    def init_poolmanager(self, *options: Any, **more: Any) -> None:
        """Create the pools of connections."""
        super().init_poolmanager(*options, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Reader(io.RawIOBase):
    """Reads from a socket until its timeout is over, however often something comes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._deadline = Deadline(sock.gettimeout() or 0)
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.left
        if not left:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *options: Any, **more: Any) -> None:
        super().__init__(sock, *options, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _UntilDeadline(Retry):
    """Waits as long as the server requests (`Retry-After`), if the deadline allows it.

    Attributes:
        deadline: None: none.
    """

    deadline: Deadline | None = None

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Return the retries that are left.

        Raises:
            MaxRetryError: none are left.
        """
        if response is not None:
            pause = self.get_retry_after(response) or 0.0
            if self.deadline is not None and pause >= self.deadline.left:
                raise MaxRetryError(_pool, url, ResponseError("too late"))  # type: ignore[arg-type]  # as urllib3 itself does
        left = super().increment(method, url, response, error, _pool, _stacktrace)
        left.deadline = self.deadline
        return left


def retries(deadline: Deadline | None) -> Retry:
    """Return the retries of a request that fails.

    Args:
        deadline: until when the request may be sent again: after the server reported that it
            cannot serve it now, or after its answer was lost. None: it is sent once.
    """
    if deadline is None:
        return Retry(0, read=False)
    policy = _UntilDeadline(
        total=_MANY,
        connect=0,
        read=_LOST,
        redirect=0,
        other=0,
        allowed_methods=None,
        backoff_factor=0.2,
        raise_on_status=False,
    )
    policy.deadline = deadline
    return policy
