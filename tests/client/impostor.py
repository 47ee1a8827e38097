"""Servers that answer every connection with what a test has written."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

SILENCE = b""
"""As an answer: nothing is sent, and the connection stays open."""


class Impostor:
    """Answers each request with the next answer; the last one again and again.

    Attributes:
        requests: what came, as text.
    """

    def __init__(self, answers: Sequence[bytes], pause_s: float) -> None:
        self.requests: list[str] = []
        self._answers = answers
        self._pause_s = pause_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def end(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = _read_request(connection)
            if not request:
                return
            number = len(self.requests)
            self.requests.append(request)
            answer = self._answers[min(number, len(self._answers) - 1)]
            if answer == SILENCE:
                self._ended.wait()
            if not self._pause_s:
                connection.sendall(answer)
            for at in range(len(answer) if self._pause_s else 0):
                connection.sendall(answer[at : at + 1])
                if self._ended.wait(self._pause_s):
                    return


@contextmanager
def answering(*answers: bytes, pause_s: float = 0.0) -> Iterator[Impostor]:
    """Give a server that answers so; with a pause, byte by byte."""
    impostor = Impostor(answers, pause_s)
    try:
        yield impostor
    finally:
        impostor.end()


def http(status: str, body: str | bytes = b"", **headers: str) -> bytes:
    """Return an answer of HTTP, after which the connection ends."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def ok(document: Any) -> bytes:
    """Return an answer with a JSON document."""
    return http("200 OK", json.dumps(document))


def error(status: str, code: str, message: str, **headers: str) -> bytes:
    """Return an error as SlackVM's daemons send it."""
    document = {"error": {"code": code, "message": message}}
    return http(status, json.dumps(document), **headers)


def _read_request(connection: socket.socket) -> str:
    """Return a request whole; nothing where the connection ends before."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return ""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.splitlines()
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < sum(lengths):
        body += connection.recv(65536)
    return (head + b"\r\n\r\n" + body).decode("latin-1")
