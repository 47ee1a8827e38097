"""The client when a server is gone, hangs, or answers something invalid."""

import gzip
import json
import socket
import time
from typing import Any

import pytest

from client.impostor import SILENCE, answering, error, http, ok
from client.running import run, table
from command import slackvm
from schedulerclient.session.server import MAX_ANSWER

VM: dict[str, Any] = {
    "name": "web",
    "vcpus": 2,
    "memory_mib": 1024,
    "level": 1.0,
    "image": "/any",
    "clone": False,
    "state": "running",
    "host": "host0",
    "cpu_list": [0, 1],
    "created": 0.0,
    "addresses": [],
}
DEPLOY = ("deploy", "web", "--vcpus=2", "--memory=1", "--image=/any")
BUSY = error("503 Service Unavailable", "overloaded", "too many changes", Retry_After="1")


class TestNoAnswer:
    """Exit code 3."""

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        result = slackvm("list", f"--url=http://127.0.0.1:{port}", expect=3)
        assert result.stdout == ""
        assert f"http://127.0.0.1:{port} cannot be reached: Connection refused" in result.stderr

    def test_the_name_is_unknown(self) -> None:
        assert "cannot be reached" in run("http://host.invalid:8100", "list", expect=3)[1]

    @pytest.mark.parametrize(
        ("answer", "pause_s"),
        [(SILENCE, 0), (ok({"vms": []}), 0.1)],
        ids=["silence", "drop by drop"],
    )
    def test_the_server_hangs(self, answer: bytes, pause_s: float) -> None:
        """Each drop comes well within the timeout; all of them do not."""
        begun = time.monotonic()
        with answering(answer, pause_s=pause_s) as server:
            errors = run(server.url, "list", "--timeout=1", expect=3)[1]
        assert time.monotonic() - begun < 20
        assert "did not answer within 1 s (--timeout)" in errors

    def test_a_process_ends_while_the_server_hangs(self) -> None:
        """The thread that still waits does not keep the process from ending."""
        with answering(SILENCE) as server:
            result = slackvm("stop", "web", "--timeout=1", f"--url={server.url}", expect=3)
        assert (
            "The outcome is unknown; check with `slackvm show NAME` before retrying"
            in result.stderr
        )

    @pytest.mark.parametrize("answer", [b"\x00\xff\r\n\r\n", b"220 mail\r\n", b"HTTP/1.1 abc\r\n"])
    def test_what_answers_does_not_speak_http(self, answer: bytes) -> None:
        with answering(answer) as server:
            assert "cannot be reached" in run(server.url, "list", expect=3)[1]


class TestOtherServers:
    """Exit code 1, and nothing on stdout."""

    @pytest.mark.parametrize(
        "answer",
        [
            http("200 OK", "<html><h1>It works!</h1></html>", Content_Type="text/html"),
            http("500 Internal Server Error", "<html>oops</html>", Content_Type="text/html"),
            http("502 Bad Gateway"),
            http("200 OK", "[" * 100_000),
            http("200 OK", '{"vms": [], "more": NaN}'),
            http("200 OK", '{"vms": [], "more": 1e999}'),
            http("200 OK", b"\xff\xfe"),
            http("404 Not Found", '{"error": "none"}'),
            http("204 No Content"),
            ok([]),
            ok({"vms": [{"name": "web"}]}),
            ok({"vms": {"web": 1}}),
            ok({"total": 1, "vms": []}),
            ok(7),
        ],
    )
    @pytest.mark.parametrize("form", ["--json", None])
    def test_their_answers_are_errors(self, answer: bytes, form: str | None) -> None:
        arguments = ["list", form] if form else ["list"]
        with answering(answer) as server:
            output, errors = run(server.url, *arguments, expect=1)
        assert output == ""
        assert errors.startswith(f"Error: {server.url}/v1/vms answered ")

    @pytest.mark.parametrize(
        ("content", "coding", "reason"),
        [
            (gzip.compress(bytes(MAX_ANSWER + 1), 1), "gzip", f"larger than {MAX_ANSWER} bytes"),
            (gzip.compress(b'{"vms": []}')[:-9], "gzip", "incomplete gzip"),
            (b'{"vms": []}', "gzip", "damaged gzip"),
            (b'{"vms": []}', "br", "compressed as 'br', not as gzip"),
        ],
        ids=["a bomb", "cut off", "not gzip", "not asked for"],
    )
    def test_an_answer_that_cannot_be_decompressed_is_an_error(
        self, content: bytes, coding: str, reason: str
    ) -> None:
        answer = http("200 OK", content, Content_Encoding=coding)
        with answering(answer) as server:
            output, errors = run(server.url, "list", "--json", expect=1)
        assert output == ""
        assert reason in errors

    def test_a_redirect_is_an_error_and_not_followed(self) -> None:
        with answering(ok({"vms": []})) as elsewhere:
            answer = http("302 Found", Location=f"{elsewhere.url}/v1/vms")
            with answering(answer) as server:
                errors = run(server.url, "list", expect=1)[1]
            assert f"redirects to '{elsewhere.url}/v1/vms'" in errors
            assert elsewhere.requests == []

    def test_what_a_newer_server_adds_is_left_out(self) -> None:
        with answering(ok({"vms": [{**VM, "mood": "good"}], "news": 1})) as server:
            assert table(run(server.url, "list")[0].splitlines())[0]["NAME"] == "web"
            printed = json.loads(run(server.url, "list", "--json")[0])
            assert printed["vms"][0]["mood"] == "good"

    def test_control_characters_do_not_reach_the_terminal(self) -> None:
        """Escape sequences, a second line, text that turns, and rich's own markup."""
        hostile = "\x1b[2J\x9b2J\nroot\r\u202e[red]"
        harmless = r"\x1b[2J\x9b2J\nroot\r\u202e[red]"
        with answering(ok({"vms": [{**VM, "image": hostile, "name": hostile}]})) as server:
            output = run(server.url, "list")[0]
            assert harmless in output
            assert len(output.splitlines()) == 2
            assert run(server.url, "list", "--json")[0].isascii()
        with answering(error("409 Conflict", "no_cpu", hostile)) as server:
            assert (
                r"\x1b[2J\x9b2J\nroot\r\u202e[red] (no_cpu)" in run(server.url, "list", expect=1)[1]
            )

    def test_a_time_beyond_all_dates_is_shown_as_a_number(self) -> None:
        with answering(
            ok({**VM, "created": 1e30}), ok({"revision": "", "hosts": [], "ages": {}})
        ) as server:
            assert "1e+30" in run(server.url, "show", "web")[0]

    def test_an_error_inside_the_server_is_shown_with_the_request_id(self) -> None:
        answer = error("500 Internal Server Error", "internal", "an error", X_Request_Id="abc")
        with answering(answer) as server:
            assert "an error (internal), request abc" in run(server.url, "list", expect=1)[1]


