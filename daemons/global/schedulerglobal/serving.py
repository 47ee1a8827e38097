"""`slackvm-global`: the controller served over HTTP until it is told to end."""

import signal
from pathlib import Path

from schedulerglobal.daemon import Controller
from slackvm.service import notify
from slackvm.service.logs import configure_logs
from slackvm.service.server import RestServer
from slackvm.service.settings import GlobalSettings, SettingsError
from slackvm.service.tls import tls_context


def serve(settings: GlobalSettings) -> None:
    """Serve the controller until SIGTERM or SIGINT; the hosts and their VMs go on without it.

    Raises:
        ValueError: a setting cannot be had.
        OSError: the address cannot be listened on.
    """
    configure_logs("text")
    if bool(settings.scg_tls_cert) != bool(settings.scg_tls_key):
        raise SettingsError("SCG_TLS_CERT and SCG_TLS_KEY go together: give both or neither")
    tls = None
    if settings.scg_tls_cert:
        authority = Path(settings.scg_tls_ca) if settings.scg_tls_ca else None
        tls = tls_context(Path(settings.scg_tls_cert), Path(settings.scg_tls_key), authority)
    controller = Controller(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: controller.stop())
    server = RestServer(controller.app, settings.scg_url, settings.scg_port, tls=tls)
    server.start()
    watchdog = notify.Watchdog(lambda: controller.is_alive() and server.is_alive())
    watchdog.start()
    notify.ready(f"serving {server.url}")
    try:
        controller.run()
    finally:
        notify.stopping()
        watchdog.stop()
        server.stop()
        controller.close()
