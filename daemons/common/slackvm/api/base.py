"""The bases of requests and replies, and the reply about the health of a daemon."""

from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

API_VERSION = 2
"""Version of the REST interface: counted up with what a peer must know before it uses it.

1: release 0.1.0, which states no version and refuses fields that it does not know.
2: labels, `boot_id`, `idempotency_key`; unknown fields of replies are ignored.
"""

Word = Annotated[str, Field(max_length=100)]
"""A word of an enumeration in a reply. A later release may use other words."""


MOST_UNKNOWN = 1 << 16
"""Bytes, about, that the unknown fields of one object may have as JSON."""

MOST_NESTED = 32
"""Levels of lists and objects that an unknown field may have."""


class Inputs(BaseModel):
    """Base of everything that a client sends: no unknown fields, no numbers as text, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Reply(BaseModel):
    """Base of everything that a daemon answers.

    A later release may answer with more fields than this one knows. They are kept, so that the
    controller, which passes on what its hosts say, passes on all of it. Unknown fields beyond
    `MOST_UNKNOWN` or `MOST_NESTED` are dropped: a peer must not fill our memory and our store, nor
    make our own reply one that nobody can parse. Numbers are finite: JSON has no others.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _bound_unknown(self) -> Self:
        if unknown := self.model_extra:
            left = MOST_UNKNOWN
            for name, value in list(unknown.items()):
                size = len(name) + _size(value, left, MOST_NESTED)
                if size > left:
                    del unknown[name]
                else:
                    left -= size
        return self


def fields_of(reply: Reply) -> dict[str, Any]:
    """Return all fields of a reply, also unknown ones, whatever their names.

    `dict(reply)` fails on an unknown field `keys`.
    """
    return dict(reply.__iter__())


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
    return model.model_validate({**fields_of(reply), **fields})


def _size(value: Any, most: int, depth: int) -> int:
    """Return about how many bytes a value has as JSON; more than `most` if it is too large."""
    if isinstance(value, str):
        return len(value) + 4
    if isinstance(value, int):
        return value.bit_length() // 3 + 4
    if not isinstance(value, dict | list):
        return 8
    if depth == 0:
        return most + 1
    size = 4
    for each in (*value, *value.values()) if isinstance(value, dict) else value:
        size += _size(each, most - size, depth - 1)
        if size > most:
            break
    return size


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