class TestTryingAgain:
    """Requests that are safe to repeat, until the timeout."""

    @pytest.mark.parametrize(
        ("command", "answer"), [(("show", "web", "--json"), VM), (DEPLOY, {**VM, "summary": {}})]
    )
    def test_a_busy_server_is_asked_again(self, command: tuple[str, ...], answer: Any) -> None:
        with answering(BUSY, BUSY, ok(answer)) as server:
            run(server.url, *command)
            assert len(server.requests) == 3
            assert len(set(server.requests)) == 1

    @pytest.mark.parametrize("command", ["remove", "stop", "restart"])
    def test_a_change_that_is_not_repeatable_is_sent_once(self, command: str) -> None:
        with answering(BUSY) as server:
            errors = run(server.url, command, "web", expect=1)[1]
            assert "web: too many changes (overloaded)" in errors
            assert len(server.requests) == 1

    def test_a_lost_answer_is_asked_for_again(self) -> None:
        with answering(b"\r\n", ok(VM)) as server:
            run(server.url, "show", "web", "--json")
            assert len(server.requests) == 2

    def test_a_change_with_a_lost_answer_is_not_sent_again(self) -> None:
        with answering(b"\r\n") as server:
            assert "cannot be reached" in run(server.url, "stop", "web", expect=3)[1]
            assert len(server.requests) == 1

    @pytest.mark.parametrize("pause", ["3600", "99999999", "Fri, 31 Dec 2100 23:59:59 GMT"])
    def test_a_retry_that_would_be_too_late_shows_the_reason(self, pause: str) -> None:
        busy = error("503 Service Unavailable", "not_ready", "no hypervisor", Retry_After=pause)
        begun = time.monotonic()
        with answering(busy) as server:
            errors = run(server.url, *DEPLOY, "--timeout=600", expect=1)[1]
        assert "no hypervisor (not_ready)" in errors
        assert time.monotonic() - begun < 60

    def test_the_timeout_counts_every_try(self) -> None:
        with answering(BUSY) as server:
            assert "(overloaded)" in run(server.url, *DEPLOY, "--timeout=3", expect=1)[1]
            assert 2 <= len(server.requests) <= 4


class TestPages:
    """A controller gives at most so many VMs at once."""

    def test_all_pages_are_asked_for(self) -> None:
        first = {"total": 2, "vms": [{**VM, "name": "a"}], "after": "a"}
        second = {"total": 2, "vms": [{**VM, "name": "b"}], "after": None}
        with answering(ok(first), ok(second)) as server:
            printed = json.loads(run(server.url, "list", "--level=1", "--json")[0])
            lines = [request.splitlines()[0] for request in server.requests]
        assert [vm["name"] for vm in printed["vms"]] == ["a", "b"]
        assert lines == [
            "GET /v1/vms?level=1.0 HTTP/1.1",
            "GET /v1/vms?level=1.0&after=a HTTP/1.1",
        ]
