"""A controller and its hosts as processes of their own, on loopback."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from clusters.wire import Wire
from live.daemons import Daemon, Served
from waiting import wait_until

LAPTOP = "i7-1185g7"  # 8 CPUs, 31776 MiB
EPYC = "epyc-7662"  # 232 CPUs
PATIENCE_S = 120.0
"""A host that did not answer for long is looked at less and less often."""


class Controller(Served):
    """`slackvm-global`."""

    def __init__(self, folder: Path, urls: list[str], **environment: str) -> None:
        environment = {
            "SCG_PORT": "0",
            "SCG_DELAY": "0.5",
            "SCG_TIMEOUT": "5",
            "SCG_STORE": f"sqlite:///{folder}/store.sqlite",
            "SCG_NODE_URL_LIST": ",".join(urls),
            **environment,
        }
        super().__init__("schedulerglobal", folder, (), environment)

    @property
    def operations(self) -> Path:
        return self.folder / "operations.jsonl"

    def hosts(self) -> dict[str, Any]:
        """Return the hosts by name."""
        return {host["name"]: host for host in self.get("/v1/hosts")["hosts"]}

    def vms(self) -> dict[str, Any]:
        """Return the VMs by name."""
        return {vm["name"]: vm for vm in self.get("/v1/vms")["vms"]}

    def wait_ready(self, count: int) -> None:
        """Wait until that many hosts are ready."""
        ready = f'slackvm_cluster_hosts{{state="ready"}} {count}.0'
        wait_until(lambda: ready in self.call("GET", "/metrics").text, PATIENCE_S)


class Running:
    """A controller that runs, its hosts, and the wires between.

    Attributes:
        log_start: where in the controller's log a test began, if it noted that.
    """

    log_start = 0

    def __init__(self, controller: Controller, hosts: list[Daemon], wires: list[Wire]) -> None:
        self.controller = controller
        self.hosts = hosts
        self.wires = wires

    @property
    def by_name(self) -> dict[str, Daemon]:
        """The hosts by name."""
        return {f"host{number}": host for number, host in enumerate(self.hosts)}

    def empty(self) -> None:
        """Remove all VMs."""
        self.controller.wait_ready(len(self.hosts))
        for host in self.hosts:
            for name in host.get("/listvm"):
                host.remove(name)
        wait_until(lambda: not self.controller.vms(), PATIENCE_S)

    def restart(self, number: int) -> None:
        """Start a host that has ended."""
        self.hosts[number].start()
        self.wires[number].point_to(self.hosts[number].url)

    def restart_dead(self) -> None:
        """Start every host whose process has ended, so that one failed test is not many."""
        for number, host in enumerate(self.hosts):
            if host.process is None or host.process.poll() is not None:
                self.restart(number)

    def where(self) -> dict[str, list[str]]:
        """Return which hosts have each VM, as they say themselves."""
        found: dict[str, list[str]] = {}
        for number, host in enumerate(self.hosts):
            for name in host.get("/listvm"):
                found.setdefault(name, []).append(f"host{number}")
        return found


@contextmanager
def cluster(
    folder: Path, topologies: list[str], **environment: str
) -> Iterator[tuple[Controller, list[Daemon]]]:
    """Give a controller and a host of each topology, named host0 and so on; all are ended."""
    with ExitStack() as stack:
        hosts = _hosts(stack, folder, topologies)
        controller = make_controller(folder, [host.url for host in hosts], **environment)
        stack.callback(end, controller)
        controller.start()
        yield controller, hosts


@contextmanager
def running(folder: Path, topologies: list[str], **environment: str) -> Iterator[Running]:
    """Give the same, with a wire to each host, and every host ready."""
    with ExitStack() as stack:
        hosts = _hosts(stack, folder, topologies)
        wires = []
        for host in hosts:
            wires.append(Wire(host.url))
            stack.callback(wires[-1].close)
        controller = make_controller(folder, [wire.url for wire in wires], **environment)
        stack.callback(end, controller)
        controller.start()
        if token := environment.get("SCG_TOKEN"):
            controller.session.headers["Authorization"] = f"Bearer {token}"
        controller.wait_ready(len(hosts))
        yield Running(controller, hosts, wires)


def _hosts(stack: ExitStack, folder: Path, topologies: list[str]) -> list[Daemon]:
    hosts = []
    for number, topology in enumerate(topologies):
        hosts.append(make_host(folder, f"host{number}", topology))
        stack.callback(end, hosts[-1])
        hosts[-1].start()
    return hosts


def make_host(folder: Path, name: str, topology: str = LAPTOP, **environment: str) -> Daemon:
    """Return a host that can be started."""
    place = folder / name
    place.mkdir()
    return Daemon(place, f"--topology={topology}", SCL_NAME=name, **environment)


def make_controller(folder: Path, urls: list[str], **environment: str) -> Controller:
    """Return a controller that can be started."""
    place = folder / "controller"
    place.mkdir()
    return Controller(place, urls, **environment)


def end(daemon: Served) -> None:
    """End a process, whatever state it is in."""
    daemon.session.close()
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.process.send_signal(signal.SIGCONT)
        daemon.end(signal.SIGKILL)
