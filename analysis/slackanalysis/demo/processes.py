"""The daemons of the demo, each a process of its own."""

import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click

_START_S = 60.0
_END_S = 60.0
_LISTENING = "event=listening"
_PORTS = range(20_000, 32_000)


def free_port() -> str:
    """Return a port of loopback that is free, outside the range from which Linux assigns ports."""
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return str(port)


class DaemonProcess:
    """A daemon of SlackVM that listens on loopback, on the same port whenever it is started.

    Args:
        module: `schedulerlocal` or `schedulerglobal`.
        folder: where its log is; made where it is missing.
        arguments: of its command line.
        settings: set as environment variables.

    Attributes:
        url: where it listens.
    """

    def __init__(
        self, module: str, folder: Path, arguments: Sequence[str], settings: Mapping[str, str]
    ) -> None:
        self.url = ""
        self._command = ["-m", module, *arguments]
        self._settings = dict(settings)
        self._log = folder / f"{module}.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def shown(self) -> str:
        """The command as it would be typed."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self._settings.items()]
        return " ".join([*settings, "python3", shlex.join(self._command)])

    def start(self) -> None:
        """Start the process; when this returns, it listens.

        Raises:
            click.ClickException: it does not start; the message has its output.
        """
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._settings},
            )
        deadline = time.monotonic() + _START_S
        while not self.url:
            lines = self._log.read_text(encoding="utf-8", errors="replace")
            if _LISTENING in lines and lines.endswith("\n"):
                self.url = lines.partition(_LISTENING)[2].partition("url=")[2].split()[0]
            elif self._process.poll() is not None or time.monotonic() > deadline:
                raise click.ClickException(f"{self.shown}\ndid not start:\n{lines}")
            else:
                time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to end, and wait; one that does not end is killed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process, self.url = None, ""
