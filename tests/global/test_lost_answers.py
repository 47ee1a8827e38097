"""Hosts that give no answer: no VM is created twice or forgotten, and clients get the true outcome.

The answers that are lost here are lost on a wire of the tests, at a chosen moment.
"""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from clusters.processes import EPYC, Running, running
from clusters.replaying import hosts_of_vms
from waiting import wait_until

CREATE, REMOVE = "POST /v1/vms HTTP", "DELETE /v1/vms"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("cluster")
    with running(folder, [EPYC, EPYC], SCG_TIMEOUT="1", SCG_POLICY="first-fit") as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Running) -> Iterator[Running]:
    """Two hosts without VMs, the first of which gets all; afterwards all must agree."""
    shared.empty()
    yield shared
    shared.restart_dead()
    for wire in shared.wires:
        wire.mend()
        wire.release()
    wait_until(lambda: not any(host["pending"] for host in shared.controller.hosts().values()))
    shared.controller.wait_ready(2)
    wait_until(lambda: vms_by_host(shared) == shared.where())
    assert hosts_of_vms(shared.controller.operations) == shared.where()


def vms_by_host(cluster: Running) -> dict[str, list[str]]:
    return {name: [vm["host"]] for name, vm in cluster.controller.vms().items()}


def unknown(answer: requests.Response, host: str = "host0") -> bool:
    """Return whether a reply says that the outcome on a host is unknown, and check its form."""
    if answer.status_code != 503:
        return False
    error = answer.json()["error"]
    assert (error["code"], f"host {host}:" in error["message"]) == ("outcome_unknown", True)
    assert int(answer.headers["Retry-After"]) > 0
    return True


def test_a_deploy_whose_answer_is_lost_is_asked_again(cluster: Running) -> None:
    cluster.wires[0].on(CREATE, "lose")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cluster.controller.deploy, "web", 2, 1.0)
        wait_until(lambda: cluster.wires[0].met)
        cluster.wires[0].mend()
        assert asked.result().status_code == 201
    assert cluster.where() == {"web": ["host0"]}


def test_a_host_that_tells_the_vm_when_it_is_looked_at_settles_it(cluster: Running) -> None:
    """Though the answer never comes, as with a host that is too slow."""
    cluster.wires[0].on(CREATE, "delay")
    answer = cluster.controller.deploy("web", 2, 1.0)
    assert answer.status_code == 201
    assert answer.json()["name"] == "web"
    assert cluster.where() == {"web": ["host0"]}


def test_a_deploy_that_is_done_and_never_answered_is_found(cluster: Running) -> None:
    cluster.wires[0].on(CREATE, "lose")
    cluster.wires[0].on("GET", "lose")
    assert unknown(cluster.controller.deploy("web", 2, 1.0))
    assert cluster.controller.hosts()["host0"]["pending"] == ["web"]
    cluster.wires[0].mend()
    wait_until(lambda: vms_by_host(cluster) == {"web": ["host0"]})
    assert cluster.controller.deploy("web", 2, 1.0).status_code == 200


def test_while_the_outcome_is_unknown_name_and_resources_are_taken(cluster: Running) -> None:
    for request in (CREATE, "GET", "POST /v1/vms/"):
        cluster.wires[0].on(request, "hold")
    assert unknown(cluster.controller.deploy("web", 2, 1.0))
    other = cluster.controller.deploy("web", 4, 1.0)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "name_taken")
    assert cluster.controller.call("GET", "/v1/vms/web").status_code == 503
    assert unknown(cluster.controller.remove("web"))
    assert cluster.where() == {}
    host = cluster.controller.hosts()["host0"]
    assert (host["state"], host["pending"]) == ("unknown", ["web"])


def test_a_request_that_comes_after_it_was_given_up_makes_no_vm(cluster: Running) -> None:
    """It lies in the network while the VM is made on another host."""
    for request in (CREATE, "GET"):
        cluster.wires[0].on(request, "hold")
    assert unknown(cluster.controller.deploy("web", 2, 1.0))
    cluster.wires[0].mend()
    wait_until(lambda: not cluster.controller.hosts()["host0"]["pending"])
    assert cluster.controller.call("POST", "/v1/hosts/host0/cordon").status_code == 200
    assert cluster.controller.deploy("web", 2, 1.0).status_code == 201
    answers = cluster.wires[0].release()
    assert [status for status, body in answers if b"cancelled" in body] == [409]
    assert cluster.where() == {"web": ["host1"]}
    cluster.controller.call("POST", "/v1/hosts/host0/uncordon")


def test_a_request_that_comes_while_its_client_still_waits_is_the_answer(cluster: Running) -> None:
    cluster.wires[0].on(CREATE, "hold")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cluster.controller.deploy, "web", 2, 1.0)
        wait_until(lambda: cluster.wires[0].met > 1)
        cluster.wires[0].release()
        assert asked.result().status_code == 201
    assert cluster.where() == {"web": ["host0"]}


