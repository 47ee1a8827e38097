"""Simulated hosts as a few processes, and a controller of them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from clusters.processes import Controller, end, make_controller
from clusters.simulated_hosts import address

TESTS = Path(__file__).parents[1]


@contextmanager
def simulated(hosts: int, vms: int, processes: int = 2) -> Iterator[list[str]]:
    """Give the URLs of so many hosts with so many VMs each."""
    each = -(-hosts // processes)
    with ExitStack() as stack:
        started = []
        for first in range(0, hosts, each):
            count = min(each, hosts - first)
            process = stack.enter_context(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "clusters.simulated_hosts"),
                        *(str(number) for number in (first, count, vms)),
                    ],
                    cwd=TESTS,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            started.append((process, range(first, first + count)))
        urls = []
        for process, numbers in started:
            assert process.stdout
            port = process.stdout.readline().strip()
            assert port, "the simulated hosts did not start"
            urls += [f"http://{address(number)}:{port}" for number in numbers]
        yield urls


@contextmanager
def controlled(folder: Path, urls: list[str], **environment: str) -> Iterator[Controller]:
    """Give a controller of hosts that are there; they are all ready."""
    controller = make_controller(folder, urls, **environment)
    try:
        controller.start()
        controller.wait_ready(len(urls))
        yield controller
    finally:
        end(controller)
