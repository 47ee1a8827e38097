"""libvirt's event loop: one for the process, in a thread that never ends."""

import threading
import time

import libvirt
import structlog

from schedulerlocal.backends.libvirt.connection.errors import note_errors

log = structlog.get_logger()

_PAUSE_AFTER_ERROR_S = 1.0

_lock = threading.Lock()
_thread: threading.Thread | None = None


def start_event_loop() -> None:
    """Start the loop unless it runs; it must run before a connection is opened."""
    global _thread
    with _lock:
        if _thread is None:
            note_errors()
            libvirt.virEventRegisterDefaultImpl()
            _thread = threading.Thread(target=_run, name="libvirt-events", daemon=True)
            _thread.start()


def _run() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError as error:
            log.error("libvirt_event_loop_failed", error=str(error))
            time.sleep(_PAUSE_AFTER_ERROR_S)
