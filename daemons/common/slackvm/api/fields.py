"""Fields of requests: names, images, sizes, levels. As text in a query string, typed in JSON."""

import math
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
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
