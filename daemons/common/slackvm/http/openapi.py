"""The OpenAPI 3.1 document of an interface, from the endpoints that also validate and answer."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from slackvm.api.base import Inputs
from slackvm.api.errors import ErrorReply
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response
from slackvm.http.responses import JSON, REQUEST_ID

PATH = "/openapi.json"

_REFERENCE = "#/components/schemas/{model}"

_Mode = Literal["validation", "serialization"]
_Schemas = Mapping[Any, dict[str, Any]]
"""A reference to the schema of each pair of model and mode."""

_ALWAYS = {
    400: "The request is malformed, or a value is not allowed.",
    403: "A token that does not suffice, a page of another site, or a host that is not served.",
    411: "A body without its length.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    431: "The headers are too large.",
    500: "An error inside the daemon.",
    503: "Overloaded.",
}
"""Errors of every operation, with or without parameters: clients may send anything."""

_UNAUTHORIZED = {401: "A valid token is missing."}

_SECURITY_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "Allows everything."},
    "readToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "Allows what changes nothing.",
    },
}

_HEADERS = {304: ["ETag"], 401: ["WWW-Authenticate"], 503: ["Retry-After"], 504: ["Retry-After"]}
"""Headers of an answer beside its request id, where there are any."""


def openapi_endpoint(
    endpoints: Sequence[AnyEndpoint], title: str, version: str
) -> Endpoint[None, None]:
    """Return the endpoint that shows the document of `endpoints` and of itself."""

    def show(_call: Request[None, None]) -> Response:
        return Response(200, text)

    own = Endpoint[None, None](
        method="GET",
        path=PATH,
        summary="This document",
        handler=show,
        answers={200: JSON},
        changes=False,
        tags=("daemon",),
    )
    text = json.dumps(document([*endpoints, own], title, version))
    return own


def document(endpoints: Sequence[AnyEndpoint], title: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI document."""
    schemas, definitions = models_json_schema(
        list(dict.fromkeys(_models(endpoints))), ref_template=_REFERENCE
    )
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, schemas)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": definitions["$defs"], "securitySchemes": _SECURITY_SCHEMES},
    }


def _models(endpoints: Iterable[AnyEndpoint]) -> Iterable[tuple[type[BaseModel], _Mode]]:
    for endpoint in endpoints:
        for taken in (endpoint.parameters, endpoint.input):
            if taken is not None:
                yield taken, "validation"
        for kind in endpoint.answers.values():
            if isinstance(kind, type):
                yield kind, "serialization"
        yield endpoint.failure, "serialization"
    yield ErrorReply, "serialization"


def _operation(endpoint: AnyEndpoint, schemas: _Schemas) -> dict[str, Any]:
    parameters = _parameters(endpoint.parameters, "path")
    if not endpoint.takes_body:
        parameters += _parameters(endpoint.input, "query")
    operation: dict[str, Any] = {
        "operationId": "_".join([endpoint.method.lower(), *re.findall(r"\w+", endpoint.path)]),
        "summary": endpoint.summary,
        "tags": list(endpoint.tags),
        "parameters": parameters,
        "security": _security(endpoint),
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.takes_body and endpoint.input is not None:
        schema = schemas[endpoint.input, "validation"]
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return operation


def _security(endpoint: AnyEndpoint) -> list[dict[str, list[str]]]:
    if endpoint.open:
        return []
    return [{"token": []}] if endpoint.changes else [{"token": []}, {"readToken": []}]


def _parameters(model: type[Inputs] | None, place: str) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=_REFERENCE)
    required = schema.get("required", [])
    return [
        {"name": name, "in": place, "required": name in required, "schema": described}
        for name, described in schema["properties"].items()
    ]


def _responses(endpoint: AnyEndpoint, schemas: _Schemas) -> dict[str, Any]:
    automatic = _ALWAYS if endpoint.open else {**_ALWAYS, **_UNAUTHORIZED}
    plain, own = (schemas[kind, "serialization"] for kind in (ErrorReply, endpoint.failure))
    # Some requests are refused before it is known to which endpoint they go.
    either = plain if own == plain else {"anyOf": [own, plain]}
    responses = {
        status: _response(text, {JSON: {"schema": either if status in automatic else own}})
        for status, text in {**automatic, **endpoint.errors}.items()
    }
    for status, kind in endpoint.answers.items():
        if isinstance(kind, type):
            content = {JSON: {"schema": schemas[kind, "serialization"]}}
        else:
            content = {media: {} for media in ([kind] if isinstance(kind, str) else kind or ())}
        responses[status] = _response(HTTPStatus(status).phrase, content)
    for status, response in responses.items():
        names = [REQUEST_ID, *_HEADERS.get(status, [])]
        response["headers"] = {name: {"schema": {"type": "string"}} for name in names}
    return {str(status): responses[status] for status in sorted(responses)}


def _response(text: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": content} if content else {"description": text}
