"""Internals of cheroot, urllib3 and http.client that we rely on, on real connections.

A test fails if an update of a library changes them.
"""

import inspect
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from cheroot.server import HTTPConnection, HTTPRequest, HTTPServer
from urllib3.exceptions import ProtocolError
from urllib3.util import Retry

from rest.toy import Toy, serving
from slackvm.deadline import Deadline
from slackvm.transport import TotalTimeoutAdapter, retries


def test_the_selector_of_cheroot_lists_connections_and_watches_each_once() -> None:
    with serving(Toy()) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        engine = server._engine
        for _ in range(100):
            waiting = [conn for _, conn in engine.selector.connections if conn is not engine]
            if waiting and waiting[0].held:
                break
            time.sleep(0.05)
        [connection] = waiting
        assert connection.remote_port == client.getsockname()[1]
        descriptor = connection.socket.fileno()
        with pytest.raises((KeyError, ValueError)):
            engine.selector.register(descriptor, selectors.EVENT_READ, data=connection)


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (HTTPServer, "process_conn", ["self", "conn"]),
        (HTTPServer, "put_conn", ["self", "conn"]),
        (HTTPServer, "bind_socket", ["socket_", "bind_addr"]),
        (HTTPServer, "error_log", ["self", "msg", "level", "traceback"]),
        (HTTPConnection, "communicate", ["self"]),
        (HTTPRequest, "read_request_line", ["self"]),
        (HTTPRequest, "read_request_headers", ["self"]),
        (HTTPRequest, "simple_response", ["self", "status", "msg"]),
    ],
)
def test_cheroot_calls_the_methods_that_we_override(
    owner: type, name: str, parameters: list[str]
) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters
    folder = Path(inspect.getfile(owner)).parent
    assert any(f".{name}(" in path.read_text() for path in folder.rglob("*.py"))


@contextmanager
def dripping(seconds: float) -> Iterator[str]:
    """Serve one answer of which a byte comes every tenth of a second."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
                try:
                    connection.sendall(head)
                    for _ in range(int(10 * seconds)):
                        connection.sendall(b"x")
                        time.sleep(0.1)
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(10)


def test_the_read_timeout_limits_the_whole_answer() -> None:
    with dripping(5) as url, requests.Session() as session:
        session.mount("http://", TotalTimeoutAdapter(max_retries=0))
        begun = time.monotonic()
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=(5, 0.5))
        assert time.monotonic() - begun < 3


def test_without_the_adapter_the_timeout_starts_again_with_every_byte() -> None:
    with dripping(1) as url, pytest.raises(requests.exceptions.ChunkedEncodingError):
        # The server ends before the whole answer has come: no timeout.
        requests.get(url, timeout=(5, 0.5))


def test_a_retry_keeps_its_deadline() -> None:
    policy = retries(Deadline(60))
    again = policy.increment("GET", "/", error=ProtocolError())
    assert isinstance(again, Retry)
    assert vars(again)["deadline"] is vars(policy)["deadline"]
