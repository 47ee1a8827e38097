"""Many hosts in one process, for tests of scale: the local daemon without disk and hypervisor.

`python -m clusters.simulated_hosts FIRST COUNT VMS` serves COUNT hosts with VMS VMs each, named
`sim0001` and so on. Decisions and REST are those of the local daemon; nothing survives the process.
All listen on one port, each on a loopback address of its own, and the port is printed.
"""

import random
import socket
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.records import Records
from schedulerlocal.api import host as host_routes
from schedulerlocal.api import prototype, vms
from schedulerlocal.api.local_host import LocalHost
from schedulerlocal.api.replies import Identity
from schedulerlocal.backends.memory.hypervisor import MemoryHypervisor
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import VMSpec
from slackvm.api.endpoint import Lane
from slackvm.http.app import RestApp, StartResponse
from slackvm.http.auth import Tokens
from slackvm.http.engine import engine
from slackvm.http.metrics import Metrics
from slackvm.http.server import RestServer
from slackvm.model import VM, Host
from slackvm.topologies import PRESETS

TOPOLOGY = PRESETS["epyc-7662"].build()


def address(number: int) -> str:
    """Return where a host listens."""
    return f"127.77.{number // 250}.{number % 250 + 1}"


class Forgetful(MemoryHypervisor):
    """VMs that are not even written."""

    def _keep(self, vms: dict[str, Any]) -> None:
        self._vms = vms


class NoRecords(Records):
    """Neither a state file nor a log."""

    def __init__(self) -> None:
        self.is_behind = False

    def restore(self, *_: object) -> None: ...
    def log_refusal(self, *_: object) -> None: ...
    def commit(self, *_: object) -> None: ...
    def catch_up(self, *_: object) -> None: ...


class Hosts:
    """An application that is many hosts, distinguished by the address of the request."""

    def __init__(self, first: int, count: int, vms: int) -> None:
        self.metrics = Metrics()
        self._apps = {address(number): _app(number, vms) for number in range(first, first + count)}

    def lane(self, request_line: bytes) -> Lane:
        """Return whose threads answer a request; all hosts have the same endpoints."""
        return next(iter(self._apps.values())).lane(request_line)

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        place = environ["HTTP_HOST"].partition(":")[0]
        return self._apps[place](environ, start)


def _app(number: int, count: int) -> RestApp:
    name = f"sim{number:04}"
    clock = Clock()
    host = Host(TOPOLOGY)
    hypervisor = Forgetful(Path("/nowhere"), clock)
    chance = random.Random(number)
    for each in range(count):
        vcpus = chance.choice([1, 1, 2, 2, 4])
        vm = VM(f"{name}-vm{each:02}", vcpus, 2048 * vcpus, chance.choice([1.0, 2.0, 3.0]))
        image = Path(f"/images/{chance.choice(['debian', 'alpine'])}.qcow2")
        hypervisor.create(VMSpec(vm, f"{number}-{each}", image, False, float(each)), ())
    agent = HostAgent(host, hypervisor, NoRecords(), clock)
    agent.reconcile()
    identity = Identity(name, TOPOLOGY, None, "memory", f"{number:08x}")
    local = LocalHost(identity, agent, lambda _: [])
    return RestApp(
        [*vms.routes(local), *host_routes.routes(local), *prototype.routes(local)],
        title="A simulated host",
        version="0",
        tokens=Tokens(),
        metrics=Metrics(),
    )


def _bind_to_loopback() -> None:
    bind = engine.Engine.bind_socket

    def bound(sock: socket.socket, where: tuple[str, int]) -> socket.socket:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        return bind(sock, where)

    engine.Engine.bind_socket = staticmethod(bound)


if __name__ == "__main__":
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("CRITICAL"))
    _bind_to_loopback()
    hosts = Hosts(*map(int, sys.argv[1:4]))
    everywhere = "0.0.0.0"  # noqa: S104 - of the loopback device alone
    serving = RestServer(hosts, everywhere, 0)  # type: ignore[arg-type]  # all it needs
    serving.start()
    print(serving.port, flush=True)
    threading.Event().wait()
