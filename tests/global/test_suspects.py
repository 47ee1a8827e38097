"""A host that reports well and replies nonsense to changes costs one deploy, not all of them."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from clusters.fake_host import SUMMARY, FakeHost, telling, with_body
from clusters.processes import LAPTOP, Controller, end, make_controller, make_host, running
from slackvm.verification import verify_cluster

GOOD = telling(name="evil", cpus=8, cpus_free=8, memory_mib=31776, memory_free_mib=31776)
REPLIES = {
    "no JSON": with_body(b"<html>", 404),
    "another reply": with_body(b"{}", 201),
    "an error inside": with_body(b"oops", 500),
    "another VM": with_body(
        json.dumps(
            {
                "name": "other",
                "vcpus": 1,
                "memory_mib": 512,
                "level": 1.0,
                "image": "/i",
                "clone": False,
                "state": "running",
                "host": "evil",
                "cpu_list": [0],
                "created": 1.0,
                "addresses": [],
                "summary": {**SUMMARY, "name": "evil"},
            }
        ).encode(),
        201,
    ),
}


@pytest.fixture(params=REPLIES)
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Controller]:
    """An evil host, which comes first, and a good one."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (GOOD if handler.command == "GET" else REPLIES[request.param])(handler)

    evil = FakeHost(answer)
    good = make_host(tmp_path, "good")
    good.start()
    controller = make_controller(tmp_path, [evil.url, good.url], SCG_TIMEOUT="0.5")
    controller.start()
    controller.wait_ready(2)
    yield controller
    for each in (controller, good):
        end(each)
    evil.close()


def test_after_the_first_failure_the_others_get_the_vms(cluster: Controller) -> None:
    first = cluster.deploy("first", 1, 1.0)
    assert (first.status_code, first.json()["error"]["code"]) == (503, "outcome_unknown")
    assert "answered" in cluster.hosts()["evil"]["suspect"]
    assert cluster.hosts()["good"]["suspect"] == ""
    for number in range(6):
        answer = cluster.deploy(f"vm{number}", 1, 1.0)
        assert (answer.status_code, answer.json()["host"]) == (201, "good")
    assert "slackvm_cluster_hosts_suspect 1.0" in cluster.call("GET", "/metrics").text
    plan = {"vcpus": 1, "memory_gib": 1, "level": 1, "name": "x", "image": "/i"}
    assert cluster.call("POST", "/v1/plan", json=plan).json()["host"] == "good"
    large = {"vcpus": 4, "memory_gib": 1, "level": 1, "name": "x", "image": "/i"}
    assert cluster.call("POST", "/v1/plan", json=large).json()["host"] == "evil"
    assert cluster.call("POST", "/v1/hosts/evil/uncordon").json()["suspect"] == ""
    assert cluster.deploy("again", 1, 1.0).status_code == 503
    assert cluster.end() == 0
    assert verify_cluster(cluster.operations).difference is None


def test_a_host_that_did_not_reply_is_trusted_again_once_it_says_what_it_has(
    tmp_path: Path,
) -> None:
    with running(tmp_path, [LAPTOP], SCG_TIMEOUT="1") as cluster:
        cluster.wires[0].on("POST /v1/vms ", "lose")
        assert cluster.controller.deploy("web", 1, 1.0).status_code == 201
        assert "event=host_suspect" in cluster.controller.log_text
        assert cluster.controller.hosts()["host0"]["suspect"] == ""
        assert "event=host_trusted" in cluster.controller.log_text
