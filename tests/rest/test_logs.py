"""What a daemon logs."""

import io
import json
import sys
from collections.abc import Iterator

import pytest
import requests
import structlog

from rest.toy import FULL, Toy, serving
from slackvm.daemon.logs import configure_logs
from slackvm.http.rejected import RejectedLog

log = structlog.get_logger("test")


@pytest.fixture(autouse=True)
def default_afterwards() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_request_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("text")
    with serving(Toy()) as server:
        answer = requests.get(f"{server.url}/v1/vms/vm1?x=1", headers=FULL, timeout=5)
    lines = [line for line in capfd.readouterr().out.splitlines() if "event=request " in line]
    assert len(lines) == 1
    assert "method=GET route=/v1/vms/{name} status=400 ms=" in lines[0]
    assert f"request_id={answer.headers['X-Request-Id']}" in lines[0]
    assert "full-token" not in lines[0]
    assert "by= client=127.0.0.1" in lines[0]


def test_a_flood_of_unauthorized_requests_is_one_line_for_each_period(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs("text")
    now = 0.0
    monkeypatch.setattr("slackvm.http.rejected.time.monotonic", lambda: now)
    with serving(Toy()) as server, requests.Session() as session:
        for _ in range(50):
            assert session.get(f"{server.url}/v1/vms").status_code == 401
        assert session.get(f"{server.url}/v1/vms", headers=FULL).status_code == 200
        lines = capfd.readouterr().out.splitlines()
        assert [line.count("status=401") for line in lines if "event=request " in line] == [1, 0]
        assert not any("unauthorized_requests" in line for line in lines)
        now = 61.0
        assert session.get(f"{server.url}/healthz").status_code == 200
        for _ in range(2):
            assert session.get(f"{server.url}/v1/vms").status_code == 401
    lines = capfd.readouterr().out.splitlines()
    [counted] = [line for line in lines if "event=unauthorized_requests " in line]
    assert "client=127.0.0.1 count=49 seconds=60" in counted
    assert sum("status=401" in line for line in lines) == 1


def test_addresses_beyond_a_number_are_counted_together(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logs("text")
    rejected = RejectedLog()
    firsts = [rejected.is_first(f"192.0.2.{number}") for number in range(1200)]
    assert firsts == [True] * 1000 + [False] * 200
    rejected._ends_at = 0.0
    rejected.flush()
    [line] = capfd.readouterr().out.splitlines()
    assert "client=others count=200" in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_left_out(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(form)  # type: ignore[arg-type]  # both are forms
    log.info(
        "started",
        token="hidden1",  # noqa: S106 - what is looked for
        SCL_READ_TOKEN="hidden2",  # noqa: S106
        headers={"Authorization": "hidden3", "inner": {"Set-Cookie": "hidden4"}},
        port=8099,
    )
    line = capfd.readouterr().out
    assert "hidden" not in line
    assert "8099" in line


def test_json_is_one_object_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("json")
    log.warning("odd", what="two\nlines", of=object, wrong="\ud800")
    [line] = capfd.readouterr().out.splitlines()
    assert json.loads(line)["what"] == "two\nlines"
    assert json.loads(line)["level"] == "warning"


@pytest.mark.parametrize(
    "text", ["two\nlines", "\r\x1b[2J", "a\u2028b\u0085c", "\ud800", "event=request status=200"]
)
def test_nobody_writes_lines_of_their_own(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("text")
    log.info("seen", text=text, **{f"key {text}": 1})
    [line] = capfd.readouterr().out.splitlines()
    assert line.isprintable()
    assert line.count(" event=") == 1 or f'"{text}"' in line


@pytest.mark.parametrize("text", ["é", "\U0001f600", "\u202e"])
def test_the_encoding_of_the_machine_does_not_matter(
    text: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "ascii"))
    configure_logs("text")
    log.info("seen", text=text)
    assert f"text={text}" in capfd.readouterr().out or not text.isprintable()


def test_an_exception_is_in_the_line_of_its_event(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("text")
    try:
        raise ValueError("what went wrong")
    except ValueError:
        log.exception("failed")
    [line] = capfd.readouterr().out.splitlines()
    assert "ValueError: what went wrong" in line
