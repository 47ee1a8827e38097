"""The REST interface of the local daemon on the `memory` hypervisor."""

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from live.daemons import Daemon, check_consistent, serving

LAPTOP = "--topology=i7-1185g7"  # 8 CPUs, 31776 MiB


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with serving(tmp_path_factory.mktemp("daemon"), LAPTOP) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(daemon: Daemon) -> None:
    for vm in daemon.get("/v1/vms")["vms"]:
        daemon.remove(vm["name"])


def state(daemon: Daemon) -> tuple[Any, Any]:
    host = daemon.get("/v1/host")
    return host, daemon.get("/v1/vms")


def test_a_vm_is_created_shown_and_removed(daemon: Daemon) -> None:
    created = daemon.deploy("web", 2, 2.0)
    assert created.status_code == 201
    body = created.json()
    assert body["summary"]["levels"]["2.0"]["owned"] == 2
    vm = daemon.get("/v1/vms/web")
    assert vm == {key: body[key] for key in vm}
    assert (vm["vcpus"], vm["memory_mib"], vm["level"], vm["state"]) == (2, 1024, 2.0, "running")
    assert (vm["host"], vm["image"]) == ("testhost", "/images/any.qcow2")
    check_consistent(*[daemon.get("/v1/host"), [vm]])
    removed = daemon.remove("web")
    assert removed.status_code == 200
    assert removed.json()["cpus_free"] == 8
    assert daemon.call("GET", "/v1/vms/web").status_code == 404
    assert daemon.remove("web").status_code == 404


def test_a_host_of_simulated_vms_says_so(daemon: Daemon) -> None:
    assert daemon.get("/v1/host")["hypervisor"] == "memory"


def test_the_same_request_again_answers_200_and_another_409(daemon: Daemon) -> None:
    assert daemon.deploy("web", 2, 2.0).status_code == 201
    before = state(daemon)
    assert daemon.deploy("web", 2, 2.0).status_code == 200
    answer = daemon.deploy("web", 1, 2.0)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "name_taken"
    assert answer.json()["error"]["field"] == "name"
    assert state(daemon) == before


@pytest.mark.parametrize(
    ("vcpus", "gib", "code", "needed", "free"),
    [(7, 1, "no_cpu", 7, 6), (9, 1, "too_large", 9, 8), (1, 31, "no_memory", 31744, 30752)],
)
def test_a_refusal_has_code_needed_and_free(
    vcpus: int, gib: float, code: str, needed: int, free: int, daemon: Daemon
) -> None:
    daemon.deploy("first", 2, 1.0)
    answer = daemon.deploy("second", vcpus, 1.0, memory_gib=gib)
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert (error["code"], error["needed"], error["free"]) == (code, needed, free)


def test_a_plan_shows_what_a_deploy_then_does(daemon: Daemon) -> None:
    body = {"name": "a", "vcpus": 3, "memory_gib": 1, "level": 1.5, "image": "/i.qcow2"}
    before = state(daemon)
    plan = daemon.call("POST", "/v1/plan", json=body).json()
    assert state(daemon) == before
    assert plan["accepted"]
    assert isinstance(plan["score"], float)
    daemon.call("POST", "/v1/vms", json=body)
    assert daemon.get("/v1/host")["levels"]["1.5"]["cpu_list"] == plan["vnodes"][0]["gains"]
    assert daemon.get("/v1/vms/a")["cpu_list"] == plan["pins"]["a"]
    refused = daemon.call("POST", "/v1/plan", json={**body, "name": "b", "vcpus": 8, "level": 1})
    assert refused.status_code == 200
    assert (refused.json()["accepted"], refused.json()["code"]) == (False, "no_cpu")


def test_the_etag_of_the_host_is_its_generation(daemon: Daemon) -> None:
    first = daemon.call("GET", "/v1/host")
    tag = {"If-None-Match": first.headers["ETag"]}
    assert daemon.call("GET", "/v1/host", headers=tag).status_code == 304
    daemon.deploy("a", 1, 1.0)
    changed = daemon.call("GET", "/v1/host", headers=tag)
    assert changed.status_code == 200
    assert changed.json()["generation"] > first.json()["generation"]
    vms = daemon.call("GET", "/v1/vms")
    assert vms.headers["ETag"] == changed.headers["ETag"]
    tag = {"If-None-Match": vms.headers["ETag"]}
    assert daemon.call("GET", "/v1/vms", headers=tag).status_code == 304


