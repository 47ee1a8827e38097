"""Requests that are not as they should be, on every endpoint: refused, named, without a trace."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from live.daemons import Daemon, serving

VM = {"name": "b", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/i.qcow2"}
DEPLOY = {"name": "b", "cpu": "1", "mem": "1", "oc": "1", "qcow2": "/i.qcow2"}
SIZE = {"cpu": "1", "mem": "1", "oc": "1"}
NAME = {"name": "a"}
PROTOTYPE = {"/deploy": DEPLOY, "/remove": NAME, "/progress": SIZE}
"""The prototype's endpoints that take something, with what they would accept."""

SIZES = {
    "cpu": ["abc", "0", "-2", "2.5", "1e9", "", "nan", "1_0", "٣", "1" * 400, "1e400", "0x1"],
    "mem": ["abc", "0", "-1", "nan", "inf", "-inf", "", "1e400", "1e9", "9" * 5000, "1_0"],
    "oc": ["abc", "0.5", "nan", "inf", "1.0001", "", "0", "-1", "1e400", "2e9", "1,5"],
}
NAMES = ["", "..", "a/b", "-a", "a b", "a" * 64, "a\n", "a\x00", "é", "😀", "a\u202e", "%61"]
IMAGES = ["", "i.qcow2", "/i\x00", "/i\n", "/" + "i" * 4096]
NUMBERS: dict[str, list[object]] = {
    "vcpus": ["2", 2.5, 0, -1, True, None, [1], 10**400, 1e300, 2**63],
    "memory_gib": ["1", 0, -1, None, {}, 1e12, 10**400],
    "level": ["1", 0.5, 1.0001, 0, -1, True, None, 1e300],
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It has a VM, so that there is something to break."""
    with serving(tmp_path_factory.mktemp("daemon"), "--topology=i7-1185g7") as running:
        assert running.deploy("a", 2, 2.0).status_code == 201
        yield running


@pytest.fixture(autouse=True)
def unchanged(daemon: Daemon) -> Iterator[None]:
    before = everything(daemon)
    yield
    assert everything(daemon) == before


def everything(daemon: Daemon) -> tuple[Any, Any, Any, str]:
    vms = daemon.get("/v1/vms"), daemon.get("/listvm")
    return daemon.get("/v1/host"), *vms, daemon.operations.read_text()


def operations(daemon: Daemon) -> list[tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of all that the daemon offers; paths are of its VM."""
    return [
        (method.upper(), path.replace("{name}", "a"), described)
        for path, methods in daemon.get("/openapi.json")["paths"].items()
        for method, described in methods.items()
    ]


def refused(answer: requests.Response, status: int, field: str | None = None) -> None:
    """Check an answer: an error as JSON, and in the prototype's form where it is its endpoint."""
    request = answer.request
    shown = f"{request.method} {request.url} {str(request.body)[:200]}: {answer.text}"
    assert answer.status_code == status, shown
    assert answer.headers["Content-Type"] == "application/json", shown
    body = answer.json()
    error = body["error"]
    assert error.get("field") == field, shown
    assert error["code"], shown
    path = str(request.path_url).partition("?")[0]
    if path in ("/deploy", "/remove"):
        assert (body["success"], body["reason"]) == (False, error["message"]), shown
    elif path == "/progress":
        assert body["progress"] is None, shown
    else:
        assert body.keys() == {"error"}, shown


class TestPrototype:
    """GET with everything in the query."""

    @pytest.mark.parametrize("path", ["/progress", "/deploy"])
    @pytest.mark.parametrize("field", SIZES)
    def test_an_invalid_size_is_named(self, daemon: Daemon, path: str, field: str) -> None:
        for value in SIZES[field]:
            asked = {**PROTOTYPE[path], field: value}
            refused(daemon.call("GET", path, params=asked), 400, field)

    @pytest.mark.parametrize("path", ["/deploy", "/remove"])
    def test_an_invalid_name_is_named(self, daemon: Daemon, path: str) -> None:
        for name in NAMES:
            asked = {**PROTOTYPE[path], "name": name}
            refused(daemon.call("GET", path, params=asked), 400, "name")

    def test_an_image_that_is_not_a_path_is_named(self, daemon: Daemon) -> None:
        for image in IMAGES:
            asked = {**DEPLOY, "qcow2": image}
            refused(daemon.call("GET", "/deploy", params=asked), 400, "qcow2")

    @pytest.mark.parametrize("path", PROTOTYPE)
    def test_every_parameter_is_required_once(self, daemon: Daemon, path: str) -> None:
        asked = PROTOTYPE[path]
        for field, value in asked.items():
            rest = {name: other for name, other in asked.items() if name != field}
            refused(daemon.call("GET", path, params=rest), 400, field)
            for again in (value, "other"):
                twice = [*asked.items(), (field, again)]
                refused(daemon.call("GET", path, params=twice), 400, field)
            upper = {**rest, field.upper(): value}
            found = daemon.call("GET", path, params=upper)
            refused(found, 400, found.json()["error"]["field"])
            assert found.json()["error"]["field"] in (field, field.upper())

    @pytest.mark.parametrize("path", PROTOTYPE)
    def test_an_invalid_query_is_refused(self, daemon: Daemon, path: str) -> None:
        for query in ("name", "&&", "name=%ff", "=", "name=a;cpu=1", "&".join(["x=1"] * 100)):
            answer = daemon.call("GET", f"{path}?{query}")
            refused(answer, 400, answer.json()["error"].get("field"))


class TestBodies:
    """JSON that would create a VM, or plan one."""

    @pytest.mark.parametrize("path", ["/v1/vms", "/v1/plan"])
    def test_a_value_that_is_not_allowed_is_named(self, daemon: Daemon, path: str) -> None:
        wrong = {
            **NUMBERS,
            "name": [*NAMES, 7, None, ["a"]],
            "image": [*IMAGES, 7, None],
            "clone": ["yes", 1, None],
        }
        for field, values in wrong.items():
            for value in values:
                body = {**VM, field: value}
                refused(daemon.call("POST", path, json=body), 400, field)

    @pytest.mark.parametrize("path", ["/v1/vms", "/v1/plan"])
    def test_every_field_is_required_once_and_no_other_is_allowed(
        self, daemon: Daemon, path: str
    ) -> None:
        for field in VM:
            rest = {name: value for name, value in VM.items() if name != field}
            refused(daemon.call("POST", path, json=rest), 400, field)
            twice = json.dumps(VM)[:-1] + f', "{field}": 1}}'
            refused(self.send(daemon, path, twice), 400, field)
        refused(daemon.call("POST", path, json={**VM, "more": 1}), 400, "more")
        refused(daemon.call("POST", path, json={**VM, "__proto__": {}}), 400, "__proto__")

    @pytest.mark.parametrize("path", ["/v1/vms", "/v1/plan"])
    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
    def test_an_invalid_number_is_named(self, daemon: Daemon, path: str, number: str) -> None:
        for field in NUMBERS:
            body = json.dumps({**VM, field: "here"}).replace('"here"', number)
            refused(self.send(daemon, path, body), 400, field)

    @pytest.mark.parametrize("path", ["/v1/vms", "/v1/plan"])
    def test_a_body_that_is_not_a_json_object_is_refused(self, daemon: Daemon, path: str) -> None:
        deep = '{"name":' * 100_000 + "1" + "}" * 100_000
        wide = "[" * 400_000 + "]" * 400_000
        whole = json.dumps(VM)
        for body in (
            *("{", "[]", "null", "1", '"name"', "true", whole + whole, whole[:-1], f"[{whole}]"),
            *(deep, wide, "\ufeff" + whole, whole.replace("1", "01"), whole.replace('"', "'")),
            whole.replace('"b"', '"\\ud800"'),
            whole.replace("1", "9" * 10_000),
        ):
            refused(self.send(daemon, path, body), 400)
        for body in (b"\xff" + whole.encode(), whole.encode("utf-16"), whole.encode() + b"\x00"):
            refused(self.send(daemon, path, body), 400)

    def send(self, daemon: Daemon, path: str, body: str | bytes) -> requests.Response:
        data = body.encode() if isinstance(body, str) else body
        return daemon.call("POST", path, data=data, headers={"Content-Type": "application/json"})


class TestEveryEndpoint:
    """What no endpoint takes."""

    def test_an_unknown_parameter_is_named(self, daemon: Daemon) -> None:
        for method, path, described in operations(daemon):
            asked = {**PROTOTYPE.get(path, {}), "colour": "red"}
            body = VM if "requestBody" in described else None
            refused(daemon.call(method, path, params=asked, json=body), 400, "colour")

    def test_a_body_is_refused_where_the_endpoint_has_none(self, daemon: Daemon) -> None:
        for method, path, described in operations(daemon):
            if "requestBody" not in described:
                asked = PROTOTYPE.get(path)
                answer = daemon.call(method, path, params=asked, json={"colour": "red"})
                refused(answer, 400, "colour")

    def test_a_body_of_another_type_is_refused(self, daemon: Daemon) -> None:
        for method, path, _ in operations(daemon):
            for kind in ("text/plain", "application/xml", "application/json; charset=latin-1", ""):
                headers = {"Content-Type": kind}
                answer = daemon.call(method, path, data=b"{}", headers=headers)
                refused(answer, 415)

    def test_a_body_of_10_mb_is_refused(self, daemon: Daemon) -> None:
        for method, path, _ in operations(daemon):
            for kind in ("application/json", "text/plain"):
                headers = {"Content-Type": kind}
                answer = daemon.call(method, path, data=b" " * 10_000_000, headers=headers)
                refused(answer, 413)

    def test_a_body_of_unknown_length_is_refused(self, daemon: Daemon) -> None:
        for method, path, _ in operations(daemon):
            refused(daemon.call(method, path, data=iter([b"{}"])), 411)

    def test_a_name_that_no_vm_can_have_is_named(self, daemon: Daemon) -> None:
        names = ["%00", "a%0A", "-a", "a" * 64, "%C3%A9", "a%2Fstop", "a%2F..%2Fb", "a%20", "%25"]
        for method, path, _ in operations(daemon):
            if path.startswith("/v1/vms/a"):
                for name in names:
                    wrong = path.replace("/v1/vms/a", f"/v1/vms/{name}")
                    refused(daemon.call(method, wrong), 400, "name")
                refused(daemon.call(method, path.replace("/v1/vms/a", "/v1/vms/%FF")), 400)


def test_slow_clients_do_not_delay_others(daemon: Daemon) -> None:
    """More of them than threads; they are still there when another client was served."""
    post = b"POST /v1/vms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    begun = [
        b"",
        b"G",
        b"GET /v1/host HTTP/1.1\r\nHost: local",
        post + b"Content-Length: 99\r\n\r\n{",
    ]
    address = "127.0.0.1", int(daemon.url.rpartition(":")[2])
    with ExitStack() as stack:
        slow = [
            (stack.enter_context(socket.create_connection(address)), begun[number % len(begun)])
            for number in range(100)
        ]
        for connection, beginning in slow:
            connection.sendall(beginning)
        for _ in range(3):
            for connection, beginning in slow:
                if beginning:
                    connection.sendall(b"a")
            assert daemon.get("/listvm") == ["a"]
            refused(daemon.call("GET", "/deploy", params={**DEPLOY, "cpu": "0"}), 400, "cpu")
        for connection, _ in slow:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
