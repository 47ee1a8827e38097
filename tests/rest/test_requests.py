"""What is asked and what is answered, over HTTP."""

import json
from typing import Any

import pytest
import requests

from rest.toy import CPUS, FULL, READ, Toy, error, raw
from slackvm.api.base import Inputs
from slackvm.api.endpoint import Endpoint
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.http.inputs import MAX_BODY
from slackvm.http.metrics import Metrics
from slackvm.http.routes import Response, Route
from slackvm.http.server import RestServer

VM = {"name": "vm1", "vcpus": 2, "memory_gib": 2.5, "level": 1.5}


def post(url: str, body: object = None, **more: Any) -> requests.Response:
    headers = {**FULL, "Content-Type": "application/json", **more.pop("headers", {})}
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return requests.post(f"{url}/v1/vms", data=data, headers=headers, timeout=5, **more)


def get(url: str, path: str, **headers: str) -> requests.Response:
    return requests.get(url + path, headers={**FULL, **headers}, timeout=5)


class TestPrototype:
    """The endpoints of the prototype: all GET, and changing things."""

    def test_a_vm_is_deployed_and_removed(self, url: str, toy: Toy) -> None:
        """Memory is rounded up to MiB."""
        answer = get(url, "/deploy?name=vm1&cpu=2&mem=2.3&oc=1.0")
        assert (answer.status_code, answer.json()) == (200, {"success": True, "reason": None})
        assert get(url, "/listvm").json() == ["vm1"]
        assert toy.vms["vm1"].memory_mib == 2356
        assert get(url, "/remove?name=vm1").json() == {"success": True, "reason": None}
        assert get(url, "/listvm").json() == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("cpu", v) for v in ["abc", "0", "-2", "2.5", "1e9", "", "1_0", "%202", "2.", "٣"]),
            *(("oc", v) for v in ["nan", "inf", "0.5", "-1", "1.0001", "1e400", "abc", "2e9"]),
            *(("mem", v) for v in ["nan", "-inf", "0", "-1", "1_0", "1e9", "0x1p3"]),
            *(("name", v) for v in ["", "a%2Fb", "-a", "a" * 64, "a%0A", "a%00", "%F0%9F%98%80"]),
        ],
    )
    def test_a_value_that_is_not_allowed_is_named(
        self, url: str, toy: Toy, field: str, value: str
    ) -> None:
        given = {"name": "vm1", "cpu": "2", "mem": "1", "oc": "1.0", field: value}
        query = "&".join(f"{name}={text}" for name, text in given.items())
        answer = get(url, f"/deploy?{query}")
        assert error(answer, 400)["field"] == field
        assert answer.json()["success"] is False
        assert answer.json()["reason"] == answer.json()["error"]["message"]
        assert not toy.vms

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("name=a&cpu=1&mem=1&oc=1&cpu=1", "cpu"),
            ("name=a&cpu=1&mem=1&oc=1&colour=red", "colour"),
            ("name=a&cpu=1&mem=1", "oc"),
            ("name=a&cpu=1&mem=1&oc=1&%FF=1", None),
            ("name", None),
        ],
    )
    def test_a_query_that_is_not_as_described_is_refused(
        self, url: str, query: str, field: str | None
    ) -> None:
        assert error(get(url, f"/deploy?{query}"), 400).get("field") == field

    def test_what_is_refused_tells_why_in_numbers(self, url: str) -> None:
        answer = get(url, "/progress?cpu=1000&mem=1&oc=1")
        found = error(answer, 409)
        assert (found["code"], found["needed"], found["free"]) == ("too_large", 1000, CPUS)
        assert answer.json()["progress"] is None

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_another_method_is_refused_in_the_same_form(self, url: str, method: str) -> None:
        answer = requests.request(method, f"{url}/deploy", headers=FULL, timeout=5)
        assert error(answer, 405)["code"] == "method_not_allowed"
        assert answer.json()["success"] is False

    def test_a_head_request_changes_nothing(self, url: str, toy: Toy) -> None:
        query = "/deploy?name=vm1&cpu=2&mem=1&oc=1"
        answer = requests.head(url + query, headers=FULL, timeout=5)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, OPTIONS"
        assert not toy.vms


