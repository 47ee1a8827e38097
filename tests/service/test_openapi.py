"""The document of the interface: it is valid, and the interface is as it says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.toy import FULL, Toy, serving
from slackvm.service.endpoints import Call
from slackvm.service.metrics import Metrics
from slackvm.service.openapi import openapi_endpoint

ENDPOINTS = [*Toy().endpoints(), Metrics().endpoint()]
DOCUMENT = json.loads(
    str(openapi_endpoint(ENDPOINTS, "Toy", "1.2.3").handler(Call(None, None)).body)
)


def told_more(schema: Any) -> Any:
    """Return a document that says of levels what ours leaves to words, so that they are tried."""
    if isinstance(schema, list):
        return [told_more(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"multipleOf": 0.001} if schema.get("description") == "At most three decimals." else {}
    return {name: told_more(inner) for name, inner in schema.items()} | more


api = schemathesis.openapi.from_dict(told_more(DOCUMENT))


@pytest.fixture(scope="module")
def toy_url() -> Iterator[str]:
    with serving(Toy()) as server:
        yield server.url


@api.parametrize()
@settings(max_examples=15, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_every_answer_is_as_described(case: schemathesis.Case[Any], toy_url: str) -> None:
    """Whatever is sent, allowed or not: also no failure of the daemon."""
    case.call_and_validate(base_url=toy_url, headers=FULL, timeout=10)


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_it_is_served(url: str) -> None:
    answer = requests.get(f"{url}/openapi.json", headers=FULL, timeout=5)
    assert answer.headers["Content-Type"] == "application/json"
    assert DOCUMENT["paths"].items() <= answer.json()["paths"].items()


class TestOperations:
    """What the document says of an operation."""

    def test_the_tokens_that_suffice(self) -> None:
        paths = DOCUMENT["paths"]
        assert paths["/healthz"]["get"]["security"] == []
        assert paths["/deploy"]["get"]["security"] == [{"token": []}]
        assert paths["/v1/vms"]["get"]["security"] == [{"token": []}, {"readToken": []}]

    def test_the_parameters(self) -> None:
        parameters = DOCUMENT["paths"]["/deploy"]["get"]["parameters"]
        assert [(each["name"], each["in"], each["required"]) for each in parameters] == [
            (name, "query", True) for name in ("name", "cpu", "mem", "oc")
        ]
        [name] = DOCUMENT["paths"]["/v1/vms/{name}"]["delete"]["parameters"]
        assert (name["in"], name["schema"]["type"]) == ("path", "string")

    def test_every_status_that_can_occur(self) -> None:
        operation = DOCUMENT["paths"]["/v1/vms"]["post"]
        assert list(operation["responses"]) == (
            ["200", "201", "400", "401", "403", "409", "411", "413", "415", "431", "500", "503"]
        )
        assert "Retry-After" in operation["responses"]["503"]["headers"]
        assert "304" in DOCUMENT["paths"]["/v1/host"]["get"]["responses"]
