"""The REST interface of the local daemon on the `memory` hypervisor."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


def test_a_vm_is_created_told_and_removed(daemon: Daemon) -> None:
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


def test_a_host_without_guests_says_so(daemon: Daemon) -> None:
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
def test_a_refusal_tells_code_needed_and_free(
    vcpus: int, gib: float, code: str, needed: int, free: int, daemon: Daemon
) -> None:
    daemon.deploy("first", 2, 1.0)
    answer = daemon.deploy("second", vcpus, 1.0, memory_gib=gib)
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert (error["code"], error["needed"], error["free"]) == (code, needed, free)


def test_a_plan_tells_what_a_deploy_then_does(daemon: Daemon) -> None:
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


def test_a_withdrawn_request_makes_no_vm_however_late_it_comes(daemon: Daemon) -> None:
    withdraw = {"json": {"attempt": "first"}}
    assert daemon.call("POST", "/v1/vms/web/withdraw", **withdraw).json() == {"vm": None}
    late = daemon.deploy("web", 2, 2.0, attempt="first")
    assert (late.status_code, late.json()["error"]["code"]) == (409, "withdrawn")
    assert daemon.get("/listvm") == []
    assert daemon.deploy("web", 2, 2.0, attempt="second").status_code == 201


def test_what_was_done_before_it_was_withdrawn_stays(daemon: Daemon) -> None:
    daemon.deploy("web", 2, 2.0, attempt="done")
    told = daemon.call("POST", "/v1/vms/web/withdraw", json={"attempt": "done"}).json()
    assert told["vm"] == daemon.get("/v1/vms/web")
    assert daemon.deploy("web", 2, 2.0, attempt="done").status_code == 200


def test_a_late_removal_does_not_hit_another_vm_of_the_name(daemon: Daemon) -> None:
    old = daemon.deploy("web", 2, 2.0).json()["created"]
    daemon.remove("web")
    new = daemon.deploy("web", 2, 2.0).json()["created"]
    late = daemon.call("DELETE", f"/v1/vms/web?created={old!r}")
    assert (late.status_code, late.json()["error"]["code"]) == (404, "unknown")
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


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"cpu={value}&mem=1&oc=1", "cpu") for value in ("abc", "0", "-2", "2.5", "1e9", "")),
        *((f"cpu=1&mem=1&oc={value}", "oc") for value in ("0.5", "nan", "inf", "1.0001", "")),
        *((f"cpu=1&mem={value}&oc=1", "mem") for value in ("0", "-1", "nan", "inf", "1e400")),
        ("mem=1&oc=1", "cpu"),
        ("cpu=1&cpu=2&mem=1&oc=1", "cpu"),
        ("cpu=1&mem=1&oc=1&extra=1", "extra"),
    ],
)
def test_bad_requests_of_the_prototypes_kind_name_the_field(
    query: str, field: str, daemon: Daemon
) -> None:
    before = state(daemon)
    for path in ("/progress?", "/deploy?name=a&qcow2=/i.qcow2&"):
        answer = daemon.call("GET", path + query)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["field"] == field
    assert state(daemon) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "../etc"}, "name"),
        ({"name": "-rf"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"name": "<domain/>"}, "name"),
        ({"vcpus": "2"}, "vcpus"),
        ({"vcpus": 2.5}, "vcpus"),
        ({"vcpus": True}, "vcpus"),
        ({"memory_gib": 0}, "memory_gib"),
        ({"level": 0.5}, "level"),
        ({"level": 1.0001}, "level"),
        ({"image": ""}, "image"),
        ({"clone": "yes"}, "clone"),
        ({"more": 1}, "more"),
    ],
)
def test_bad_bodies_name_the_field(change: dict[str, object], field: str, daemon: Daemon) -> None:
    body = {"name": "a", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/i.qcow2"}
    before = state(daemon)
    answer = daemon.call("POST", "/v1/vms", json={**body, **change})
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field
    assert state(daemon) == before


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


def test_a_network_address_without_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="is not a loopback address, and there is no token"):
        Daemon(tmp_path, LAPTOP, SCL_URL="::").start()


def test_tokens_let_in_and_read_only_ones_change_nothing(tmp_path: Path) -> None:
    full, read = "full-token-0123456789", "read-token-0123456789"
    with serving(tmp_path, LAPTOP, SCL_TOKEN=full, SCL_READ_TOKEN=read) as daemon:
        for token, reading, changing in (
            ("", 401, 401),
            ("wrong-token-0123456789", 401, 401),
            (read, 200, 403),
            (full, 200, 201),
        ):
            daemon.session.headers["Authorization"] = f"Bearer {token}"
            assert daemon.call("GET", "/v1/host").status_code == reading
            assert daemon.deploy("a", 1, 1.0).status_code == changing
            legacy = daemon.call("GET", "/deploy?name=b&cpu=1&mem=1&oc=1&qcow2=/i.qcow2")
            assert legacy.status_code == (200 if changing == 201 else changing)
        assert full not in daemon.log.read_text()
        del daemon.session.headers["Authorization"]
        assert daemon.call("GET", "/healthz").status_code == 200


def test_another_sites_page_cannot_change_anything(daemon: Daemon) -> None:
    deploy = "/deploy?name=a&cpu=1&mem=1&oc=1&qcow2=/i.qcow2"
    for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        assert daemon.call("GET", deploy, headers=header).status_code == 403
    assert daemon.get("/listvm") == []