class TestJson:
    """The body of a request."""

    def test_a_vm_is_deployed_once(self, url: str) -> None:
        assert post(url, VM).status_code == 201
        assert post(url, VM).status_code == 200
        assert error(post(url, {**VM, "vcpus": 3}), 409)["code"] == "name_taken"
        assert get(url, "/v1/vms/vm1").json()["memory_mib"] == 2560

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("vcpus", v) for v in [0, -1, 2.5, -2.0, "2", True, None, 10**10, [2]]),
            *(("memory_gib", v) for v in [0, -1, "1", 1e12, None]),
            *(("level", v) for v in [0.999, 1.0001, "1.0", True, 1e10]),
            *(("name", v) for v in ["", "a b", "a\n", 7, "\ud800"]),
            ("clone", 1),
            ("tags", ["x"] * 6),
        ],
    )
    def test_a_value_that_is_not_allowed_is_named(
        self, url: str, toy: Toy, field: str, value: object
    ) -> None:
        found = error(post(url, {**VM, field: value}), 400)
        # A lone surrogate is no text at all, so that it is no matter of a field.
        assert found.get("field") == (None if value == "\ud800" else field)
        assert not toy.vms

    def test_a_whole_number_may_have_a_point(self, url: str, toy: Toy) -> None:
        """In JSON 2.0 is 2."""
        assert post(url, {**VM, "vcpus": 2.0}).status_code == 201
        assert get(url, "/deploy?name=vm1&cpu=2.0&mem=2.5&oc=1.5").status_code == 200
        assert list(toy.vms) == ["vm1"]

    def test_a_message_keeps_what_was_sent_short(self, url: str) -> None:
        found = error(post(url, {**VM, "name": "x" * 100_000}), 400)
        assert len(found["message"]) < 300
        found = error(post(url, {**VM, "y" * 100_000: 1}), 400)
        assert len(found["field"]) <= 100
        found = error(get(url, f"/v1/{'z' * 5000}"), 404)
        assert len(found["message"]) < 300

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"",
            b"[]",
            b"null",
            b'{"name": "a", "name": "b"}',
            b'{"name": "\xff"}',
            b'\xef\xbb\xbf{"name": "a"}',
            b'{"tags": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"vcpus": ' + b"9" * 10_000 + b"}",
            b'{"name": "a\x00"}',
            b'{"tags": [{"a": 1, "a": 2}]}',
        ],
    )
    def test_a_body_that_is_no_sound_json_object_is_refused(self, url: str, body: bytes) -> None:
        assert error(post(url, body), 400)

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
    @pytest.mark.parametrize("field", ["vcpus", "memory_gib", "level"])
    def test_an_invalid_number_is_named(self, url: str, toy: Toy, field: str, number: str) -> None:
        body = json.dumps({**VM, field: "here"}).replace('"here"', number)
        assert error(post(url, body), 400)["field"] == field
        assert not toy.vms

    def test_many_repeated_names_are_found_quickly(self, url: str) -> None:
        """In time that grows with the body, not with its square."""
        names = ",".join(f'"{number}":1' for number in range(50_000))
        assert error(post(url, f'{{{names},"49999":2}}'), 400)["field"] == "49999"

    @pytest.mark.parametrize("content_type", ["", "text/plain", "application/json; charset=latin1"])
    def test_a_body_of_another_type_is_refused(self, url: str, content_type: str) -> None:
        answer = post(url, VM, headers={"Content-Type": content_type})
        assert error(answer, 415)["code"] == "unsupported_media_type"

    def test_a_charset_may_be_named(self, url: str) -> None:
        answer = post(url, VM, headers={"Content-Type": 'Application/JSON; charset="UTF-8"'})
        assert answer.status_code == 201

    def test_a_large_body_is_refused_and_its_sender_learns_why(self, url: str) -> None:
        answer = post(url, b" " * 10_000_000)
        assert error(answer, 413)["code"] == "body_too_large"

    def test_a_body_may_have_a_mebibyte(self, url: str) -> None:
        padding = b" " * (MAX_BODY - len(json.dumps(VM)))
        assert post(url, json.dumps(VM).encode() + padding).status_code == 201
        assert post(url, json.dumps(VM).encode() + padding + b" ").status_code == 413

    def test_a_body_without_length_is_refused(self, url: str) -> None:
        answer = requests.post(f"{url}/v1/vms", data=iter([b"{}"]), headers=FULL, timeout=5)
        assert error(answer, 411)["code"] == "length_required"

    def test_where_no_body_is_taken_one_with_something_in_it_is_refused(self, url: str) -> None:
        def delete(body: object) -> requests.Response:
            return requests.delete(f"{url}/v1/vms/vm1", json=body, headers=FULL, timeout=5)

        post(url, VM)
        assert error(delete({"force": True}), 400)["field"] == "force"
        assert delete({}).status_code == 204

    def test_a_query_string_beside_a_body_is_refused(self, url: str, toy: Toy) -> None:
        assert error(post(url, VM, params={"vcpus": "3"}), 400)["field"] == "vcpus"
        assert not toy.vms


