"""Replies that go out compressed."""

import gzip
import json

import pytest
import requests

from rest.toy import FULL, Toy, Vm
from slackvm.http.compression import SMALLEST


@pytest.fixture
def many(toy: Toy) -> Toy:
    """The toy with so many VMs that their list is compressed."""
    for number in range(SMALLEST // 50):
        name = f"vm{number}"
        toy.vms[name] = Vm(name=name, vcpus=1, memory_mib=1024, level=1.0)
    return toy


def send(url: str, coding: str | None, method: str = "GET") -> requests.Response:
    """Ask for the list of VMs with an `Accept-Encoding` header."""
    headers = {**FULL, "Accept-Encoding": coding}
    return requests.request(method, f"{url}/v1/vms", headers=headers, timeout=5, stream=True)


@pytest.mark.parametrize(
    "coding", ["gzip", "br, GZIP", "*", "gzip;q=0.5, identity", "gzip ; q=1.0", "*;q=0, gzip"]
)
def test_a_client_that_accepts_it_gets_gzip(url: str, many: Toy, coding: str) -> None:
    answer = send(url, coding)
    content = answer.raw.read(decode_content=False)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(content) < SMALLEST / 4
    assert len(json.loads(gzip.decompress(content))["vms"]) == len(many.vms)


@pytest.mark.parametrize(
    "coding", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *", "gzip;q=2", "gzip;level=1"]
)
def test_another_client_gets_it_as_it_is(url: str, many: Toy, coding: str) -> None:
    answer = send(url, coding)
    content = answer.raw.read(decode_content=False)
    assert "Content-Encoding" not in answer.headers
    # A cache must not give the other one to this client.
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert len(json.loads(content)["vms"]) == len(many.vms)


def test_a_small_reply_is_not_compressed(url: str) -> None:
    answer = send(url, "gzip")
    assert answer.json() == {"vms": []}
    assert {"Content-Encoding", "Vary"}.isdisjoint(answer.headers)


def test_head_has_the_headers_of_get(url: str, many: Toy) -> None:
    assert many.vms
    got, head = send(url, "gzip"), send(url, "gzip", "HEAD")
    for name in ("Content-Encoding", "Content-Length", "Vary"):
        assert head.headers[name] == got.headers[name]
    assert head.content == b""
