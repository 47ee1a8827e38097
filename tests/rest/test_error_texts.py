"""Errors of invalid input say in words what is allowed."""

import json

import pytest

from slackvm.api.base import Inputs
from slackvm.api.cluster import HostRequest
from slackvm.api.errors import RestError
from slackvm.api.vms import CancelRequest, VMRequest
from slackvm.http.inputs import from_body

VM = {"name": "web", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/images/a"}


@pytest.mark.parametrize(
    ("model", "given", "sentence"),
    [
        (VMRequest, {**VM, "name": "a b"}, "a name has 1 to 63 letters"),
        (VMRequest, {**VM, "image": "a.qcow2"}, "an image is an absolute path"),
        (CancelRequest, {"idempotency_key": "a b"}, "an idempotency key has 1 to 64 letters"),
        (HostRequest, {"url": "ftp://a"}, "the URL of a host is written HOST, HOST:PORT or"),
    ],
)
def test_a_body_is_refused_without_a_regular_expression(
    model: type[Inputs], given: dict[str, object], sentence: str
) -> None:
    with pytest.raises(RestError) as refused:
        from_body(model, json.dumps(given).encode())
    assert f"is not allowed: {sentence}" in refused.value.detail.message
    assert "[A-Z" not in refused.value.detail.message
