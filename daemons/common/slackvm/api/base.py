"""The bases of requests and replies, and the reply about the health of a daemon."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

API_VERSION = 2
"""Version of the REST interface: counted up with what a peer must know before it uses it.

1: release 0.1.0, which states no version and refuses fields that it does not know.
2: labels, `boot_id`, `idempotency_key`; unknown fields of replies are ignored.
"""

Word = Annotated[str, Field(max_length=100)]
"""A word of an enumeration in a reply. A later release may use other words."""


class Inputs(BaseModel):
    """Base of everything that a client sends: no unknown fields, no numbers as text, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Reply(BaseModel):
    """Base of everything that a daemon answers.

    A later release may answer with more fields than this one knows. They are kept, so that the
    controller, which passes on what its hosts say, passes on all of it. Numbers are finite: JSON
    has no others.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)


ReplyT = TypeVar("ReplyT", bound=Reply)


def extend(model: type[ReplyT], reply: Reply, **fields: Any) -> ReplyT:
    """Return a reply that has all fields of another one, also unknown ones, and more.

    Args:
        model: a subclass of the other's model, or of one of its bases.
        reply: the other one.
        fields: fields of `model`; they replace those of the same name.

    Raises:
        TypeError: `model` does not declare one of `fields`.
        ValidationError: a value is not allowed, or one is missing.
    """
    if undeclared := fields.keys() - model.model_fields.keys():
        raise TypeError(f"{model.__name__} has no {', '.join(sorted(undeclared))}")
    return model.model_validate({**dict(reply), **fields})


class HealthReply(Reply):
    """The health of a daemon.

    Attributes:
        status: `ok`, or the state of the host or cluster.
        version: version of the daemon.
        reason: what is wrong; empty if nothing is.
    """

    status: Word
    version: str
    reason: str
