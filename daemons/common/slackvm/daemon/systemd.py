"""Telling systemd how the daemon is, as sd_notify(3) describes; where there is systemd."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


def ready(status: str) -> None:
    """Tell that the daemon serves, and what it does in one line."""
    _notify("READY=1", f"STATUS={status}")


def status(text: str) -> None:
    """Tell what the daemon does, in one line."""
    _notify(f"STATUS={text}")


def stopping() -> None:
    """Tell that the daemon ends."""
    _notify("STOPPING=1")


class Watchdog:
    """Tells systemd that the daemon is alive, while it is, at half of the time that systemd waits.

    Does nothing where systemd expects no such message from this process.

    Args:
        is_alive: whether the daemon works; called from a thread of its own. While it says no, or
            hangs, or raises, systemd hears nothing and in the end restarts the daemon.
    """

    def __init__(self, is_alive: Callable[[], bool]) -> None:
        self._is_alive = is_alive
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        interval = watchdog_interval()
        if interval is None:
            return
        self._thread = threading.Thread(
            target=self._run, args=(interval,), name="watchdog", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End; a check that hangs is left behind."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1)

    def _run(self, interval: float) -> None:
        while not self._stop.wait(interval):
            try:
                if self._is_alive():
                    _notify("WATCHDOG=1")
                else:
                    log.error("not_alive")
            except Exception:
                log.exception("not_alive")


def watchdog_interval() -> float | None:
    """Return the seconds between two keepalives; None if systemd expects none."""
    wanted = os.environ.get("WATCHDOG_USEC", "")
    process = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not wanted.isdecimal() or int(wanted) == 0 or process != str(os.getpid()):
        return None
    return int(wanted) / 1e6 / 2


def _notify(*assignments: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    message = "\n".join(" ".join(assignment.splitlines()) for assignment in assignments)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as systemd:
        try:
            systemd.connect(address)
            systemd.sendall(message.encode())
        except OSError as error:
            log.warning("systemd_not_notified", reason=str(error))
