"""What a REST endpoint is: what it takes, what it answers, and who may call it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel

from slackvm.api.base import Inputs
from slackvm.api.errors import ErrorReply

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Methods that an endpoint can have; HEAD and OPTIONS come by themselves."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PARAMETER = re.compile(r"\{([a-z_]+)\}")


PathT = TypeVar("PathT", bound=Inputs | None)
InputT = TypeVar("InputT", bound=Inputs | None)

ResponseKind = type[BaseModel] | str | tuple[str, ...] | None
"""What an answer holds: a model, sent as JSON; content of a media type, or of one of several, which
the answer's `Content-Type` then tells; or nothing."""


@dataclass(frozen=True, slots=True)
class Request(Generic[PathT, InputT]):
    """A request that was let in and whose every part was validated.

    Attributes:
        path: the parameters in the path; None where the endpoint has none.
        input: the query string or the JSON body; None where the endpoint takes neither.
        accept: the `Accept` header: media types that the client would like.
    """

    path: PathT
    input: InputT
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What a handler answers.

    Attributes:
        status: one of those that the endpoint declares.
        body: what the endpoint declares for this status.
        headers: further headers.
        etag: the version of what is answered, unquoted. A client that has it already (its
            `If-None-Match` says so) is answered 304 without the body.
    """

    status: int
    body: BaseModel | str | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint(Generic[PathT, InputT]):
    """One method of one path.

    Attributes:
        method: one of `METHODS`.
        path: starts with a slash; `{name}` stands for a segment that `parameters` describes.
        summary: one line for the document of the interface.
        handler: is called with validated input; refuses by raising `RestError`.
        answers: what is answered, per status; 304 where the handler gives an ETag.
        errors: when the handler refuses, per status, in words.
        parameters: model of the segments in the path.
        input: model of the JSON body (POST, PUT, PATCH) or else of the query string.
        changes: it changes something, so it needs the full token, is never called by HEAD, and is
            refused when a browser sends it from another site.
        open: it answers without a token.
        failure: the reply with an error in it; the prototype's endpoints have fields of their own.
        tags: groups in the document of the interface.
    """

    method: str
    path: str
    summary: str
    handler: Callable[[Request[PathT, InputT]], Response]
    answers: Mapping[int, ResponseKind]
    changes: bool
    errors: Mapping[int, str] = field(default_factory=dict)
    parameters: type[PathT] | None = None
    input: type[InputT] | None = None
    open: bool = False
    failure: type[ErrorReply] = ErrorReply
    tags: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.method not in METHODS or not self.path.startswith("/"):
            raise ValueError(f"{self.method} {self.path}: no endpoint of {', '.join(METHODS)}")
        model = cast("type[Inputs] | None", self.parameters)
        described = set(model.model_fields) if model else set()
        if set(_PARAMETER.findall(self.path)) != described:
            raise ValueError(f"{self.method} {self.path}: parameters describe {sorted(described)}")
        if self.open and self.changes:
            raise ValueError(f"{self.method} {self.path}: what changes something needs a token")

    @property
    def takes_body(self) -> bool:
        """Whether `input` comes as a JSON body and not as a query string."""
        return self.method in _WITH_BODY


AnyEndpoint = Endpoint[Any, Any]
