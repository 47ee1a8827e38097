"""A host that hangs costs only those who ask for it."""

import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from clusters.processes import EPYC, Controller, cluster
from live.daemons import Daemon
from schedulerglobal.limits import LIMITS
from waiting import wait_until

REMOVALS = 32
PATHS = ("/healthz", "/readyz", "/metrics", "/v1/hosts", "/v1/vms", "/")


@contextmanager
def two_hosts(folder: Path, **environment: str) -> Iterator[tuple[Controller, list[Daemon]]]:
    """Give a controller and two hosts, the first of which has a VM for each removal."""
    settings = {"SCG_DELAY": "600", "SCG_TIMEOUT": "8", **environment}
    with cluster(folder, [EPYC, EPYC], **settings) as (controller, hosts):
        controller.wait_ready(2)
        controller.call("POST", "/v1/hosts/host1/cordon")
        for number in range(REMOVALS):
            assert controller.deploy(f"vm{number}", 1, 3.0).status_code == 201
        controller.call("POST", "/v1/hosts/host1/uncordon")
        yield controller, hosts


def stop(host: Daemon) -> None:
    assert host.process is not None
    host.process.send_signal(signal.SIGSTOP)


def code(answer: requests.Response) -> str:
    return str(answer.json()["error"]["code"]) if answer.status_code != 200 else ""


def test_removals_on_a_host_that_hangs_hold_only_its_places(tmp_path: Path) -> None:
    """The controller still takes it for ready."""
    with two_hosts(tmp_path) as (controller, hosts), ThreadPoolExecutor(REMOVALS) as clients:
        stop(hosts[0])

        def remove(number: int) -> requests.Response:
            return requests.delete(f"{controller.url}/v1/vms/vm{number}", timeout=60)

        removals = [clients.submit(remove, number) for number in range(REMOVALS)]
        # Those that get no place are refused while the others wait.
        wait_until(lambda: sum(each.done() for each in removals) >= REMOVALS - LIMITS.per_host, 30)
        refused = [each.result() for each in removals if each.done()]
        assert {code(answer) for answer in refused} == {"host_busy"}
        assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
        assert sum(not each.done() for each in removals) == LIMITS.per_host
        for path in PATHS:
            assert requests.get(controller.url + path, timeout=3).status_code == 200
        for number in range(5):
            answer = controller.deploy(f"other{number}", 1, 3.0)
            assert (answer.status_code, answer.json()["host"]) == (201, "host1")
        assert sum(not each.done() for each in removals) == LIMITS.per_host
        ended = Counter(code(each.result()) for each in removals)
        assert ended == {
            "host_busy": REMOVALS - LIMITS.per_host,
            "outcome_unknown": LIMITS.per_host,
        }


@pytest.mark.parametrize(
    ("method", "path", "json"),
    [
        ("DELETE", "/v1/vms/vm0", None),
        ("POST", "/v1/vms/vm0/stop", None),
        ("POST", "/v1/vms/vm0/start", None),
        (
            "POST",
            "/v1/vms",
            {
                "name": "vm0",
                "vcpus": 1,
                "memory_gib": 0.5,
                "level": 3,
                "image": "/images/any.qcow2",
            },
        ),
    ],
)
def test_a_host_known_not_to_answer_is_not_asked(
    tmp_path: Path, method: str, path: str, json: dict[str, object] | None
) -> None:
    with two_hosts(tmp_path, SCG_DELAY="1", SCG_TIMEOUT="60") as (controller, hosts):
        stop(hosts[0])
        wait_until(lambda: controller.hosts()["host0"]["state"] == "unknown", 60)
        # Were the host asked, this would take longer.
        answer = requests.request(method, controller.url + path, json=json, timeout=3)
        assert (answer.status_code, code(answer)) == (503, "host_unreachable")
        assert "nothing has changed" in answer.json()["error"]["message"]
        assert answer.headers["Retry-After"]
        hosts[0].process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]  # it runs
        wait_until(lambda: controller.hosts()["host0"]["state"] == "ready", 60)
        assert controller.remove("vm0").status_code == 200
