"""The daemon's interface is as its own document says, whatever is sent and in whatever order."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from live.daemons import Daemon, Served, serving
from slackvm.api.base import MIB_PER_GIB
from slackvm.model.vm import LARGEST

FULL, READ = "full-token-0123456789", "read-token-0123456789"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("daemon")
    tokens = {"SCL_TOKEN": FULL, "SCL_READ_TOKEN": READ}
    with serving(folder, "--topology=epyc-7662", **tokens) as running:
        running.session.headers["Authorization"] = f"Bearer {FULL}"
        yield running


def changed(schema: Any, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
    """Return a document with more in each object of it."""
    if isinstance(schema, list):
        return [changed(inner, change) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: changed(inner, change) for name, inner in schema.items()}
    return {**inside, **change(schema)}


def is_level(schema: Mapping[str, Any]) -> bool:
    return schema.get("description") == "At most three decimals."


def schemathesis(
    daemon: Served, document: Any, folder: Path, *options: str, token: str = FULL
) -> str:
    """Let it try the daemon; return what it tells, which must be that all is well."""
    (folder / "api.json").write_text(json.dumps(document))
    command = [
        *(SCHEMATHESIS, "run", "api.json", "--url", daemon.url),
        *("--header", f"Authorization: Bearer {token}"),
        *("--generation-deterministic", "--no-color"),
        *("--request-timeout", "30", "--suppress-health-check", "all"),
        *options,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "event=request_failed" not in daemon.log_text
    return result.stdout


def test_the_document_is_valid(daemon: Daemon) -> None:
    OpenAPIV31SpecValidator(daemon.get("/openapi.json")).validate()


def test_every_request_is_answered_as_described(daemon: Daemon, tmp_path: Path) -> None:
    """On every operation: at the bounds, beyond them, at random, allowed or not."""

    def exact(schema: Mapping[str, Any]) -> Mapping[str, Any]:
        # The document leaves this to words: some programs divide floats and refuse 1.4.
        return {"multipleOf": 0.001} if is_level(schema) else {}

    document = changed(daemon.get("/openapi.json"), exact)
    phases = "--phases=examples,coverage,fuzzing"
    message = schemathesis(daemon, document, tmp_path, phases, "--max-examples=15")
    count = sum(len(methods) for methods in document["paths"].values())
    assert f"Tested: {count}" in message


def test_sequences_of_requests_are_answered_as_described(daemon: Daemon, tmp_path: Path) -> None:
    """VMs are created, looked at, stopped, started and removed, over and over."""
    most = {LARGEST: 4, LARGEST / MIB_PER_GIB: 4}

    def few(schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if is_level(schema):
            return {"enum": [1, 1.5, 2, 3.125]}
        return {"maximum": most[schema["maximum"]]} if schema.get("maximum") in most else {}

    document = changed(daemon.get("/openapi.json"), few)
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
    # What is generated depends on the seed alone; with this one every operation succeeds at times.
    # Not the prototype's: a GET that removes a VM is more than schemathesis expects.
    schemathesis(
        daemon,
        document,
        tmp_path,
        *("--phases=stateful", "--mode=positive", "--max-examples=150", "--seed=1"),
        "--include-path-regex=^/v1/vms",
    )
    done = daemon.call("GET", "/metrics").text
    for op in ("deploy", "remove", "start", "stop", "restart"):
        assert f'slackvm_operations_total{{code="",op="{op}",outcome="accepted"}} 0.0' not in done
