"""The head of a request, its first line and headers, checked more strictly than cheroot does.

Whatever two programs could read in two ways is refused: it is how requests are smuggled past one
of them.
"""

import re
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple

from cheroot.server import HeaderReader, HTTPRequest

from slackvm.api.errors import RestError, malformed
from slackvm.http.responses import raw_error
from slackvm.model.codes import Code

MAX_HEAD = 1 << 14
"""Bytes of the first line and all headers."""

END = b"\r\n\r\n"

# Not `//host/path` nor `/path#part`, of which programs make different things.
_LINE = re.compile(rb"[A-Z][0-9A-Z-]{0,31} /(?!/)[!\"$-~]* HTTP/1\.[01]")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_CODES = {
    405: Code.METHOD_NOT_ALLOWED,
    411: Code.LENGTH_REQUIRED,
    413: Code.BODY_TOO_LARGE,
    414: Code.HEADERS_TOO_LARGE,
    431: Code.HEADERS_TOO_LARGE,
    500: Code.INTERNAL,
    503: Code.OVERLOADED,
}
"""Codes of the errors that cheroot answers by itself; for any other status: malformed."""

_ONCE = (b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization")


class Head(NamedTuple):
    """What must be known of a request to receive it.

    Attributes:
        body: bytes that follow; None where the length is not announced.
        waits: the client sends them after `100 Continue`.
    """

    body: int | None
    waits: bool


def read_head(head: bytes) -> Head:
    """Return what the head of a request says of its body.

    Raises:
        RestError: it is malformed or ambiguous.
    """
    line, *lines = head.removesuffix(END).split(b"\r\n")
    if not _LINE.fullmatch(line):
        raise malformed("the request line is not METHOD /path HTTP/1.1")
    headers: dict[bytes, bytes] = {}
    for text in lines:
        match = _HEADER.fullmatch(text)
        if match is None:
            raise malformed("a header is not Name: value, or goes on in a second line")
        name = match[1].lower()
        if name in headers and name in _ONCE:
            raise malformed(f"the header {name.decode()} is given more than once")
        headers[name] = match[2]
    if b"host" not in headers and line.endswith(b"1.1"):
        raise malformed("the header host is missing")
    waits = headers.get(b"expect", b"").lower() == b"100-continue"
    length = headers.get(b"content-length")
    if b"transfer-encoding" in headers:
        if length is not None:
            raise malformed("the headers content-length and transfer-encoding exclude each other")
        return Head(None, waits)
    if length is None:
        return Head(0, waits)
    if not re.fullmatch(rb"[0-9]{1,18}", length):
        raise malformed("the header content-length is not a number of bytes")
    return Head(int(length), waits)


class _Headers(HeaderReader):
    """Headers as cheroot understands them: it knows some in one spelling only."""

    def __call__(self, rfile: Any, hdict: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        """Read them, and return them by name."""
        headers: dict[bytes, bytes] = super().__call__(rfile, hdict)
        for name in list(headers):
            # In the environment of a request `_` and `-` are the same: Content_Length would stand
            # for Content-Length. What `Expect` asks for was done when the body was received.
            if b"_" in name or name == b"Expect":
                del headers[name]
        connection = {word.strip().lower() for word in headers.get(b"Connection", b"").split(b",")}
        if b"close" in connection:
            headers[b"Connection"] = b"close"
        elif b"keep-alive" in connection:
            headers[b"Connection"] = b"Keep-Alive"
        if b"Transfer-Encoding" in headers:
            # No body is read without its length, whatever the encoding: the application says so.
            headers[b"Transfer-Encoding"] = b"chunked"
        return headers


class CheckedRequest(HTTPRequest):
    """Cheroot's request, after `read_head`; its own refusals are JSON as all others."""

    header_reader = _Headers()

    def read_request_line(self) -> bool:
        """Return whether the first line is sound."""
        try:
            return bool(super().read_request_line())  # type: ignore[no-untyped-call]
        except ValueError:
            self.simple_response("400 Bad Request", "the address is not sound")
            return False

    def read_request_headers(self) -> bool:
        """Return whether the headers are sound."""
        sound = bool(super().read_request_headers())  # type: ignore[no-untyped-call]
        if self.conn.unread:
            self.close_connection = True
        return sound

    def simple_response(self, status: str, msg: str = "") -> None:
        """Answer without an application."""
        code = int(status[:3])
        phrase = HTTPStatus(code).phrase
        error = RestError(_CODES.get(code, Code.MALFORMED), msg or phrase, status=code)
        self.close_connection = True
        with suppress(OSError):
            self.conn.wfile.write(raw_error(error))
