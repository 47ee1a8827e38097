"""A controller and its hosts as processes of their own, on loopback."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from live.daemons import Daemon, Served

LAPTOP = "i7-1185g7"  # 8 CPUs, 31776 MiB


class Controller(Served):
    """`slackvm-global`."""

    def __init__(self, folder: Path, hosts: list[Daemon], **environment: str) -> None:
        environment = {
            "SCG_PORT": "0",
            "SCG_DELAY": "0.5",
            "SCG_STORE": f"sqlite:///{folder}/store.sqlite",
            "SCG_NODE_URL_LIST": ",".join(host.url for host in hosts),
            **environment,
        }
        super().__init__("schedulerglobal", folder, (), environment)


@contextmanager
def cluster(
    folder: Path, topologies: list[str], **environment: str
) -> Iterator[tuple[Controller, list[Daemon]]]:
    """Give a controller and a host of each topology, named host0 and so on."""
    with ExitStack() as stack:
        hosts = []
        for number, topology in enumerate(topologies):
            place = folder / f"host{number}"
            place.mkdir()
            host = Daemon(place, f"--topology={topology}", SCL_NAME=place.name)
            stack.callback(_end, host)
            host.start()
            hosts.append(host)
        place = folder / "controller"
        place.mkdir()
        controller = Controller(place, hosts, **environment)
        stack.callback(_end, controller)
        controller.start()
        yield controller, hosts


def _end(daemon: Served) -> None:
    daemon.session.close()
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.end(signal.SIGKILL)
