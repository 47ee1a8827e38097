"""TLS of a server: what it presents, and what it demands of clients."""

import socket
import ssl
from pathlib import Path
from typing import Any

from cheroot.errors import FatalSSLAlert
from cheroot.ssl import Adapter


class TlsError(ValueError):
    """A certificate, key or CA that cannot be used; names the file."""


def tls_context(certificate: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """Return what a server needs for TLS 1.2 and later.

    Args:
        certificate: of the server, PEM, followed by those that lead to its CA.
        key: of the certificate, PEM, not encrypted.
        client_ca: PEM; clients must show a certificate that one of these CAs signed.

    Raises:
        TlsError: names the file that cannot be read or used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    for path in (certificate, key, *([client_ca] if client_ca else [])):
        if not path.is_file():
            raise TlsError(f"{path}: there is no such file")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsError(f"{certificate}, {key}: no certificate with its key: {error}") from error
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (ssl.SSLError, OSError) as error:
            raise TlsError(f"{client_ca}: no certificates of CAs: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    # Without this OpenSSL would ask for it on the terminal and wait.
    raise ValueError("the key is encrypted")


class LateHandshake(Adapter):
    """Wraps connections and leaves the handshake to the first read.

    Cheroot's own adapter waits for it where it accepts connections, so that one client that says
    nothing keeps all others out.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context

    def bind(self, sock: socket.socket) -> socket.socket:
        """Return the listening socket as it is."""
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        """Return the connection wrapped, and nothing for the environment of its requests.

        Raises:
            FatalSSLAlert: the client is gone already.
        """
        try:
            wrapped = self.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
        except OSError as error:
            raise FatalSSLAlert(*error.args) from error
        return wrapped, {}

    def get_environ(self) -> dict[str, Any]:
        """Return nothing for the environment of requests."""
        return {}

    def makefile(self, sock: socket.socket, mode: str = "r", bufsize: int = -1) -> Any:
        """Return nothing: connections bring their own files."""
