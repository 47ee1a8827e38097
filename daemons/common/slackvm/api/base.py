"""What requests and replies are made of: their bases, and the fields of requests.

Fields are text in a query string, and typed in JSON.
"""

import math
import re
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic.config import JsonDict

from slackvm.api import patterns
from slackvm.model.labels import (
    KEY_PATTERN,
    LIST_PATTERN,
    MOST_LABELS,
    VALUE_PATTERN,
    check_labels,
    parse_labels,
)
from slackvm.model.vm import LARGEST, MILLI, milli_level

API_VERSION = 3
"""Version of the REST interface: counted up with what a peer must know before it uses it.

1: release 0.1.0, which states no version and refuses fields that it does not know.
2: labels, `boot_id`, `idempotency_key`; unknown fields of replies are ignored.
3: `owner` and `anti_affinity` of VMs; a host obeys one controller.
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


MIB_PER_GIB = 1024

_WHOLE = re.compile(r"-?[0-9]{1,18}(\.0{1,18})?")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,3})?")


def memory_mib(memory_gib: float) -> int:
    """Return GiB in MiB, rounded up."""
    return math.ceil(memory_gib * MIB_PER_GIB)


def _whole(value: object) -> object:
    """Read whole numbers as JSON knows them, 2.0 too; as text not ` 2` and `1_0`, as pydantic."""
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("a whole number is needed")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _decimal(value: object) -> object:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("a finite number is needed")
    return value


def _level(level: float) -> float:
    try:
        return milli_level(level) / MILLI
    except ValueError:
        raise ValueError("a level has at most three decimals") from None


WHOLE = BeforeValidator(_whole)
"""Beside `int` in every field of a request."""

DECIMAL = BeforeValidator(_decimal)
"""Beside `float` in every field of a request."""

VmName = Annotated[str, Field(pattern=patterns.NAME)]
"""Name of a VM or of a host."""

OptionalName = Annotated[str, Field(pattern=patterns.OPTIONAL_NAME)]
"""A name, or nothing."""

ImagePath = Annotated[str, Field(pattern=patterns.IMAGE_PATH, max_length=4096)]
"""An absolute path without control characters; the hypervisor checks the file."""

Vcpus = Annotated[int, Field(ge=1, le=LARGEST), WHOLE]
"""vCPUs of a VM; the host checks that it has as many CPUs."""

MemoryGib = Annotated[float, Field(gt=0, le=LARGEST / MIB_PER_GIB, allow_inf_nan=False), DECIMAL]
"""Memory of a VM in GiB; `memory_mib` gives the MiB."""

# Not `multipleOf: 0.001` in the JSON Schema: many validators divide floats and refuse 1.4.
Level = Annotated[
    float,
    Field(ge=1, le=LARGEST, allow_inf_nan=False, description="At most three decimals."),
    AfterValidator(_level),
    DECIMAL,
]
"""Oversubscription level: vCPUs per CPU."""


def _labels(labels: dict[str, str]) -> dict[str, str]:
    if labels:
        check_labels(labels)
    return labels


def _label_changes(labels: dict[str, str | None]) -> dict[str, str | None]:
    if not labels:
        raise ValueError("at least one label is needed")
    check_labels({key: value or "" for key, value in labels.items()})
    return labels


def _label_list(text: str) -> str:
    if not _LABEL_LIST.fullmatch(text):
        # Without a reason of its own, the text has spaces or an empty part.
        parse_labels(text)
        raise ValueError("labels are written key=value,key=value")
    return text


# The patterns are for the JSON Schema; the checks give a reason in words instead.
_LABEL_LIST = re.compile(LIST_PATTERN)
_KEY = Annotated[str, Field(json_schema_extra={"pattern": f"^{KEY_PATTERN}$"})]
_VALUE = Annotated[str, Field(json_schema_extra={"pattern": f"^{VALUE_PATTERN}$"})]
_MAP: JsonDict = {"additionalProperties": False, "maxProperties": MOST_LABELS}

LabelMap = Annotated[dict[_KEY, _VALUE], Field(json_schema_extra=_MAP), AfterValidator(_labels)]
"""Labels of a host or a VM, or those that a request requires."""

LabelChanges = Annotated[
    dict[_KEY, _VALUE | None],
    Field(json_schema_extra={**_MAP, "minProperties": 1}),
    AfterValidator(_label_changes),
]
"""Labels to set, and those to take away, as None."""

LabelList = Annotated[
    str,
    Field(max_length=2000, json_schema_extra={"pattern": f"^{LIST_PATTERN}$"}),
    AfterValidator(_label_list),
]
"""Labels as `key=value,key=value`."""