@pytest.mark.parametrize("during", [False, True], ids=["before", "during"])
def test_a_hung_host_takes_no_further_vms_and_keeps_its_own(cluster: Running, during: bool) -> None:
    assert cluster.controller.deploy("old", 2, 1.0).status_code == 201
    process = cluster.hosts[0].process
    assert process
    if during:
        cluster.wires[0].on(CREATE, "delay")
    with ThreadPoolExecutor(1) as pool:
        if not during:
            process.send_signal(signal.SIGSTOP)
        asked = pool.submit(cluster.controller.deploy, "web", 2, 1.0)
        if during:
            wait_until(lambda: cluster.wires[0].met)
            process.send_signal(signal.SIGSTOP)
        assert unknown(asked.result())
    cluster.wires[0].mend()
    assert cluster.controller.deploy("other", 2, 1.0).json()["host"] == "host1"
    assert cluster.controller.vms()["old"]["state"] == "unknown"
    for answer in (cluster.controller.deploy("old", 2, 1.0), cluster.controller.remove("old")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "host_unreachable")
    process.send_signal(signal.SIGCONT)
    cluster.controller.wait_ready(2)
    wait_until(lambda: cluster.controller.deploy("web", 2, 1.0).status_code in (200, 201))
    assert all(len(hosts) == 1 for hosts in cluster.where().values())
    assert {"old", "other", "web"} <= set(cluster.where())


def test_a_host_that_was_killed_after_it_made_the_vm_has_it_when_it_is_back(
    cluster: Running,
) -> None:
    for request in (CREATE, "GET"):
        cluster.wires[0].on(request, "lose")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cluster.controller.deploy, "web", 2, 1.0)
        wait_until(lambda: "web" in cluster.hosts[0].get("/listvm"))
        cluster.hosts[0].end(signal.SIGKILL)
        assert unknown(asked.result())
    cluster.restart(0)
    cluster.wires[0].mend()
    wait_until(lambda: cluster.controller.deploy("web", 2, 1.0).status_code == 200)
    assert cluster.where() == {"web": ["host0"]}


def test_a_dead_host_is_passed_over(cluster: Running) -> None:
    """Its connections are refused, so it knows nothing of what it should have been asked."""
    cluster.hosts[0].end(signal.SIGKILL)
    for number in range(3):
        answer = cluster.controller.deploy(f"vm{number}", 2, 1.0)
        if not unknown(answer):
            assert (answer.status_code, answer.json()["host"]) == (201, "host1")
    cluster.restart(0)
    cluster.controller.wait_ready(2)
    assert cluster.controller.deploy("web", 2, 1.0).json()["host"] == "host0"


def test_a_removal_whose_answer_is_lost_is_done(cluster: Running) -> None:
    cluster.controller.deploy("web", 2, 1.0)
    cluster.wires[0].on(REMOVE, "lose")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cluster.controller.remove, "web")
        wait_until(lambda: cluster.wires[0].met)
        cluster.wires[0].mend()
        answer = asked.result()
    assert answer.status_code == 200
    assert answer.json()["cpus_free"] == 232
    assert cluster.where() == {}
    assert cluster.controller.remove("web").status_code == 404


def test_a_removal_that_comes_late_does_not_hit_the_next_vm_of_the_name(cluster: Running) -> None:
    cluster.controller.deploy("web", 2, 1.0)
    cluster.wires[0].on(REMOVE, "hold")
    assert unknown(cluster.controller.remove("web"))
    cluster.wires[0].mend()
    wait_until(lambda: cluster.controller.remove("web").status_code == 200)
    cluster.controller.wait_ready(2)
    assert cluster.controller.deploy("web", 2, 1.0).status_code == 201
    assert {status for status, _ in cluster.wires[0].release()} == {404}
    assert cluster.where() == {"web": ["host0"]}


def test_one_name_asked_for_at_once_is_one_vm(cluster: Running) -> None:
    """The same VM for some clients, another for others."""
    url = f"{cluster.controller.url}/v1/vms"

    def ask(number: int) -> requests.Response:
        body = {"name": f"vm{number // 4}", "vcpus": 1 + number % 2, "memory_gib": 1}
        body |= {"level": 1, "image": "/i.qcow2"}
        return requests.post(url, json=body, timeout=60)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(80)))
    for first in range(0, 80, 4):
        codes = [answers[n].status_code for n in range(first, first + 4)]
        won, lost = (codes[0::2], codes[1::2]) if 409 in codes[1::2] else (codes[1::2], codes[0::2])
        assert sorted(won) == [200, 201]
        assert lost == [409, 409]
    assert all(len(hosts) == 1 for hosts in cluster.where().values())
    assert len(cluster.where()) == 20
