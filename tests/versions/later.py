"""A peer of a later release: a proxy that adds unknown fields and words to every reply."""

import http.client
import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from waiting import wait_until

MAPS = frozenset(
    (
        "ages",
        "label_overrides",
        "labels",
        "levels",
        "parts",
        "pins",
        "score_breakdown",
        "topologies",
    )
)
"""Fields that map names to values: a later release does not add a name to these."""

ADDED = {
    "x_later": {"since": "9.0.0", "details": [1, None, {"deep": True}]},
    "zone_later": "north",
    "weight_later": 0.5,
}

_HOP = frozenset(("connection", "content-length", "date", "server", "transfer-encoding"))


class LaterRelease:
    """Forwards requests to a daemon, and makes its replies those of a later release.

    Attributes:
        url: what clients take for the daemon.
        words: values of enumerations to replace, by field: `{"state": {"stopped": "frozen"}}`.
        changed: how many replies were changed.
    """

    def __init__(self, target: str) -> None:
        self.words: dict[str, Mapping[str, str]] = {}
        self.changed = 0
        self._target = urlsplit(target)
        self._lock = threading.Lock()
        later = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def forward(self) -> None:
                with suppress(OSError):
                    later._forward(self)

            do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = forward  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def wait_for_replies(self, count: int = 2) -> None:
        """Wait until so many replies more were changed."""
        before = self.changed
        wait_until(lambda: self.changed >= before + count)

    def _forward(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        headers = {
            name: value.replace(self.url, self._target.geturl())
            for name, value in handler.headers.items()
            if name.lower() not in ("accept-encoding", "connection", "host")
        }
        connection = http.client.HTTPConnection(self._target.netloc, timeout=90)
        try:
            connection.request(handler.command, handler.path, body or None, headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        if content and "json" in reply.headers.get("Content-Type", ""):
            content = json.dumps(self.later(json.loads(content))).encode()
            with self._lock:
                self.changed += 1
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def later(self, value: Any, field: str = "") -> Any:
        """Return a value of a reply as a later release has it."""
        if isinstance(value, list):
            return [self.later(each, field) for each in value]
        if isinstance(value, dict):
            changed = {name: self.later(each, name) for name, each in value.items()}
            return changed if field in MAPS else {**changed, **ADDED}
        if isinstance(value, str):
            return self.words.get(field, {}).get(value, value)
        return value
