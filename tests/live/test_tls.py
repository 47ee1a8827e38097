"""The daemon over HTTPS, with CAs made for the test."""

import datetime
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from certificates import Authority
from live.daemons import Daemon, serving

LAPTOP = "--topology=i7-1185g7"

Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ours")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "foreign")


@pytest.fixture(scope="module")
def daemon(ours: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It demands no certificate of its clients."""
    certificate, key = ours.issue("127.0.0.1")
    tls = {"SCL_TLS_CERT": str(certificate), "SCL_TLS_KEY": str(key)}
    with serving(tmp_path_factory.mktemp("daemon"), LAPTOP, **tls) as running:
        running.session.verify = str(ours.certificate)
        yield running


@pytest.fixture(scope="module")
def strict(ours: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It demands a certificate of our CA."""
    certificate, key = ours.issue("127.0.0.1")
    tls = {"SCL_TLS_CERT": str(certificate), "SCL_TLS_KEY": str(key)}
    tls["SCL_TLS_CA"] = str(ours.certificate)
    with serving(tmp_path_factory.mktemp("strict"), LAPTOP, **tls) as running:
        running.session.verify = str(ours.certificate)
        running.session.cert = tuple(map(str, ours.issue("controller")))  # type: ignore[assignment]  # of two
        yield running


def ask(daemon: Daemon, authority: Authority, files: Files | None = None) -> requests.Response:
    """Ask on a connection of its own."""
    cert = (str(files[0]), str(files[1])) if files else None
    url = f"{daemon.url}/healthz"
    return requests.get(url, verify=str(authority.certificate), cert=cert, timeout=30)


def test_only_clients_that_trust_its_ca_are_served(
    daemon: Daemon, ours: Authority, foreign: Authority
) -> None:
    assert daemon.url.startswith("https://")
    assert ask(daemon, ours).status_code == 200
    assert daemon.deploy("a", 1, 1.0).status_code == 201
    assert daemon.remove("a").status_code == 200
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(daemon, foreign)
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        requests.get(f"{daemon.url}/healthz", timeout=30)
    plain = requests.get(f"{daemon.url.replace('https', 'http')}/healthz", timeout=30)
    assert plain.status_code == 400
    assert "HTTPS" in plain.json()["error"]["message"]
    assert ask(daemon, ours).status_code == 200


def test_endless_handshakes_do_not_delay_others(daemon: Daemon) -> None:
    """More of them than threads; they are still there when another client was served."""
    hello = client_hello()
    begun = [b"", hello[:1], hello[:100], hello]
    address = "127.0.0.1", int(daemon.url.rpartition(":")[2])
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(address)) for _ in range(100)]
        for number, connection in enumerate(slow):
            connection.sendall(begun[number % len(begun)])
        for _ in range(3):
            assert daemon.deploy("a", 1, 1.0).status_code == 201
            assert daemon.remove("a").status_code == 200
        for number, connection in enumerate(slow):
            if number % len(begun) < 3:
                connection.setblocking(False)
                with pytest.raises(BlockingIOError):
                    connection.recv(1)
            else:
                assert connection.recv(1) == b"\x16"  # the server's part of the handshake


def client_hello() -> bytes:
    """Return what a client says first."""
    said = ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()


def test_clients_show_a_certificate_of_the_ca(
    strict: Daemon, ours: Authority, foreign: Authority
) -> None:
    """Whoever does not is turned away, and others are served all the while."""
    assert strict.deploy("a", 1, 1.0).status_code == 201
    ended = datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(days=1)
    for files in (None, foreign.issue("controller"), ours.issue("former", ends=ended)):
        for _ in range(3):
            with pytest.raises(requests.ConnectionError):
                ask(strict, ours, files)
            assert strict.get("/listvm") == ["a"]
    assert ask(strict, ours, ours.issue("another")).status_code == 200
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(strict, foreign, ours.issue("another"))
    assert "Traceback" not in strict.log_text
    assert strict.end() == 0
