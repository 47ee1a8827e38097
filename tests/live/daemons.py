"""Daemons as processes of their own, driven over HTTP as a user does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

START_S = 120.0
REQUEST_S = 90.0
"""A guest that is asked to shut down has a minute."""


class Served:
    """A daemon that serves on loopback.

    Attributes:
        prefix: the beginning of a command line that runs it somewhere else.
    """

    def __init__(
        self, module: str, folder: Path, options: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.log = folder / "daemon.log"
        self.prefix: list[str] = []
        self._command = [sys.executable, "-m", module, *options]
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self.url = ""
        self.session = requests.Session()
        # Neither a proxy nor the CAs of this machine.
        self.session.trust_env = False

    def set(self, **environment: str) -> None:
        """Change settings, from its next start on."""
        self._environment = {**self._environment, **environment}

    def start(self) -> None:
        """Start it, and wait until it says where it listens."""
        self.launch()
        self.await_listening()

    def launch(self) -> None:
        """Start it."""
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *self._command],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self._environment},
            )

    def await_listening(self) -> None:
        """Wait until it says where it listens."""
        assert self.process is not None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            log_text = self.log_text
            if "event=listening" in log_text:
                self.url = log_text.partition("event=listening")[2].partition("url=")[2].split()[0]
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"the daemon did not start: {self.log_text}")

    @property
    def log_text(self) -> str:
        """What it has logged since its last start."""
        return self.log.read_text()[self._log_start :]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(START_S)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=REQUEST_S, **options)

    def get(self, path: str) -> Any:
        """Return the JSON of a successful GET."""
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def deploy(self, name: str, vcpus: int, level: float, **more: Any) -> requests.Response:
        body = {"name": name, "vcpus": vcpus, "memory_gib": 0.5 * vcpus, "level": level}
        return self.call("POST", "/v1/vms", json={**body, "image": "/images/any.qcow2", **more})

    def remove(self, name: str) -> requests.Response:
        return self.call("DELETE", f"/v1/vms/{name}")


class Daemon(Served):
    """`slackvm-local`."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        environment = {
            "SCL_HYPERVISOR": "memory",
            "SCL_STATE_DIR": str(folder / "state"),
            "SCL_PORT": "0",
            "SCL_DELAY": "0.5",
            "SCL_NAME": "testhost",
            **environment,
        }
        super().__init__("schedulerlocal", folder, options, environment)

    @property
    def operations(self) -> Path:
        return self.folder / "state" / "operations.jsonl"


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Daemon]:
    """Give a daemon that serves; it is ended in any case."""
    with running(Daemon(folder, *options, **environment)) as daemon:
        yield daemon


@contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """Start a daemon; it is ended in any case."""
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.session.close()
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.end(signal.SIGKILL)


def check_consistent(host: dict[str, Any], vms: list[dict[str, Any]]) -> None:
    """What the API tells of a host must keep the rules."""
    owned = [cpu_id for vnode in host["levels"].values() for cpu_id in vnode["cpu_list"]]
    assert len(owned) == len(set(owned))
    others = [guest for guest in host["foreign"] if guest["state"] == "running"]
    theirs = {cpu_id for guest in others for cpu_id in guest["cpu_list"]}
    assert host["cpus_free"] == host["cpus"] - len(theirs.union(owned))
    for level, vnode in host["levels"].items():
        members = [vm for vm in vms if vm["level"] == float(level)]
        allocation = sum(vm["vcpus"] for vm in members)
        largest = max((vm["vcpus"] for vm in members), default=0)
        size = max(-(-1000 * allocation // round(1000 * float(level))), largest)
        assert (vnode["owned"], vnode["allocation"]) == (size, allocation)
        assert all(set(vnode["cpu_list"]) <= set(vm["cpu_list"]) for vm in members)
    taken = sum(guest["memory_mib"] for guest in [*vms, *others])
    assert host["memory_free_mib"] == host["memory_mib"] - taken
