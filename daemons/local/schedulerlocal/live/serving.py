"""`slackvm-local` without `--load`: the daemon served over HTTP until it is told to end."""

import queue
import signal
import ssl
from contextlib import closing
from pathlib import Path

from schedulerlocal.live.daemon import LocalDaemon
from slackvm.service import notify
from slackvm.service.auth import Tokens, check_bind
from slackvm.service.logs import configure_logs
from slackvm.service.server import Limits, RestServer
from slackvm.service.settings import LocalSettings, SettingsError
from slackvm.service.tls import TlsError, tls_context

_LIMITS = Limits(stop_seconds=30.0)
"""An operation on libvirt that is under way at the end has time; systemd waits 90 s."""


def serve(settings: LocalSettings, topology: str | None, recording: Path | None) -> None:
    """Serve a live host until SIGTERM, SIGINT or SIGHUP; its VMs go on without the daemon.

    Args:
        settings: the settings.
        topology: file or preset; None: this machine.
        recording: where samples are recorded; None: nowhere.

    Raises:
        ValueError: a setting cannot be had.
        OSError: the address cannot be listened on.
    """
    configure_logs("text")
    tokens, tls = _tokens(settings), _tls(settings)
    end = _signals()
    with closing(LocalDaemon(settings, tokens, topology, recording)) as daemon:
        daemon.begin()
        server = RestServer(
            daemon.app, settings.scl_url, settings.scl_port, tls=tls, limits=_LIMITS
        )
        try:
            server.start()
        except OSError as error:
            raise OSError(f"SCL_URL, SCL_PORT: {error}") from error
        daemon.start()
        watchdog = notify.Watchdog(lambda: daemon.is_alive() and server.is_alive())
        watchdog.start()
        notify.ready(f"serving {server.url}, {daemon.status}")
        end.get()
        notify.stopping()
        watchdog.stop()
        # What requests need is closed after the last one was answered.
        server.stop()


def _signals() -> "queue.SimpleQueue[int]":
    """Return where the signals come that ask this process to end, a hangup of its terminal too."""
    # An event would not do: its lock may be held by the very thread that the signal interrupts.
    end: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: end.put(number))
    return end


def _tokens(settings: LocalSettings) -> Tokens:
    full = settings.scl_token.get_secret_value() or None
    try:
        check_bind(settings.scl_url, full, "SCL_TOKEN")
    except ValueError as error:
        raise SettingsError(f"SCL_URL: {error}") from None
    try:
        return Tokens(full, settings.scl_read_token.get_secret_value() or None)
    except ValueError as error:
        raise SettingsError(f"SCL_TOKEN, SCL_READ_TOKEN: {error}") from None


def _tls(settings: LocalSettings) -> ssl.SSLContext | None:
    certificate, key, authority = settings.scl_tls_cert, settings.scl_tls_key, settings.scl_tls_ca
    if bool(certificate) != bool(key):
        raise SettingsError("SCL_TLS_CERT and SCL_TLS_KEY go together: give both or neither")
    if not certificate:
        if authority:
            raise SettingsError(
                "SCL_TLS_CA: clients can show certificates over TLS only: "
                "give SCL_TLS_CERT and SCL_TLS_KEY as well"
            )
        return None
    try:
        return tls_context(Path(certificate), Path(key), Path(authority) if authority else None)
    except TlsError as error:
        raise SettingsError(f"SCL_TLS_CERT, SCL_TLS_KEY, SCL_TLS_CA: {error}") from error
