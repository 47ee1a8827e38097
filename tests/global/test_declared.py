"""Daemons answer only fields that their models declare.

Replies keep unknown fields, so that later releases may add some; a field that this release answers
by mistake would pass without this test.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from clusters.processes import LAPTOP, Running, running
from slackvm.api import controller_api, host_api
from slackvm.api.base import Inputs
from slackvm.api.endpoint import AnyEndpoint
from slackvm.api.vms import VMPath

CONTROLLER = [
    *(controller_api.LIST_VMS, controller_api.SHOW_VM, controller_api.LIST_HOSTS),
    *(controller_api.PLAN, controller_api.LIVENESS, controller_api.READINESS),
    *(controller_api.CHANGE_VM["stop"], controller_api.REMOVE_VM),
]
HOST = [
    *(host_api.LIST_VMS, host_api.SHOW_VM, host_api.SHOW_HOST, host_api.PLAN),
    *(host_api.LIVENESS, host_api.READINESS, host_api.CHANGE_VM["stop"], host_api.REMOVE_VM),
]
VM = {"vcpus": 1, "memory_gib": 1, "level": 2, "labels": {"tier": "web"}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cluster"), [LAPTOP]) as started:
        yield started


def undeclared(value: Any, place: str = "") -> list[str]:
    """Return the places of fields that the models of a reply do not declare."""
    if isinstance(value, dict):
        return [
            each for key, inner in value.items() for each in undeclared(inner, f"{place}.{key}")
        ]
    if isinstance(value, list):
        return [each for inner in value for each in undeclared(inner, place)]
    if not isinstance(value, BaseModel):
        return []
    extra = [f"{place}.{name}" for name in value.model_extra or {}]
    return extra + [each for name, inner in value for each in undeclared(inner, f"{place}.{name}")]


def check(daemon: Any, endpoint: AnyEndpoint, body: object = None) -> None:
    path: Inputs | None = VMPath(name="web") if endpoint.parameters else None
    answer = daemon.call(endpoint.method, endpoint.target(path, None), json=body)
    model = endpoint.replies[answer.status_code]
    assert isinstance(model, type)
    assert undeclared(model.model_validate(answer.json())) == []


def test_a_controller_answers_declared_fields_only(cluster: Running) -> None:
    body = {**VM, "name": "web", "image": "/images/any.qcow2"}
    check(cluster.controller, controller_api.CREATE_VM, body)
    for endpoint in CONTROLLER:
        check(cluster.controller, endpoint, body if endpoint is controller_api.PLAN else None)


def test_a_host_answers_declared_fields_only(cluster: Running) -> None:
    [host] = cluster.hosts
    body = {**VM, "name": "web", "image": "/images/any.qcow2"}
    check(host, host_api.CREATE_VM, body)
    for endpoint in HOST:
        check(host, endpoint, body if endpoint is host_api.PLAN else None)
