"""Serve a daemon over HTTP until a signal ends it: address, tokens and TLS from its settings."""

import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import structlog

from slackvm.daemon import systemd as notify
from slackvm.daemon.files import raise_file_limit
from slackvm.daemon.logs import configure_logs
from slackvm.formats.private import is_readable_by_everybody, shut_out_others
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens, check_bind
from slackvm.http.engine.limits import Limits
from slackvm.http.server import RestServer
from slackvm.http.tls import TlsError, tls_context
from slackvm.settings import (
    DEFAULT_ENV_FILE,
    GlobalSettings,
    LocalSettings,
    SettingsError,
    read_env_file,
)
from slackvm.tokens.keyring import Keyring
from slackvm.tokens.token_file import TokenFileError

log = structlog.get_logger(__name__)

_STOP_S = 30.0
"""What is under way at the end has time; systemd waits 90 s."""

_LIMITS = Limits()


class Daemon(Protocol):
    """What is served.

    Attributes:
        app: answers requests.
    """

    app: RestApp

    @property
    def status(self) -> str:
        """Its state in one line."""

    def start(self) -> None:
        """Start its work in its own threads."""

    def is_alive(self) -> bool:
        """Return whether it works."""

    def close(self) -> None:
        """End its threads and close its files, after the last reply."""


@dataclass(frozen=True)
class Access:
    """Address, tokens and TLS of a daemon; named like the settings, without their prefix.

    Attributes:
        prefix: that the settings' names begin with: `SCL` or `SCG`.
        url: address.
        port: TCP port; 0 takes a free one.
        token: allows everything.
        read_token: allows reading everything.
        token_file: file of named tokens; empty: no file.
        tls_cert: certificate, PEM; empty: no TLS.
        tls_key: its key, PEM.
        tls_ca: CA of the client certificates that are required, PEM; empty: none is required.
    """

    prefix: str
    url: str
    port: int
    token: str = field(repr=False)
    read_token: str = field(repr=False)
    token_file: str
    tls_cert: str
    tls_key: str
    tls_ca: str

    @classmethod
    def of(cls, settings: LocalSettings | GlobalSettings) -> "Access":
        """Return what the settings of a daemon say."""
        if isinstance(settings, LocalSettings):
            return cls(
                "SCL",
                settings.scl_url,
                settings.scl_port,
                settings.scl_token.get_secret_value(),
                settings.scl_read_token.get_secret_value(),
                settings.scl_token_file,
                settings.scl_tls_cert,
                settings.scl_tls_key,
                settings.scl_tls_ca,
            )
        return cls(
            "SCG",
            settings.scg_url,
            settings.scg_port,
            settings.scg_token.get_secret_value(),
            settings.scg_read_token.get_secret_value(),
            settings.scg_token_file,
            settings.scg_tls_cert,
            settings.scg_tls_key,
            settings.scg_tls_ca,
        )

    def tokens(self) -> Tokens:
        """Return the tokens.

        Raises:
            SettingsError: there is no token although other machines can connect, the two tokens are
                not allowed together, or the file of named tokens cannot be used.
        """
        name = self.prefix
        try:
            check_bind(self.url, self.token or self.token_file, f"{name}_TOKEN")
        except ValueError as error:
            raise SettingsError(f"{name}_URL: {error}") from None
        keyring = None
        if self.token_file:
            try:
                keyring = Keyring(Path(self.token_file), has_owners=self.prefix == "SCG")
            except TokenFileError as error:
                raise SettingsError(f"{name}_TOKEN_FILE: {error}") from error
        try:
            return Tokens(self.token or None, self.read_token or None, keyring)
        except ValueError as error:
            raise SettingsError(f"{name}_TOKEN, {name}_READ_TOKEN: {error}") from None

    def tls(self) -> ssl.SSLContext | None:
        """Return what HTTPS needs; None where HTTP is served.

        Raises:
            SettingsError: a file is missing or cannot be used.
        """
        name, authority = self.prefix, self.tls_ca
        if bool(self.tls_cert) != bool(self.tls_key):
            raise SettingsError(f"{name}_TLS_CERT and {name}_TLS_KEY go together: both or neither")
        if not self.tls_cert:
            if authority:
                raise SettingsError(
                    f"{name}_TLS_CA: clients can show certificates over TLS only: "
                    f"give {name}_TLS_CERT and {name}_TLS_KEY as well"
                )
            return None
        certificate, key = Path(self.tls_cert), Path(self.tls_key)
        try:
            return tls_context(certificate, key, Path(authority) if authority else None)
        except TlsError as error:
            names = f"{name}_TLS_CERT, {name}_TLS_KEY, {name}_TLS_CA"
            raise SettingsError(f"{names}: {error}") from error