class TestPaths:
    """Paths and methods."""

    def test_an_unknown_path_is_answered_as_json(self, url: str) -> None:
        assert error(get(url, "/v1/nothing"), 404)["code"] == "not_found"
        assert error(get(url, "/v1/vms/"), 404)["code"] == "not_found"

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "BREW"])
    def test_a_method_that_is_not_there_is_answered_with_those_that_are(
        self, url: str, method: str
    ) -> None:
        answer = requests.request(method, f"{url}/v1/vms", headers=FULL, timeout=5)
        assert error(answer, 405)["code"] == "method_not_allowed"
        assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"

    def test_options_tells_the_methods(self, url: str) -> None:
        answer = requests.options(f"{url}/v1/vms/vm1", timeout=5)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_head_answers_as_get_without_the_body(self, url: str) -> None:
        answer = requests.head(f"{url}/v1/vms", headers=FULL, timeout=5)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(get(url, "/v1/vms").content))

    @pytest.mark.parametrize("name", ["vm1%FF", "vm1%0A", "vm1%00", "vm1%2F", "vm1%20"])
    def test_a_name_that_is_only_almost_there_is_not_found(
        self, url: str, toy: Toy, name: str
    ) -> None:
        """No part of a path is dropped silently."""
        post(url, VM)
        answer = requests.delete(f"{url}/v1/vms/{name}", headers=FULL, timeout=5)
        assert answer.status_code in (400, 404)
        assert list(toy.vms) == ["vm1"]


class TestAnswers:
    """Headers, versions, failures."""

    @pytest.mark.parametrize("path", ["/v1/vms", "/healthz", "/nothing", "/fail", "/v1/vms/a%20b"])
    def test_every_answer_has_the_same_protective_headers(self, url: str, path: str) -> None:
        answer = get(url, path)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-Id"]

    def test_the_client_may_name_its_request(self, url: str) -> None:
        answer = get(url, "/healthz", **{"X-Request-Id": "controller-17"})
        assert answer.headers["X-Request-Id"] == "controller-17"
        answer = get(url, "/healthz", **{"X-Request-Id": "x" * 1000})
        assert len(answer.headers["X-Request-Id"]) == 16

    def test_what_the_client_has_already_is_not_sent_again(self, url: str) -> None:
        first = get(url, "/v1/host")
        etag = first.headers["ETag"]
        again = get(url, "/v1/host", **{"If-None-Match": f'"other", W/{etag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag
        post(url, VM)
        changed = get(url, "/v1/host", **{"If-None-Match": etag})
        assert changed.status_code == 200
        assert changed.headers["ETag"] != etag

    @pytest.mark.parametrize("path", ["/fail", "/undeclared"])
    def test_a_fault_of_the_daemon_is_reported_without_details(
        self, url: str, path: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The log has them, under the id that the client sees."""
        answer = get(url, path)
        assert error(answer, 500)["code"] == "internal"
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["X-Request-Id"] in capfd.readouterr().out

    def test_plain_text_is_answered_where_it_is_declared(self, url: str) -> None:
        answer = get(url, "/")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.text == "a toy"


class TestDeclarations:
    """Endpoints that contradict themselves are found when they are declared."""

    def test_parameters_are_described(self) -> None:
        with pytest.raises(ValueError, match="parameters describe"):
            declared(path="/v1/vms/{name}")

    def test_what_changes_something_is_not_open(self) -> None:
        with pytest.raises(ValueError, match="needs a token"):
            declared(path="/", changes=True, open=True)

    def test_an_endpoint_is_there_once(self) -> None:
        twice = [Route(declared(path="/"), lambda _: Response(204)) for _ in range(2)]
        with pytest.raises(ValueError, match="two routes of GET /"):
            RestApp(twice, title="", version="", tokens=Tokens(), metrics=Metrics())


def declared(path: str, *, changes: bool = False, open: bool = False) -> Endpoint[None, Inputs]:  # noqa: A002 - the attribute's name
    return Endpoint(
        method="GET",
        path=path,
        summary="-",
        replies={204: None},
        changes=changes,
        open=open,
    )


def test_a_reading_token_reads_only(url: str) -> None:
    assert get(url, "/v1/vms", **READ).status_code == 200
    assert error(post(url, VM, headers=READ), 403)["code"] == "forbidden"


def test_requests_on_one_connection_are_answered_one_by_one(server: RestServer) -> None:
    """Also when they are all sent at once."""
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert raw(server, 20 * one + last).count(b"HTTP/1.1 200 OK") == 21
