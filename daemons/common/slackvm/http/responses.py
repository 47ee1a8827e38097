"""Responses and errors as they go out: status, headers, bytes."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import BaseModel

from slackvm.api.endpoint import AnyEndpoint, ReplyKind
from slackvm.api.errors import ErrorReply, RestError
from slackvm.http.inputs import Environ
from slackvm.http.routes import Response

JSON = "application/json"

COMMON_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Headers of every answer that has no other of the name, beside its request id."""

REQUEST_ID = "X-Request-Id"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ETAG = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes out."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


def request_id(environ: Environ) -> str:
    """Return the id that the client gave its request, or a new one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def of_response(response: Response, endpoint: AnyEndpoint, environ: Environ) -> Reply:
    """Return a handler's response as it goes out.

    Raises:
        TypeError: the endpoint does not declare this answer: an error of the handler.
    """
    headers = dict(response.headers)
    if response.etag is not None:
        headers["ETag"] = f'"{response.etag}"'
        if 304 in endpoint.replies and _is_known(response.etag, environ):
            return Reply(304, headers)
    kind = endpoint.replies.get(response.status, "")
    body = response.body
    if response.status in endpoint.replies:
        if kind is None and body is None:
            return Reply(response.status, headers)
        if isinstance(body, str | bytes) and (media := _media_type(kind, headers)):
            content = body.encode() if isinstance(body, str) else body
            return Reply(response.status, {**headers, "Content-Type": media}, content)
        if isinstance(kind, type) and isinstance(body, kind):
            content = body.model_dump_json(by_alias=True).encode()
            return Reply(response.status, {"Content-Type": JSON, **headers}, content)
    raise TypeError(
        f"{endpoint.method} {endpoint.path} answered {response.status} with {type(body).__name__}, "
        f"declared: {endpoint.replies}"
    )


def of_error(error: RestError, failure: type[ErrorReply] = ErrorReply) -> Reply:
    """Return an error as it goes out, in the form that the endpoint gives its failures."""
    return Reply(error.status, {"Content-Type": JSON, **error.headers}, _json(error, failure))


def raw_error(error: RestError) -> bytes:
    """Return an error as bytes of HTTP, for a connection on which no request was read.

    The connection ends with it.
    """
    body = _json(error, ErrorReply)
    headers = {
        "Content-Type": JSON,
        "Content-Length": str(len(body)),
        "Connection": "close",
        REQUEST_ID: secrets.token_hex(8),
        **COMMON_HEADERS,
        **error.headers,
    }
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _media_type(kind: ReplyKind, headers: Mapping[str, str]) -> str | None:
    """Return the media type of a body that is no model; None where none such is declared."""
    if isinstance(kind, str):
        return kind
    given = headers.get("Content-Type")
    return given if isinstance(kind, tuple) and given in kind else None


def _json(error: RestError, failure: type[ErrorReply]) -> bytes:
    reply: BaseModel = failure.of(error.detail)
    return reply.model_dump_json().encode()


def _is_known(etag: str, environ: Environ) -> bool:
    known = environ.get("HTTP_IF_NONE_MATCH", "").strip()
    return known == "*" or etag in _ETAG.findall(known)
