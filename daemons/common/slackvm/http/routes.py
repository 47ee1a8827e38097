"""Routes: endpoints with the handlers that answer them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from pydantic import BaseModel

from slackvm.api.endpoint import Endpoint, InputT, PathT
from slackvm.api.roles import Caller


@dataclass(frozen=True, slots=True)
class Request(Generic[PathT, InputT]):
    """A request that was admitted and whose every part was validated.

    Attributes:
        path: the parameters in the path; None if the endpoint has none.
        input: the query string or the JSON body; None if the endpoint takes neither.
        accept: the `Accept` header: media types that the client prefers.
        caller: who sent it.
        controller: the header by which a controller claims a host; empty: a person sent it.
    """

    path: PathT
    input: InputT
    accept: str = ""
    caller: Caller = field(default_factory=Caller)
    controller: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer of a handler.

    Attributes:
        status: one of those that the endpoint declares.
        body: what the endpoint declares for this status.
        headers: further headers.
        etag: version of the content, unquoted. A client that has this version, as its
            `If-None-Match` says, gets 304 without the body.
    """

    status: int
    body: BaseModel | str | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Route(Generic[PathT, InputT]):
    """An endpoint and its handler.

    Attributes:
        endpoint: what it takes and answers.
        handler: takes validated input; raises `RestError` to refuse.
    """

    endpoint: Endpoint[PathT, InputT]
    handler: Callable[[Request[PathT, InputT]], Response]


AnyRoute = Route[Any, Any]
