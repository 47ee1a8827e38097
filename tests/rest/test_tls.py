"""HTTPS, with a CA made for the test."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from certificates import Authority
from rest.toy import FULL, Toy, error, serving
from slackvm.http.server import RestServer
from slackvm.http.tls import TlsError, tls_context


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ours")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "foreign")


@pytest.fixture(scope="module")
def server(ours: Authority) -> Iterator[RestServer]:
    """Serves to every client."""
    with serving(Toy(), tls=tls_context(*ours.issue("127.0.0.1")), threads=2) as server:
        yield server


def healthy(server: RestServer, ours: Authority) -> bool:
    answer = requests.get(f"{server.url}/healthz", verify=str(ours.certificate), timeout=3)
    return answer.status_code == 200


class TestServer:
    """What the server shows of itself."""

    def test_a_client_that_trusts_the_ca_is_served(
        self, server: RestServer, ours: Authority
    ) -> None:
        assert server.url.startswith("https://127.0.0.1:")
        assert healthy(server, ours)

    def test_a_client_that_does_not_trust_it_is_not(
        self, server: RestServer, foreign: Authority
    ) -> None:
        with pytest.raises(requests.exceptions.SSLError):
            healthy(server, foreign)

    def test_several_requests_and_large_bodies_go_over_one_connection(
        self, server: RestServer, ours: Authority
    ) -> None:
        with requests.Session() as session:
            session.headers.update(FULL)
            session.trust_env = False
            session.verify = str(ours.certificate)
            for length in (10, 20_000, 900_000):
                body = b"[" + b" " * length + b"]"
                answer = session.post(
                    f"{server.url}/v1/vms",
                    data=body,
                    headers={"Content-Type": "application/json"},
                    timeout=5,
                )
                assert "must be a JSON object" in error(answer, 400)["message"]
            answer = session.post(f"{server.url}/v1/vms", data=b" " * 10_000_000, timeout=10)
            assert error(answer, 413)

    def test_requests_sent_at_once_are_all_answered(
        self, server: RestServer, ours: Authority
    ) -> None:
        """Also those that TLS has decrypted before they are asked for."""
        one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        context = ssl.create_default_context(cafile=ours.certificate)
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(300 * one + last)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.count(b"HTTP/1.1 200 OK") == 301

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
    def test_old_tls_is_refused(self, server: RestServer, ours: Authority) -> None:
        context = ssl.create_default_context(cafile=ours.certificate)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
            pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
        ):
            context.wrap_socket(plain, server_hostname="127.0.0.1")

    def test_a_client_without_tls_gets_an_error(self, server: RestServer) -> None:
        answer = requests.get(f"http://127.0.0.1:{server.port}/healthz", timeout=5)
        assert "HTTPS" in error(answer, 400)["message"]

    @pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["silent", "slow"])
    def test_unfinished_handshakes_keep_nobody_out(
        self, server: RestServer, ours: Authority, begun: bytes
    ) -> None:
        with ExitStack() as stack:
            for _ in range(50):
                address = "127.0.0.1", server.port
                stack.enter_context(socket.create_connection(address)).sendall(begun)
            started = time.monotonic()
            assert healthy(server, ours)
            assert time.monotonic() < started + 2

    def test_nonsense_does_no_harm(self, server: RestServer, ours: Authority) -> None:
        for nonsense in (b"\x00" * 100, b"\x16\x03\x01\x00\x05hello" * 10, b"\x15\x03\x03\x00"):
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(nonsense)
        assert healthy(server, ours)


class TestClientCertificates:
    """Where a CA of clients is set, they must show a certificate of it."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, ours: Authority) -> Iterator[RestServer]:
        """Serves to clients with a certificate of our CA."""
        context = tls_context(*ours.issue("127.0.0.1"), client_ca=ours.certificate)
        with serving(Toy(), tls=context) as server:
            yield server

    def test_our_own_is_served(self, server: RestServer, ours: Authority) -> None:
        answer = self.get(server, ours, ours)
        assert answer.status_code == 200

    def test_a_foreign_one_is_refused(
        self, server: RestServer, ours: Authority, foreign: Authority
    ) -> None:
        with pytest.raises(requests.ConnectionError):
            self.get(server, ours, foreign)

    def test_none_is_refused(self, server: RestServer, ours: Authority) -> None:
        with pytest.raises(requests.ConnectionError):
            self.get(server, ours, None)

    def get(
        self, server: RestServer, ours: Authority, issuer: Authority | None
    ) -> requests.Response:
        chain, key = issuer.issue("controller") if issuer else (None, None)
        return requests.get(
            f"{server.url}/healthz",
            verify=str(ours.certificate),
            cert=(str(chain), str(key)) if chain else None,
            timeout=5,
        )


class TestFiles:
    """Files that cannot be used are named when the daemon starts."""

    def test_one_that_is_missing(self, ours: Authority, tmp_path: Path) -> None:
        chain, _ = ours.issue("localhost")
        with pytest.raises(TlsError, match=r"none\.key: there is no such file"):
            tls_context(chain, tmp_path / "none.key")

    def test_a_key_of_another_certificate(self, ours: Authority, foreign: Authority) -> None:
        with pytest.raises(TlsError, match="no certificate with its key"):
            tls_context(ours.issue("localhost")[0], foreign.issue("localhost")[1])

    def test_an_encrypted_key_is_not_waited_for(self, ours: Authority, tmp_path: Path) -> None:
        chain, key = ours.issue("localhost")
        locked = tmp_path / "locked.key"
        secret = BestAvailableEncryption(b"secret")
        locked.write_bytes(
            load_pem_private_key(key.read_bytes(), None).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, secret
            )
        )
        with pytest.raises(TlsError, match="encrypted"):
            tls_context(chain, locked)

    def test_a_ca_without_certificates(self, ours: Authority, tmp_path: Path) -> None:
        empty = tmp_path / "ca.pem"
        empty.write_text("")
        with pytest.raises(TlsError, match=r"ca\.pem: no certificates"):
            tls_context(*ours.issue("localhost"), client_ca=empty)
