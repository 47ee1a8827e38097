"""The document of an interface. `tests/live` holds the daemon against its own."""

import json

import requests
from openapi_spec_validator import OpenAPIV31SpecValidator

from rest.toy import FULL, Toy
from slackvm.http.metrics import Metrics
from slackvm.http.openapi import openapi_route
from slackvm.http.routes import Request

ENDPOINTS = [route.endpoint for route in (*Toy().routes(), Metrics().route())]
DOCUMENT = json.loads(
    str(openapi_route(ENDPOINTS, "Toy", "1.2.3").handler(Request(None, None)).body)
)


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
