"""A wire between a controller and a host on which chosen requests meet with an accident."""

import socket
import struct
import threading
import time
from contextlib import suppress
from http.client import HTTPResponse
from typing import Literal
from urllib.parse import urlsplit

Accident = Literal["lose", "hold", "delay"]
"""`lose`: the host gets the request, and its answer is lost. `hold`: the request lies in the
network until `release`. `delay`: the answer comes late."""

DELAY_S = 3.0
_PIECE = 1 << 16
_RESET = struct.pack("ii", 1, 0)


class Wire:
    """Forwards connections to a host.

    Attributes:
        url: what the controller takes for the host.
        met: how many requests have met with an accident since the last was arranged.
    """

    def __init__(self, target: str) -> None:
        self.met = 0
        self._target = urlsplit(target)
        self._accidents: dict[str, Accident] = {}
        self._held: list[bytearray] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def point_to(self, target: str) -> None:
        """Forward new connections to another host."""
        self._target = urlsplit(target)

    def on(self, request: str, accident: Accident) -> None:
        """Let requests that begin with `request` meet with an accident from now on."""
        with self._lock:
            self._accidents[request] = accident
            self.met = 0

    def mend(self) -> None:
        """Let new requests through; those that are held stay where they are."""
        with self._lock:
            self._accidents.clear()

    def release(self) -> list[tuple[int, bytes]]:
        """Let the requests that were held come to the host at last; return what it answers."""
        with self._lock:
            held, self._held = self._held, []
        answers = []
        for request in held:
            with self._connect() as host:
                host.sendall(request)
                answer = HTTPResponse(host)
                answer.begin()
                answers.append((answer.status, answer.read()))
        return answers

    def close(self) -> None:
        """Cut it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _connect(self) -> socket.socket:
        host = socket.create_connection((self._target.hostname, self._target.port), timeout=30)
        host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return host

    def _forward(self, client: socket.socket) -> None:
        try:
            host = self._connect()
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.close()
            return
        ways = _Ways()
        threading.Thread(target=self._backward, args=(host, client, ways), daemon=True).start()
        with suppress(OSError):
            while piece := client.recv(_PIECE):
                ways.accident = self._accident(piece) or ways.accident
                if ways.accident == "hold":
                    ways.held += piece
                else:
                    host.sendall(piece)
        if ways.held:
            with self._lock:
                self._held.append(ways.held)
        _end(host)
        _end(client)

    def _backward(self, host: socket.socket, client: socket.socket, ways: "_Ways") -> None:
        with suppress(OSError):
            while piece := host.recv(_PIECE):
                if ways.accident == "lose":
                    break
                if ways.accident == "delay":
                    time.sleep(DELAY_S)
                client.sendall(piece)
        if not ways.held:
            _end(client)

    def _accident(self, piece: bytes) -> Accident | None:
        with self._lock:
            for request, accident in self._accidents.items():
                if piece.startswith(request.encode()):
                    self.met += 1
                    return accident
        return None


class _Ways:
    """What one connection has met with."""

    def __init__(self) -> None:
        self.accident: Accident | None = None
        self.held = bytearray()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
