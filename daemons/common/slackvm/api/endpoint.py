"""An endpoint of a REST interface: a declaration that server and clients share."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from slackvm.api.base import Inputs
from slackvm.api.errors import ErrorReply
from slackvm.api.roles import Role
from slackvm.model.codes import Code

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Methods that an endpoint can have; the server adds HEAD and OPTIONS."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PARAMETER = re.compile(r"\{([a-z_]+)\}")


class Lane(StrEnum):
    """A kind of request with its own threads and queue, so that slow ones delay no others."""

    PROBE = "probe"
    """Health and metrics: what tells an operator that something is wrong."""
    READ = "read"
    """Reads that are answered from memory."""
    SLOW = "slow"
    """Reads that may take long by design: they compute for seconds, or wait for something."""
    CHANGE = "change"
    """Whatever changes something, and may wait for a host or a hypervisor."""


PathT = TypeVar("PathT", bound=Inputs | None)
InputT = TypeVar("InputT", bound=Inputs | None)

ReplyKind = type[BaseModel] | str | tuple[str, ...] | None
"""Content of an answer: a model, sent as JSON; a media type, or several of which the answer's
`Content-Type` names one; None: no content."""


@dataclass(frozen=True, kw_only=True)
class Endpoint(Generic[PathT, InputT]):
    """One method of one path.

    Attributes:
        method: one of `METHODS`.
        path: starts with a slash; `{name}` stands for a segment that `parameters` describes.
        summary: one line for the OpenAPI document.
        replies: content of the answer, by status; 304 if the answer has an ETag.
        changes: whether it changes something. Then HEAD does not call it, and it is refused when a
            browser sends it from another site.
        role: what its caller must be allowed; None: `ADMIN` if it changes something, else `READ`.
        lane: whose threads answer it; None: `CHANGE` if it changes something, else `READ`.
        by_owner: whether a token of the role `deploy` may read it, since its reply to such a token
            has nothing of the VMs of others. Without it, what needs the role `READ` is refused.
        codes: errors beside those of every endpoint.
        parameters: model of the segments in the path.
        input: model of the JSON body (POST, PUT, PATCH) or else of the query string.
        input_in_query: whether `input` is the query string although the method can have a body.
        open: whether it needs no token.
        failure: model of the answer that is an error; the prototype's endpoints add fields.
        tags: groups in the OpenAPI document.
    """

    method: str
    path: str
    summary: str
    replies: Mapping[int, ReplyKind]
    changes: bool = False
    role: Role | None = None
    lane: Lane | None = None
    by_owner: bool = False
    codes: Sequence[Code] = ()
    parameters: type[PathT] | None = None
    input: type[InputT] | None = None
    input_in_query: bool = False
    open: bool = False
    failure: type[ErrorReply] = ErrorReply
    tags: Sequence[str] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if self.method not in METHODS or not self.path.startswith("/"):
            raise ValueError(f"{self.method} {self.path}: the method is not one of {METHODS}")
        model = cast("type[Inputs] | None", self.parameters)
        described = set(model.model_fields) if model else set()
        if set(_PARAMETER.findall(self.path)) != described:
            raise ValueError(f"{self.method} {self.path}: parameters describe {sorted(described)}")
        if self.open and self.changes:
            raise ValueError(f"{self.method} {self.path}: what changes something needs a token")

    @property
    def needed_role(self) -> Role:
        """What its caller must be allowed."""
        if self.open:
            return Role.NONE
        if self.role is not None:
            return self.role
        return Role.ADMIN if self.changes else Role.READ

    def allows(self, role: Role) -> bool:
        """Return whether a caller with this role may send a request."""
        if role is Role.DEPLOY and self.needed_role is Role.READ:
            return self.by_owner
        return role >= self.needed_role

    @property
    def needed_lane(self) -> Lane:
        """Whose threads answer it."""
        if self.lane is not None:
            return self.lane
        return Lane.CHANGE if self.changes else Lane.READ

    @property
    def takes_body(self) -> bool:
        """Whether `input` is a JSON body and not a query string."""
        return self.method in _WITH_BODY and not self.input_in_query

    def target(self, path: PathT, given: InputT) -> str:
        """Return the path of a request, quoted, with its query string."""
        segments = _fields(path)
        target = _PARAMETER.sub(lambda match: quote(str(segments[match[1]]), safe=""), self.path)
        query = {} if self.takes_body else _fields(given)
        words = {name: _word(value) for name, value in query.items()}
        return f"{target}?{urlencode(words)}" if words else target

    def body(self, given: InputT) -> dict[str, Any] | None:
        """Return the JSON body of a request; None: it has none."""
        return _fields(given) if self.takes_body and given is not None else None


AnyEndpoint = Endpoint[Any, Any]


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fields(given: Inputs | None) -> dict[str, Any]:
    """Return fields as JSON, without those at their defaults, which an older peer may not know."""
    return {} if given is None else given.model_dump(mode="json", exclude_defaults=True)