def serve(
    access: Access,
    make: Callable[[Tokens], Daemon],
    limits: Limits = _LIMITS,
    env_file: Path | None = None,
) -> None:
    """Make a daemon and serve it until SIGTERM or SIGINT; notify systemd.

    SIGHUP makes it read the file of named tokens again.

    Args:
        access: its address, tokens and TLS.
        make: returns the daemon, given the tokens.
        limits: how much clients can use up.
        env_file: the file that the settings are from; None: `.env` in the current folder.

    Raises:
        ValueError: a setting cannot be used, or too few files may be opened.
        OSError: the address cannot be listened on.
    """
    configure_logs("text")
    shut_out_others()
    limits = replace(limits, stop_seconds=_STOP_S)
    limits.waiting_connections(raise_file_limit())
    tokens, tls = access.tokens(), access.tls()
    if not tokens.are_needed:
        log.warning(
            "no_authentication",
            reason=f"every user of this machine may change everything; `slackvm token` makes a "
            f"token for {access.prefix}_TOKEN",
        )
    _warn_of_readable_secrets(access, env_file or DEFAULT_ENV_FILE)
    with _signals() as end, closing(make(tokens)) as daemon:
        daemon.start()
        server = RestServer(daemon.app, access.url, access.port, tls=tls, limits=limits)
        try:
            server.start()
        except OSError as error:
            raise OSError(f"{access.prefix}_URL, {access.prefix}_PORT: {error}") from error
        watchdog = notify.Watchdog(lambda: daemon.is_alive() and server.is_alive())
        watchdog.start()
        notify.ready(f"serving {server.url}, {daemon.status}")
        while end.recv(1)[0] == signal.SIGHUP:
            tokens.reload()
        notify.stopping()
        watchdog.stop()
        daemon.app.on_stop()
        # What requests need is closed after the last one was answered.
        server.stop()


def _warn_of_readable_secrets(access: Access, env_file: Path) -> None:
    """Log which files with a token or a key every user can read; a keyring warns of its own."""
    tokens = [name for name, value in read_env_file(env_file).items() if value and _is_token(name)]
    secret_files = [(env_file, ", ".join(tokens))] if tokens else []
    if access.tls_key:
        secret_files.append((Path(access.tls_key), f"{access.prefix}_TLS_KEY"))
    for path, settings in secret_files:
        if is_readable_by_everybody(path):
            log.warning(
                "secret_readable_by_everybody",
                path=str(path),
                settings=settings,
                reason=f"every user of this machine can read it; run: chmod o= {path}",
            )


def _is_token(name: str) -> bool:
    return name.upper().endswith("_TOKEN")


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Give a socket that receives the number of each signal as a byte: to end, or to reload.

    The kernel may deliver a signal to any thread, also to one that Python did not start. So that
    thread writes the byte for which the main thread waits.
    """
    receiver, sender = socket.socketpair()
    with receiver, sender:
        sender.setblocking(False)
        signal.set_wakeup_fd(sender.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        try:
            yield receiver
        finally:
            signal.set_wakeup_fd(-1)
