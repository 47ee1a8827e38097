"""The OpenAPI 3.1 document of an interface, from its endpoints."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from slackvm.api.base import Inputs
from slackvm.api.endpoint import AnyEndpoint, Endpoint
from slackvm.api.errors import ErrorReply
from slackvm.http.responses import JSON, REQUEST_ID
from slackvm.http.routes import Response, Route
from slackvm.model.codes import Code

PATH = "/openapi.json"

_REFERENCE = "#/components/schemas/{model}"

_Mode = Literal["validation", "serialization"]
_Schemas = Mapping[Any, dict[str, Any]]
"""A reference to the schema of each pair of model and mode."""

_ALWAYS = (
    *(Code.MALFORMED, Code.INVALID, Code.FORBIDDEN, Code.LENGTH_REQUIRED, Code.BODY_TOO_LARGE),
    *(Code.UNSUPPORTED_MEDIA_TYPE, Code.HEADERS_TOO_LARGE, Code.INTERNAL, Code.OVERLOADED),
)
"""Errors of every endpoint, with or without parameters: clients may send anything."""

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


_OPENAPI: Endpoint[None, None] = Endpoint(
    method="GET",
    path=PATH,
    summary="This document.",
    replies={200: JSON},
    by_owner=True,
    tags=("daemon",),
)


def openapi_route(endpoints: Sequence[AnyEndpoint], title: str, version: str) -> Route[None, None]:
    """Return the route of the document of `endpoints` and of itself."""
    text = json.dumps(document([*endpoints, _OPENAPI], title, version))
    return Route(_OPENAPI, lambda _: Response(200, text))


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
        for kind in endpoint.replies.values():
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
        "x-role": endpoint.needed_role.name.lower(),
        "x-by-owner": endpoint.by_owner,
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
    always = _ALWAYS if endpoint.open else (*_ALWAYS, Code.UNAUTHORIZED)
    plain, own = (schemas[kind, "serialization"] for kind in (ErrorReply, endpoint.failure))
    # Some requests are refused before their endpoint is known.
    either = plain if own == plain else {"anyOf": [own, plain]}
    automatic = {code.status for code in always}
    texts: dict[int, list[str]] = {}
    for code in dict.fromkeys((*always, *endpoint.codes)):
        texts.setdefault(code.status, []).append(f"`{code}`: {code.text}.")
    responses = {
        status: _response(
            "\n\n".join(lines), {JSON: {"schema": either if status in automatic else own}}
        )
        for status, lines in texts.items()
    }
    for status, kind in endpoint.replies.items():
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
