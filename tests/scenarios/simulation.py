"""A cluster in one process: the real controller and real hosts, a simulated network and clock.

Nothing sleeps and nothing is random: each request ends before the next one begins, and time passes
only where a step or a host that hangs lets it pass.
"""

import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from pydantic import BaseModel
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError

from schedulerglobal.controller import Controller
from schedulerlocal.backend import Backend
from schedulerlocal.backends.memory.hypervisor import MemoryHypervisor
from schedulerlocal.daemon import LocalDaemon
from schedulerlocal.settings import HostSettings
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.settings import GlobalSettings, LocalSettings, load_settings

PORT = 8099
BEGAN = 1_750_000_000.0


class NoSettings(BaseModel):
    """Simulated VMs have none."""


SIMULATED = Backend(
    NoSettings,
    lambda _, site: MemoryHypervisor(site.state_dir / "guests.json", site.clock),
    is_simulated=True,
)


class SimulatedTime:
    """What `time` tells, for the whole process."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.passed_s = 0.0
        patch.setattr("time.monotonic", lambda: self.passed_s)
        patch.setattr("time.time", lambda: BEGAN + self.passed_s)

    def sleep(self, seconds: float) -> None:
        # A little more, since deadlines are floats.
        self.passed_s += seconds + 1e-6


class Notified:
    """The condition of a cluster in which nobody else can change anything meanwhile."""

    def __init__(self, time: SimulatedTime) -> None:
        self._time = time

    def notify_all(self) -> None: ...

    def wait(self, timeout: float) -> bool:
        self._time.sleep(timeout)
        return False

    def wait_for(self, predicate: Callable[[], bool], timeout: float) -> bool:
        if not predicate():
            self._time.sleep(timeout)
        return predicate()


def call(
    app: RestApp, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] = {}
) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body of an application's answer."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote(path),
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/json" if body else "",
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(PORT),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        "HTTP_HOST": f"127.0.0.1:{PORT}",
    }
    answer: dict[str, Any] = {}

    def start(status: str, given: list[tuple[str, str]], _: Any = None, /) -> Any:
        answer.update(status=int(status[:3]), headers=dict(given))

    content = b"".join(app(environ, start))
    return answer["status"], answer["headers"], content


@dataclass
class SimulatedHost:
    """A host: a real local daemon with simulated VMs, and how it answers.

    Attributes:
        name: its name.
        folder: where its states are, one for each installation and boot.
        topology: preset or file of its CPUs.
        mode: `up`, `down`, `hangs`; `loses replies` of what it has changed, `loses all replies`, or
            `talks nonsense` after a change.
    """

    name: str
    folder: Path
    topology: str
    mode: str = "up"
    boots: int = 0

    def __post_init__(self) -> None:
        self.boot(is_new=True)

    @property
    def state(self) -> Path:
        return self.folder / f"{self.name}-{self.boots}"

    def boot(self, *, is_new: bool = False) -> None:
        """Start the daemon: of a machine that was installed again, or after a restart."""
        before = self.state
        if self.boots:
            self.daemon.close()
        self.boots += 1
        if not is_new:
            shutil.copytree(before, self.state)
            (self.state / "lock").unlink(missing_ok=True)
        given = {"scl_state_dir": str(self.state), "scl_name": self.name}
        settings = HostSettings(load_settings(LocalSettings, **given), SIMULATED, NoSettings())
        self.daemon = LocalDaemon(settings, Tokens(), self.topology)
        self.daemon.reconcile()

    def vms(self) -> list[str]:
        """Return the names of the VMs that it really has."""
        return sorted(self.daemon.agent.view.vms)


class Network(BaseAdapter):
    """Carries the controller's requests to the hosts."""

    def __init__(self, hosts: Mapping[str, SimulatedHost], time: SimulatedTime) -> None:
        super().__init__()
        self._hosts = hosts
        self._time = time

    def send(  # type: ignore[override]  # of the arguments, these are used
        self, request: requests.PreparedRequest, timeout: tuple[float, float], **_: Any
    ) -> requests.Response:
        assert request.url
        assert request.method
        url = urlsplit(request.url)
        host = self._hosts[str(url.hostname)]
        is_change = request.method != "GET"
        if host.mode == "down":
            reason = NewConnectionError(None, "Connection refused")  # type: ignore[arg-type]
            raise requests.ConnectionError(MaxRetryError(None, request.url, reason))  # type: ignore[arg-type]
        if host.mode == "hangs":
            self._time.sleep(timeout[1])
            raise requests.ReadTimeout
        target = request.url.partition(url.netloc)[2]
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        status, headers, answer = call(
            host.daemon.app, request.method, target, content, dict(request.headers)
        )
        if host.mode == "loses all replies" or (host.mode == "loses replies" and is_change):
            self._time.sleep(timeout[1])
            raise requests.ReadTimeout
        if host.mode == "talks nonsense" and is_change:
            answer = b"<html>"
        response = requests.Response()
        response.status_code, response.url = status, request.url
        response.headers.update(headers)
        response.raw = HTTPResponse(io.BytesIO(answer), headers, status, preload_content=False)
        return response

    def close(self) -> None: ...


class SimulatedCluster:
    """The controller and its hosts."""

    def __init__(
        self, folder: Path, given: Mapping[str, str], time: SimulatedTime, settings: Any
    ) -> None:
        self.folder = folder
        self.time = time
        self.hosts = {name: SimulatedHost(name, folder, preset) for name, preset in given.items()}
        self.restarts = -1
        self._settings = {
            "scg_store": f"sqlite:///{folder}/store.sqlite",
            "scg_node_url_list": ",".join(f"http://{name}:{PORT}" for name in self.hosts),
            **(settings or {}),
        }
        self.start()

    def start(self) -> None:
        """Start the controller; it knows no host's state yet."""
        self.restarts += 1
        if self.restarts:
            self.controller.close()
        self.controller = Controller(GlobalSettings(**self._settings), Tokens())
        # All of the controller but its threads, its sockets and the clock is real.
        self.controller._client.connections._session.mount(
            "http://", Network(self.hosts, self.time)
        )
        self.controller.cluster.progress = Notified(self.time)  # type: ignore[assignment]

    def close(self) -> None:
        """End everything."""
        self.controller.close()
        for host in self.hosts.values():
            host.daemon.close()

    def poll(self, *names: str) -> None:
        """Let the controller poll hosts; without names all."""
        for host in list(self.controller.cluster.hosts):
            if not names or str(urlsplit(host.url.base).hostname) in names:
                self.controller._poller.poll(host)

    def call(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON of an answer of the controller."""
        content = b"" if body is None else json.dumps(body).encode()
        status, _, answer = call(self.controller.app, method, target, content)
        return status, json.loads(answer)

    @property
    def operations(self) -> Path:
        return self.folder / "operations.jsonl"