def test_a_stopped_vm_keeps_its_cpus_and_starts_again(daemon: Daemon) -> None:
    daemon.deploy("a", 4, 1.0)
    for verb, expected in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
        answer = daemon.call("POST", f"/v1/vms/a/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, expected)
        assert daemon.get("/v1/host")["cpus_free"] == 4
    assert daemon.call("POST", "/v1/vms/nobody/stop").status_code == 404


def test_a_cancelled_request_creates_no_vm_however_late_it_arrives(daemon: Daemon) -> None:
    withdraw = {"json": {"attempt": "first"}}
    assert daemon.call("POST", "/v1/vms/web/withdraw", **withdraw).json() == {"vm": None}
    late = daemon.deploy("web", 2, 2.0, attempt="first")
    assert (late.status_code, late.json()["error"]["code"]) == (409, "cancelled")
    assert daemon.get("/listvm") == []
    assert daemon.deploy("web", 2, 2.0, attempt="second").status_code == 201


def test_a_vm_created_before_the_cancellation_stays(daemon: Daemon) -> None:
    daemon.deploy("web", 2, 2.0, attempt="done")
    reported = daemon.call("POST", "/v1/vms/web/withdraw", json={"attempt": "done"}).json()
    assert reported["vm"] == daemon.get("/v1/vms/web")
    assert daemon.deploy("web", 2, 2.0, attempt="done").status_code == 200


def test_a_late_removal_does_not_remove_another_vm_of_the_name(daemon: Daemon) -> None:
    old = daemon.deploy("web", 2, 2.0).json()["created"]
    daemon.remove("web")
    new = daemon.deploy("web", 2, 2.0).json()["created"]
    late = daemon.call("DELETE", f"/v1/vms/web?created={old!r}")
    assert (late.status_code, late.json()["error"]["code"]) == (404, "vm_not_found")
    assert daemon.get("/listvm") == ["web"]
    assert daemon.call("DELETE", f"/v1/vms/web?created={new!r}").status_code == 200
    assert daemon.get("/listvm") == []


def test_the_prototypes_endpoints_answer_as_they_did(daemon: Daemon) -> None:
    deploy = "/deploy?name=example&cpu=2&mem=2&oc=2&qcow2=/var/lib/libvirt/images/hello.qcow2"
    assert daemon.get("/progress?cpu=2&mem=2&oc=2").keys() == {"progress"}
    assert daemon.get(deploy) == {"success": True, "reason": None}
    assert daemon.get("/listvm") == ["example"]
    status = daemon.get("/status")
    assert status["cpu"]["avail"] == 6
    numbers = {"pcap": 2, "palloc": 2, "vavail": 2, "vpotential": 12}
    assert status["cpu"]["subset"]["2.0"] == numbers
    assert status["mem"]["subset"]["1"]["palloc"] == 2048
    assert daemon.get("/remove?name=example") == {"success": True, "reason": None}
    again = daemon.call("GET", "/remove?name=example")
    assert again.status_code == 404
    assert again.json()["success"] is False
    assert again.json()["reason"]
    assert daemon.get("/status")["cpu"]["subset"]["2.0"]["pcap"] == 0
    assert "SlackVM" in daemon.call("GET", "/").text


def test_health_readiness_metrics_and_openapi_are_there(daemon: Daemon) -> None:
    daemon.deploy("a", 2, 3.0)
    assert daemon.get("/healthz")["status"] == "ok"
    assert daemon.get("/readyz")["status"] == "ready"
    metrics = daemon.call("GET", "/metrics").text
    assert 'slackvm_vnode_cpus{level="3.0"} 2.0' in metrics
    assert "slackvm_host_ready 1.0" in metrics
    paths = daemon.get("/openapi.json")["paths"]
    assert {"/v1/vms", "/v1/vms/{name}", "/v1/plan", "/v1/host", "/deploy"} <= set(paths)


def test_every_decision_is_in_the_log(daemon: Daemon) -> None:
    daemon.deploy("a", 2, 1.0)
    daemon.deploy("too", 9, 1.0)
    entries = [json.loads(line) for line in daemon.operations.read_text().splitlines()]
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert (entries[-2]["outcome"], entries[-1]["code"]) == ("accepted", "too_large")
    assert entries[-1]["host"] == "testhost"


def test_concurrent_requests_about_one_vm_are_done_in_some_order(daemon: Daemon) -> None:
    """Late requests get an error, and no request finds the daemon between two states."""
    until = time.monotonic() + 3

    def ask(number: int) -> set[int]:
        chance, answers = random.Random(number), set[int]()
        with requests.Session() as session:
            while time.monotonic() < until:
                method, path = chance.choice(
                    [
                        ("DELETE", "/a"),
                        ("GET", "/a"),
                        ("POST", ""),
                        ("POST", "/a/stop"),
                        ("POST", "/a/start"),
                    ]
                )
                body = {"name": "a", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/i.qcow2"}
                answer = session.request(
                    method,
                    f"{daemon.url}/v1/vms{path}",
                    json=body if (method, path) == ("POST", "") else None,
                    timeout=30,
                )
                answers.add(answer.status_code)
        return answers

    with ThreadPoolExecutor(8) as clients:
        answers = set().union(*clients.map(ask, range(8)))
    assert answers == {200, 201, 404}
    check_consistent(daemon.get("/v1/host"), daemon.get("/v1/vms")["vms"])
