"""Replies compressed with gzip, for clients that accept it."""

import gzip
import re
from dataclasses import replace

from slackvm.http.inputs import Environ
from slackvm.http.responses import Reply

SMALLEST = 1 << 13
"""Bytes from which a reply is compressed; a smaller one costs more time than it saves."""

_LEVEL = 1
"""Level of gzip. A higher one takes several times as long, for a few percent."""

_COMPRESSIBLE = re.compile(r"application/(json|openmetrics-text)|text/.+|image/svg\+xml")
_CODING = re.compile(r"\s*([^\s;]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?\s*", re.IGNORECASE)


def compressed(reply: Reply, environ: Environ) -> Reply:
    """Return a reply as a client accepts it: compressed, or as it is.

    Its ETag becomes a weak one, because the same content has other bytes.
    """
    media = reply.headers.get("Content-Type", "").partition(";")[0]
    if len(reply.body) < SMALLEST or not _COMPRESSIBLE.fullmatch(media):
        return reply
    vary = [value for value in (reply.headers.get("Vary"), "Accept-Encoding") if value]
    headers = {**reply.headers, "Vary": ", ".join(vary)}
    if not accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
        return replace(reply, headers=headers)
    headers["Content-Encoding"] = "gzip"
    if "ETag" in headers:
        headers["ETag"] = f"W/{headers['ETag']}"
    return replace(reply, headers=headers, body=gzip.compress(reply.body, _LEVEL, mtime=0))


def accepts_gzip(header: str) -> bool:
    """Return whether an `Accept-Encoding` header allows gzip; `*` stands for what is not named."""
    allowed: dict[str, bool] = {}
    for part in header.split(","):
        if match := _CODING.fullmatch(part):
            allowed[match[1].lower()] = float(match[2] or 1) > 0
    return allowed.get("gzip", allowed.get("*", False))
