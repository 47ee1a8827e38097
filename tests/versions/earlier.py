"""Hosts that run an earlier release, from its wheel in tests/releases."""

import socket
import zipfile
from pathlib import Path

import requests

from clusters.processes import LAPTOP
from live.daemons import START_S, Daemon
from waiting import wait_until

RELEASES = Path(__file__).parents[1] / "releases"


class EarlierHost(Daemon):
    """A host without guests that runs an earlier release.

    Args:
        folder: of this host alone.
        version: of the release.
        name: of the host.
    """

    def __init__(self, folder: Path, version: str, name: str) -> None:
        folder.mkdir()
        [wheel] = (RELEASES / version).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "code")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        settings = {"SCL_NAME": name, "SCL_PORT": str(self.port)}
        super().__init__(
            folder, f"--topology={LAPTOP}", **settings, PYTHONPATH=str(folder / "code")
        )

    def await_listening(self) -> None:
        """Wait until it answers: each release has its own words for that in the log."""
        self.url = f"http://127.0.0.1:{self.port}"
        wait_until(self._answers, START_S)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log_text
        try:
            return self.call("GET", "/healthz").ok
        except requests.ConnectionError:
            return False

    def upgraded(self, folder: Path, name: str) -> Daemon:
        """Return the same host as this release runs it: its state, its address."""
        return Daemon(
            folder,
            f"--topology={LAPTOP}",
            SCL_NAME=name,
            SCL_PORT=str(self.port),
            SCL_STATE_DIR=str(self.folder / "state"),
        )
