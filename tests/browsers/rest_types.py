"""TypeScript types of the REST interface, for the checks of the page's JavaScript.

`python -m browsers.rest_types FILE` writes them from the models in `slackvm.api`, so that a field
which the page reads and no reply has is an error of `make lint`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from slackvm.api.cluster import ClusterVMsReply, HostsReply
from slackvm.api.errors import ErrorReply
from slackvm.api.events import EventsReply
from slackvm.api.scheduling import (
    CapacityReply,
    CapacityRequest,
    ClusterPlanReply,
    ClusterPlanRequest,
)
from slackvm.api.vms import VMReply

REPLIES = (
    HostsReply,
    VMReply,
    ClusterVMsReply,
    ClusterPlanReply,
    CapacityReply,
    EventsReply,
    ErrorReply,
)
REQUESTS = (ClusterPlanRequest, CapacityRequest)

_NAMES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}


def declarations() -> str:
    """Return an interface for each model, with those that it contains."""
    _, schema = models_json_schema(
        [
            *((reply, "serialization") for reply in REPLIES),
            *((request, "validation") for request in REQUESTS),
        ]
    )
    return "".join(
        f"interface {name} {_type(model)}\n\n" for name, model in schema["$defs"].items()
    )


def _type(schema: dict[str, Any]) -> str:
    """Return the TypeScript type of a JSON schema."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(map(_type, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " | ".join(map(json.dumps, schema.get("enum", [schema.get("const")])))
    match schema.get("type"):
        case "array":
            return f"({_type(schema['items'])})[]"
        case "object" if "properties" in schema:
            required = schema.get("required", [])
            fields = (
                f"  {name}{'' if name in required else '?'}: {_type(field)};\n"
                for name, field in schema["properties"].items()
            )
            return f"{{\n{''.join(fields)}}}"
        case "object":
            patterns = list(schema.get("patternProperties", {}).values())
            values = patterns[0] if patterns else schema.get("additionalProperties")
            return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
        case None:
            return "unknown"
        case name:
            return _NAMES.get(name, "null")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(declarations())
