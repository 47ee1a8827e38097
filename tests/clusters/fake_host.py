"""What says that it is a host: a small HTTP server that answers as a test wants."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from slackvm.api.hosts import HostReply

Answer = Callable[[BaseHTTPRequestHandler], None]


class FakeHost:
    """Answers every request in the same way.

    Attributes:
        answer: how.
        asked: the request lines that came.
        bodies: the bodies of the requests.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                fake.asked.append(self.requestline)
                fake.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                with suppress(OSError):
                    fake.answer(self)

            do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def refusing(status: int, code: str, message: str) -> Answer:
    """Answer an error."""
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return with_body(body, status, Content_Type="application/json")


def with_body(body: bytes, status: int = 200, **headers: str) -> Answer:
    """Answer with these bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(content: bytes) -> Answer:
    """Answer with these bytes and nothing of HTTP, and end the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Answer a byte at a time, for ever."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.2)


def dripping_head(handler: BaseHTTPRequestHandler) -> None:
    """Answer a byte at a time, and never come to the end of the headers."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Header: ")
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.2)


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Answer without end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" * 65536)


def telling(**changes: Any) -> Answer:
    """Answer as a host without VMs, in which something is otherwise."""
    return _reporting(_host(**changes), b'{"vms": []}')


def with_vms(*changes: dict[str, Any]) -> Answer:
    """Answer as a host with VMs, each otherwise in something."""
    vm: dict[str, Any] = {
        "name": "vm",
        "vcpus": 1,
        "memory_mib": 1,
        "level": 1.0,
        "image": "/i",
        "clone": False,
        "state": "running",
        "host": "fake",
        "cpu_list": [],
        "created": 1.0,
        "addresses": [],
    }
    vms = [{**vm, **each} for each in changes]
    host = _host(vms=[each["name"] for each in vms])
    return _reporting(host, json.dumps({"vms": vms}).encode())


SUMMARY: dict[str, Any] = {
    "name": "fake",
    "version": "1",
    "boot_id": "abcd",
    "generation": 1,
    "state": "ready",
    "reason": "",
    "hypervisor": "memory",
    "cpus": 8,
    "cpus_free": 8,
    "memory_mib": 8192,
    "memory_free_mib": 8192,
    "offered": None,
    "levels": {},
}
"""A host without VMs in numbers."""


def _host(**changes: Any) -> bytes:
    """Return what a host without VMs reports of itself, in which something is otherwise."""
    facts: dict[str, Any] = {
        **SUMMARY,
        "instance": "abcd",
        "api_version": 1,
        "controller": "",
        "controller_epoch": 0,
        "labels": {},
        "topology": [],
        "vms": [],
        "foreign": [],
        "foreign_unpinned": 0,
    }
    assert facts.keys() == HostReply.model_fields.keys()
    document = HostReply.model_construct(**{**facts, **changes})
    return document.model_dump_json(warnings=False).encode()


def _reporting(host: bytes, vms: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = host if handler.path == "/v1/host" else vms
        with_body(body, ETag='"abcd-1"')(handler)

    return answer
