"""The server under load, and with clients that are slow, greedy or broken."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
import requests

from rest.toy import FULL, Toy, error, raw, serving
from slackvm.api.endpoint import Lane
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.http.metrics import Metrics
from slackvm.http.server import RestServer

AUTHORIZATION = b"Authorization: Bearer full-token\r\n"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@contextmanager
def connected(server: RestServer, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        address = "127.0.0.1", server.port
        yield [
            stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(count)
        ]


def send_slowly(connection: socket.socket) -> None:
    for _ in range(200):
        connection.sendall(b"a")
        time.sleep(0.05)


def healthy(server: RestServer) -> bool:
    return requests.get(f"{server.url}/healthz", timeout=2).status_code == 200


def body_of(answer: bytes) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


class TestSlowClients:
    """They wait; nobody waits for them."""

    @pytest.mark.parametrize(
        "begun",
        [
            b"",
            HEAD,
            b"POST /v1/vms HTTP/1.1\r\nHost: localhost\r\n"
            + AUTHORIZATION
            + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
        ],
        ids=["silent", "slow head", "slow body"],
    )
    def test_others_are_served_meanwhile(self, begun: bytes) -> None:
        """Many more slow clients than threads."""
        with serving(Toy(), threads=2) as server, connected(server, 100) as slow:
            for connection in slow:
                connection.sendall(begun)
            for _ in range(3):
                for connection in slow:
                    connection.sendall(begun[-1:])
                assert healthy(server)

    def test_after_a_time_they_are_let_go(self) -> None:
        """However they keep sending."""
        with serving(Toy(), seconds=0.5) as server, connected(server, 1) as [slow]:
            slow.sendall(HEAD)
            begun = time.monotonic()
            with pytest.raises(OSError, match=r"pipe|reset"):
                send_slowly(slow)
            assert time.monotonic() < begun + 8

    def test_an_idle_connection_is_ended(self) -> None:
        with serving(Toy(), seconds=0.3) as server:
            assert raw(server, HEAD + b"\r\n").startswith(b"HTTP/1.1 200")

    def test_one_who_takes_no_answer_keeps_no_thread(self) -> None:
        with serving(Toy(), threads=1, seconds=0.5) as server, connected(server, 1) as [slow]:
            slow.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n" + AUTHORIZATION + b"\r\n")
            begun = time.monotonic()
            assert requests.get(f"{server.url}/healthz", timeout=10).status_code == 200
            assert time.monotonic() < begun + 5

    def test_when_there_are_too_many_the_one_that_waited_longest_goes(self) -> None:
        with serving(Toy(), connections=20) as server, connected(server, 60) as slow:
            slow[-1].sendall(HEAD)
            assert healthy(server)
            assert slow[0].recv(1) == b""
            slow[-1].sendall(b"\r\n")
            assert slow[-1].recv(12) == b"HTTP/1.1 200"

    def test_what_all_hold_together_is_limited(self) -> None:
        head = b"POST /v1/vms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
        with serving(Toy(), held=1_000_000) as server, connected(server, 8) as greedy:
            for connection in greedy:
                connection.sendall(head + b" " * 500_000)
                time.sleep(0.02)
            assert healthy(server)
            assert greedy[0].recv(1) == b""


class TestOverload:
    """More requests than can be worked on."""

    @pytest.mark.parametrize("path", ["/wait", "/change", "/slow"])
    def test_one_request_too_many_gets_an_error(self, path: str) -> None:
        """And requests of other lanes are served."""
        toy = Toy()
        with (
            serving(toy, threads=2, queue=2) as server,
            ThreadPoolExecutor(8) as clients,
        ):

            def wait() -> requests.Response:
                return requests.get(server.url + path, headers=FULL, timeout=30)

            working = [clients.submit(wait) for _ in range(2)]
            for _ in working:
                assert toy.waiting.acquire(timeout=5)
            queued = [clients.submit(wait) for _ in range(2)]
            time.sleep(0.3)
            refused = requests.get(server.url + path, headers=FULL, timeout=5)
            assert error(refused, 503)["code"] == "overloaded"
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.headers["Cache-Control"] == "no-store"
            assert healthy(server)
            if path != "/wait":
                assert requests.get(f"{server.url}/listvm", headers=FULL, timeout=5).json() == []
            toy.go_on.set()
            assert [one.result().status_code for one in working + queued] == [200] * 4
            metrics = requests.get(f"{server.url}/metrics", headers=FULL, timeout=5).text
            assert '{method="other",route="none",status="503"} 1.0' in metrics

    def test_a_request_waits_for_a_thread_for_a_limited_time(self) -> None:
        toy = Toy()
        with (
            serving(toy, threads=1, queue_seconds=0.3) as server,
            ThreadPoolExecutor(1) as clients,
        ):
            working = clients.submit(requests.get, f"{server.url}/change", headers=FULL, timeout=30)
            assert toy.waiting.acquire(timeout=5)
            with requests.Session() as session:
                refused = session.get(f"{server.url}/change", headers=FULL, timeout=10)
                assert error(refused, 503)["code"] == "overloaded"
                toy.go_on.set()
                assert working.result().status_code == 200
                assert session.get(f"{server.url}/change", headers=FULL).status_code == 200

    @pytest.mark.parametrize(
        ("line", "lane"),
        [
            (b"GET /healthz HTTP/1.1", Lane.PROBE),
            (b"HEAD /metrics HTTP/1.1", Lane.PROBE),
            (b"GET /metrics?a=/b HTTP/1.1", Lane.PROBE),
            (b"GET /v1/vms HTTP/1.1", Lane.READ),
            (b"OPTIONS /v1/vms HTTP/1.1", Lane.READ),
            (b"PUT /v1/vms HTTP/1.1", Lane.READ),
            (b"GET /nothing HTTP/1.1", Lane.READ),
            (b"GET /%ff HTTP/1.1", Lane.READ),
            (b"GET /slow HTTP/1.1", Lane.SLOW),
            (b"POST /v1/vms HTTP/1.1", Lane.CHANGE),
            (b"POST /v1/%76ms HTTP/1.1", Lane.CHANGE),
            (b"DELETE /v1/vms/a%2Fb HTTP/1.1", Lane.CHANGE),
            (b"DELETE /v1/vms/a?force=true HTTP/1.0", Lane.CHANGE),
            (b"GET /deploy?name=a HTTP/1.1", Lane.CHANGE),
            (b"GET /%64eploy HTTP/1.1", Lane.CHANGE),
        ],
    )
    def test_the_lane_of_a_request_is_that_of_its_endpoint(self, line: bytes, lane: Lane) -> None:
        toy = Toy()
        routes = [*toy.routes(), *toy.troublesome_routes()]
        app = RestApp(routes, title="", version="", tokens=Tokens(), metrics=Metrics())
        assert app.lane(line) is lane


class TestBrokenRequests:
    """Bytes that are no request, or that two programs could read in two ways."""

    @pytest.mark.parametrize(
        "head",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
            b"GET\r\n",
            b"GET  /healthz HTTP/1.1\r\nHost: localhost\r\n",
            b"get /healthz HTTP/1.1\r\nHost: localhost\r\n",
            b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n",
            b"GET healthz HTTP/1.1\r\nHost: localhost\r\n",
            b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n",
            b"GET //[ HTTP/1.1\r\nHost: localhost\r\n",
            b"GET //healthz HTTP/1.1\r\nHost: localhost\r\n",
            b"OPTIONS //healthz HTTP/1.1\r\nHost: localhost\r\n",
            b"GET /healthz#part HTTP/1.1\r\nHost: localhost\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n",
            b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n",
            b"GET /healthz HTTP/1.1\r\n",
            HEAD + b"Host: evil.example\r\n",
            HEAD + b"X: a\x00b\r\n",
            HEAD + b"X: a\rb\r\n",
            HEAD + b"X: a\r\n b\r\n",
            HEAD + b" X: a\r\n",
            HEAD + b"X\r\n",
            HEAD + b"X : a\r\n",
            HEAD + b"X\xff: a\r\n",
            HEAD + b": a\r\n",
            HEAD + AUTHORIZATION + AUTHORIZATION,
            HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n",
            HEAD + b"Content-Length: -1\r\n",
            HEAD + b"Content-Length: +1\r\n",
            HEAD + b"Content-Length: 1_0\r\n",
            HEAD + b"Content-Length: 0x1\r\n",
            HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n",
            HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        ],
    )
    def test_are_refused_as_json(self, server: RestServer, head: bytes) -> None:
        answer = raw(server, head + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"\r\nContent-Type: application/json\r\n" in answer
        assert b"\r\nX-Request-Id: " in answer
        assert body_of(answer)["error"]["message"]

    def test_headers_may_hold_bytes_that_are_no_text(self, server: RestServer) -> None:
        end = b"Connection: close\r\n\r\n"
        for name in (b"X-Request-Id", b"If-None-Match", b"Sec-Fetch-Site", b"User-Agent"):
            assert raw(server, HEAD + name + b": \xff\xfe\x80\r\n" + end).startswith(
                b"HTTP/1.1 200"
            )
        answer = raw(server, HEAD.replace(b"localhost", b"\xff") + end)
        assert answer.startswith(b"HTTP/1.1 200")

    @pytest.mark.parametrize("where", ["address", "header"])
    def test_large_headers_are_refused_before_they_end(
        self, server: RestServer, where: str
    ) -> None:
        start = b"GET /" if where == "address" else HEAD + b"X: "
        answer = raw(server, start + b"a" * 1_000_000)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert body_of(answer)["error"]["code"] == "headers_too_large"

    def test_a_header_with_an_underscore_stands_for_no_other(self, server: RestServer) -> None:
        """Both would have one name in the environment of a request."""
        head = b"GET /v1/vms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        answer = raw(server, head + b"AUTHORIZATION: Bearer wrong\r\nContent_Length: 9\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401 ")
        answer = raw(server, HEAD + b"Content_Length: 9\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")

    @pytest.mark.parametrize(
        ("framing", "status"),
        [
            (b"Content-Length: 9999999", b"413"),
            (b"Transfer-Encoding: chunked", b"411"),
            (b"Transfer-Encoding: identity", b"411"),
            (b"Transfer-Encoding: gzip, chunked", b"411"),
            (b"transfer-encoding:\tx\x0bchunked", b"400"),
        ],
    )
    def test_what_was_not_read_is_no_next_request(
        self, server: RestServer, toy: Toy, framing: bytes, status: bytes
    ) -> None:
        smuggled = (
            b"GET /deploy?name=vm1&cpu=1&mem=1&oc=1 HTTP/1.1\r\nHost: localhost\r\n"
            + AUTHORIZATION
            + b"\r\n"
        )
        head = b"POST /v1/vms HTTP/1.1\r\nHost: localhost\r\n" + AUTHORIZATION
        answer = raw(server, head + framing + b"\r\n\r\n" + smuggled + smuggled)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert answer.count(b"Content-Type: ") == 1
        assert not toy.vms

    @pytest.mark.parametrize("words", [b"close", b"Close", b"TE, close", b"keep-alive, CLOSE"])
    def test_who_wants_the_connection_closed_need_not_wait(
        self, server: RestServer, words: bytes
    ) -> None:
        request = HEAD + b"Connection: " + words + b"\r\n\r\n"
        assert raw(server, request + HEAD + b"\r\n").count(b"HTTP/1.1 200 OK") == 1

    def test_an_old_client_may_keep_its_connection(self, server: RestServer) -> None:
        kept = b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        last = b"GET /healthz HTTP/1.0\r\n\r\n"
        assert raw(server, kept + last + last).count(b"HTTP/1.1 200 OK") == 2

    def test_a_body_that_ends_early_is_no_request(self, server: RestServer, toy: Toy) -> None:
        with connected(server, 1) as [connection]:
            connection.sendall(
                b"POST /v1/vms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"
            )
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
        assert not toy.vms

    def test_a_client_that_waits_for_100_continue_gets_it(self, server: RestServer) -> None:
        body = json.dumps({"name": "vm1", "vcpus": 1, "memory_gib": 1, "level": 1}).encode()
        head = (
            b"POST /v1/vms HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            + AUTHORIZATION
            + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        )
        with connected(server, 1) as [connection]:
            connection.sendall(head % len(body))
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(body)
            assert connection.recv(1000).startswith(b"HTTP/1.1 201 Created\r\n")
        with connected(server, 1) as [connection]:
            connection.sendall(head % 10**9)
            assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


class TestLife:
    """Starting and stopping."""

    def test_requests_that_have_come_are_finished_before_the_end(self) -> None:
        toy = Toy()
        with serving(toy) as server, ThreadPoolExecutor(2) as clients:
            waiting = clients.submit(requests.get, f"{server.url}/wait", headers=FULL, timeout=30)
            assert toy.waiting.acquire(timeout=5)
            stopping = clients.submit(server.stop)
            time.sleep(0.7)
            with pytest.raises(requests.ConnectionError):
                healthy(server)
            toy.go_on.set()
            assert waiting.result().status_code == 200
            assert stopping.result() is True
            assert not server.is_alive()

    def test_a_request_that_hangs_does_not_keep_it_from_ending(self) -> None:
        toy = Toy()
        with serving(toy, stop_seconds=0.2) as server, ThreadPoolExecutor(1) as clients:
            hanging = clients.submit(requests.get, f"{server.url}/wait", headers=FULL, timeout=30)
            assert toy.waiting.acquire(timeout=5)
            begun = time.monotonic()
            assert server.stop() is False
            assert time.monotonic() < begun + 5
            toy.go_on.set()
            hanging.exception()

    def test_its_threads_keep_no_process_alive(self, server: RestServer) -> None:
        assert healthy(server)
        lanes = {f"{lane} 0" for lane in Lane}
        threads = [thread for thread in threading.enumerate() if thread.name in lanes]
        assert len(threads) >= len(lanes)
        assert all(thread.daemon for thread in threads)

    def test_an_address_that_is_taken_is_named(self, server: RestServer) -> None:
        app = RestApp([], title="", version="", tokens=Tokens(), metrics=Metrics())
        with pytest.raises(OSError, match=f"127.0.0.1 port {server.port}.*in use"):
            RestServer(app, "127.0.0.1", server.port).start()

    @pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
    def test_it_listens_on_ipv6(self) -> None:
        app = RestApp([], title="", version="", tokens=Tokens(), metrics=Metrics())
        server = RestServer(app, "::1", 0)
        try:
            server.start()
        except OSError as problem:
            pytest.skip(f"this machine has no IPv6: {problem}")
        try:
            assert server.url.startswith("http://[::1]:")
            assert requests.get(f"{server.url}/metrics", timeout=5).status_code == 200
        finally:
            server.stop()

    def test_nothing_is_written_to_stderr(
        self, server: RestServer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        raw(server, b"nonsense\r\n\r\n")
        requests.get(f"{server.url}/fail", headers=FULL, timeout=5)
        assert capfd.readouterr().err == ""
