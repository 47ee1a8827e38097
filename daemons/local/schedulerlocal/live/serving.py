"""`slackvm-local` without `--load`: the daemon served over HTTP until it is told to end."""

from pathlib import Path

from schedulerlocal.live.daemon import LocalDaemon, stop_on_signals
from slackvm.service import notify
from slackvm.service.logs import configure_logs
from slackvm.service.server import RestServer
from slackvm.service.settings import LocalSettings, SettingsError
from slackvm.service.tls import tls_context


def serve(settings: LocalSettings, topology: str | None, recording: Path | None) -> None:
    """Serve a live host until SIGTERM or SIGINT; its VMs go on without the daemon.

    Args:
        settings: the settings.
        topology: file or preset; None: this machine.
        recording: where samples are recorded; None: nowhere.

    Raises:
        ValueError: a setting cannot be had.
        OSError: the address cannot be listened on.
    """
    configure_logs("text")
    if bool(settings.scl_tls_cert) != bool(settings.scl_tls_key):
        raise SettingsError("SCL_TLS_CERT and SCL_TLS_KEY go together: give both or neither")
    tls = None
    if settings.scl_tls_cert:
        authority = Path(settings.scl_tls_ca) if settings.scl_tls_ca else None
        tls = tls_context(Path(settings.scl_tls_cert), Path(settings.scl_tls_key), authority)
    daemon = LocalDaemon(settings, topology, recording)
    stop_on_signals(daemon.stop)
    daemon.begin()
    server = RestServer(daemon.app, settings.scl_url, settings.scl_port, tls=tls)
    server.start()
    watchdog = notify.Watchdog(lambda: daemon.is_alive() and server.is_alive())
    watchdog.start()
    notify.ready(f"serving {server.url}")
    try:
        daemon.run()
    finally:
        notify.stopping()
        watchdog.stop()
        server.stop()
