"""The controller's interface is as its own document says, with live hosts behind it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from clusters.processes import LAPTOP, Controller, running
from live.test_openapi import FULL, READ, changed, is_level, schemathesis
from slackvm.api import patterns
from slackvm.api.base import MIB_PER_GIB
from slackvm.api.events import LONGEST_WAIT_S
from slackvm.model.vm import LARGEST
from token_files import give

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What a schema gets in addition."""

ROLES = ("read", "deploy", "operate")
KEPT_OUT = ("post_v1_hosts", "delete_v1_hosts_name", "get_v1_events")
"""A host of any name would be looked for in the network; and the two that there are must stay.
Events are waited for."""


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("cluster")
    tokens = {"SCG_TOKEN": FULL, "SCG_READ_TOKEN": READ, "SCG_TIMEOUT": "2"}
    # Without it a request without a level is refused, which no schema of one release can say.
    tokens["SCG_DEFAULT_LEVEL"] = "2"
    for role in ROLES:
        give(folder / "tokens.json", role, role)
    tokens["SCG_TOKEN_FILE"] = str(folder / "tokens.json")
    with running(folder, [LAPTOP] * 2, **tokens) as cluster:
        yield cluster.controller


def exact(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the document leaves to words: some programs divide floats and refuse 1.4."""
    return {"multipleOf": 0.001} if is_level(schema) else {}


def limited(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is said more, so that many VMs fit."""
    if is_level(schema):
        return {"enum": [1, 1.5, 2, 3.125]}
    most = {LARGEST: 4, LARGEST / MIB_PER_GIB: 4}
    return {"maximum": most[schema["maximum"]]} if schema.get("maximum") in most else {}


def known_hosts(controller: Controller) -> Change:
    """Return the change by which a host is only moved to where one of the cluster is.

    Any other address would be looked for in the network; and the hosts must stay where they are.
    """
    urls = [host["url"] for host in controller.hosts().values()]

    def known(schema: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"enum": urls} if schema.get("pattern") == patterns.HOST_URL else {}

    return known


def allowed_and_not(
    controller: Controller, folder: Path, change: Change, *options: str, token: str = FULL
) -> str:
    """Let it send what the document with `change` allows, and what the exact one forbids.

    Return what it tells about the first.
    """
    options += tuple(f"--exclude-operation-id={name}" for name in KEPT_OUT)
    exact_one = changed(controller.get("/openapi.json"), exact)
    allowed = changed(changed(exact_one, change), known_hosts(controller))
    schemathesis(controller, exact_one, folder, *options, "--mode=negative", token=token)
    return schemathesis(controller, allowed, folder, *options, "--mode=positive", token=token)


def test_the_document_is_valid(controller: Controller) -> None:
    OpenAPIV31SpecValidator(controller.get("/openapi.json")).validate()


def test_whatever_is_sent_is_answered_as_described(controller: Controller, tmp_path: Path) -> None:
    """On every operation: at the bounds, beyond them, at random, allowed or not."""

    options = ["--phases=examples,coverage,fuzzing", "--max-examples=8"]
    message = allowed_and_not(controller, tmp_path, exact, *options)
    document = controller.get("/openapi.json")
    count = sum(len(methods) for methods in document["paths"].values())
    assert f"Tested: {count - len(KEPT_OUT)}" in message
    for name in ("host0", "host1"):
        assert controller.call("POST", f"/v1/hosts/{name}/uncordon").status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_answered_as_described(
    controller: Controller, role: str, tmp_path: Path
) -> None:
    # Each count of the capacity is a process of its own; `whatever` tries them.
    options = ["--phases=coverage,fuzzing", "--max-examples=3"]
    options += ["--exclude-operation-id=post_v1_capacity"]
    before = controller.call("GET", "/v1/hosts").json()["hosts"]
    token = f"{role}-token-0123456789"
    allowed_and_not(controller, tmp_path, limited, *options, token=token)
    after = controller.call("GET", "/v1/hosts").json()["hosts"]
    if role != "operate":
        assert [host["cordoned"] for host in after] == [host["cordoned"] for host in before]
    owners = {vm["owner"] for vm in controller.vms().values()}
    assert owners <= {"", "deploy", "operate"}
    for name in ("host0", "host1"):
        assert controller.call("POST", f"/v1/hosts/{name}/uncordon").status_code == 200


def test_events_are_returned_as_described(controller: Controller, tmp_path: Path) -> None:
    def brief(schema: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"maximum": 1} if schema.get("maximum") == LONGEST_WAIT_S else {}

    document = changed(controller.get("/openapi.json"), brief)
    options = ["--phases=examples,coverage,fuzzing", "--max-examples=8", "--mode=positive"]
    options += ["--include-operation-id=get_v1_events"]
    assert "Tested: 1" in schemathesis(controller, document, tmp_path, *options)


def test_hosts_are_added_and_removed_as_described(controller: Controller, tmp_path: Path) -> None:
    places = ["127.0.0.1:9", "[::1]:10"]

    def here(schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if schema.get("title") == "HostRequest":
            # Nothing answers there: they can only be added by force, and not taken over.
            fields = {
                **schema["properties"],
                "url": {"enum": [*places, "http://127.0.0.1:9/"]},
                "force": {"const": True},
                "take_over": {"const": False},
            }
            return {"properties": fields, "required": ["url", "force"]}
        return {"enum": places} if "\\[" in schema.get("pattern", "") else {}

    document = changed(controller.get("/openapi.json"), here)
    options = ["--phases=coverage,fuzzing", "--mode=positive", "--max-examples=10"]
    options += [f"--include-operation-id={name}_v1_hosts" for name in ("post", "get")]
    schemathesis(controller, document, tmp_path, *options)
    assert set(controller.hosts()) == {"host0", "host1", *places}
    removing = [*options, "--include-operation-id=delete_v1_hosts_name"]
    schemathesis(controller, document, tmp_path, *removing)
    for place in places:
        assert controller.call("DELETE", f"/v1/hosts/{place}").status_code in (200, 404)


def test_sequences_of_requests_are_answered_as_described(
    controller: Controller, tmp_path: Path
) -> None:
    """VMs are created, looked at, stopped, started and removed, over and over."""
    document = changed(controller.get("/openapi.json"), limited)
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    of_a_vm = [name for name in operations if "v1_vms_name" in name]
    for name in ("post_v1_vms", *of_a_vm):
        for status in {"200", "201"} & operations[name]["responses"].keys():
            operations[name]["responses"][status]["links"] = {
                then: {"operationId": then, "parameters": {"name": "$response.body#/name"}}
                for then in of_a_vm
                if name != "delete_v1_vms_name"
            }
    schemathesis(
        controller,
        document,
        tmp_path,
        *("--phases=stateful", "--mode=positive", "--max-examples=15"),
        "--include-path-regex=^/v1/vms",
    )
    metrics = controller.call("GET", "/metrics").text
    assert 'slackvm_placements_total{code="",outcome="placed"}' in metrics
