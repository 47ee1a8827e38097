"""The network between controller and host is cut: network namespaces, and cables of the kernel."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from clusters.network import Link, links
from clusters.processes import Controller, end, make_controller, make_host
from clusters.replaying import hosts_of_vms
from live.daemons import Daemon
from waiting import wait_until

HOST_ACCESS = "host-token-0123456789"


class Network:
    """A controller and two hosts, of which the first gets all VMs."""

    def __init__(self, controller: Controller, hosts: list[Daemon], links: list[Link]) -> None:
        self.controller, self.hosts, self.links = controller, hosts, links

    def where(self) -> dict[str, list[str]]:
        """Return which hosts have each VM, as they say themselves."""
        found: dict[str, list[str]] = {}
        for number, host in enumerate(self.hosts):
            for name in host.get("/listvm"):
                found.setdefault(name, []).append(f"host{number}")
        return found

    def vms_by_host(self) -> dict[str, list[str]]:
        return {name: [vm["host"]] for name, vm in self.controller.vms().items()}

    def stop(self) -> None:
        """Stop the first host, so that what is asked of it stays in flight."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.hosts[0].process
        self.hosts[0].process.send_signal(number)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("cluster")
    cables = links(2)
    with ExitStack() as stack:
        for cable in cables:
            stack.callback(cable.remove)
        hosts = []
        for number, cable in enumerate(cables):
            host = make_host(folder, f"host{number}", SCL_URL=cable.address, SCL_TOKEN=HOST_ACCESS)
            host.prefix = cable.prefix
            host.session.headers["Authorization"] = f"Bearer {HOST_ACCESS}"
            stack.callback(end, host)
            host.start()
            hosts.append(host)
        urls = [host.url for host in hosts]
        settings = {
            "SCL_TOKEN": HOST_ACCESS,
            "SCG_ALLOW_PLAIN_TOKENS": "true",
            "SCG_TIMEOUT": "1",
            "SCG_POLICY": "first-fit",
        }
        controller = make_controller(folder, urls, **settings)
        stack.callback(end, controller)
        controller.start()
        yield Network(controller, hosts, cables)


@pytest.fixture
def network(shared: Network) -> Iterator[Network]:
    """The hosts are empty; in the end all agree, and nothing is left open."""
    for host in shared.hosts:
        for name in host.get("/listvm"):
            host.remove(name)
    shared.controller.wait_ready(2)
    wait_until(lambda: not shared.controller.vms())
    yield shared
    shared.controller.wait_ready(2)
    wait_until(lambda: not any(host["pending"] for host in shared.controller.hosts().values()))
    wait_until(lambda: shared.vms_by_host() == shared.where())
    assert hosts_of_vms(shared.controller.operations) == shared.where()


def is_unknown(answer: Any) -> bool:
    return answer.status_code == 503 and answer.json()["error"]["code"] == "outcome_unknown"


def test_a_deploy_in_flight_is_done_once(network: Network) -> None:
    """The host makes the VM while its answer has no way back."""
    network.stop()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(network.controller.deploy, "web", 2, 1.0)
        wait_until(lambda: network.controller.hosts()["host0"]["pending"] == ["web"])
        network.links[0].cut()
        network.go_on()
        assert is_unknown(asked.result())
    network.links[0].mend()
    network.controller.wait_ready(2)
    wait_until(lambda: network.controller.deploy("web", 2, 1.0).status_code in (200, 201))
    assert len(network.where()["web"]) == 1


def test_a_removal_in_flight_is_done_once(network: Network) -> None:
    network.controller.deploy("web", 2, 1.0)
    network.stop()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(network.controller.remove, "web")
        wait_until(lambda: network.controller.hosts()["host0"]["state"] == "unknown")
        network.links[0].cut()
        network.go_on()
        assert is_unknown(asked.result())
    network.links[0].mend()
    network.controller.wait_ready(2)
    wait_until(lambda: network.controller.remove("web").status_code in (200, 404))
    assert network.where() == {}


def test_what_the_kernel_still_sends_when_the_network_is_back_does_no_harm(
    network: Network,
) -> None:
    """On a connection that is open: the request is sent again and again, given up or not."""
    assert network.controller.deploy("first", 1, 1.0).json()["host"] == "host0"
    network.links[0].cut()
    answer = network.controller.deploy("web", 2, 1.0)
    assert is_unknown(answer) or answer.json()["host"] == "host1"
    other = network.controller.deploy("other", 2, 1.0)
    assert (other.status_code, other.json()["host"]) == (201, "host1")
    network.links[0].mend()
    network.controller.wait_ready(2)
    wait_until(lambda: network.controller.deploy("web", 2, 1.0).status_code in (200, 201))
    assert {name: len(hosts) for name, hosts in network.where().items()} == {
        "first": 1,
        "web": 1,
        "other": 1,
    }
