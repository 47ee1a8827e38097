"""Errors of invalid input say in words what is allowed."""

import json

import pytest

from slackvm.api.base import Inputs
from slackvm.api.cluster import HostPatch, HostRequest, VMsQuery
from slackvm.api.errors import RestError
from slackvm.api.vms import VMRequest
from slackvm.http.inputs import from_body, from_query

VM = {"name": "web", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/images/a"}


@pytest.mark.parametrize(
    ("model", "given", "sentence"),
    [
        (VMRequest, {**VM, "name": "a b"}, "a name has 1 to 63 letters"),
        (VMRequest, {**VM, "image": "a.qcow2"}, "an image is an absolute path"),
        (VMRequest, {**VM, "labels": {"a b": "x"}}, "the key of a label has 1 to 63 letters"),
        (VMRequest, {**VM, "labels": {"a": "x y"}}, "the value of a label has at most 63 letters"),
        (HostPatch, {"labels": {"a": "x y"}}, "the value of a label has at most 63 letters"),
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


def test_a_query_is_refused_without_a_regular_expression() -> None:
    with pytest.raises(RestError) as refused:
        from_query(VMsQuery, "label=shop")
    assert refused.value.detail.message == (
        "label: 'shop' is not allowed: labels are written key=value,key=value"
    )
