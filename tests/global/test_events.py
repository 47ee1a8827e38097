"""Events of a cluster: read after a number, waited for, followed by the client."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

import schedulerglobal
from client.running import run
from clusters.processes import Controller, Running, running
from schedulerclient.commands.events import WORDS
from slackvm.formats.operations import CLUSTER_OPERATIONS


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cluster"), ["i7-1185g7"]) as cluster:
        yield cluster


@pytest.fixture
def controller(cluster: Running) -> Controller:
    return cluster.controller


def events(controller: Controller, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = controller.get(f"/v1/events?{query}")
    return found


def test_events_are_the_log_page_by_page(controller: Controller) -> None:
    for name in ("one", "two"):
        controller.deploy(name, 1, 1.0)
        controller.remove(name)
    logged = [json.loads(line) for line in controller.operations.read_text().splitlines()]
    found, after = [], 0
    while True:
        page = events(controller, f"after={after}&limit=3")
        assert page["first"] == 1
        found += page["events"]
        after = page["next"]
        if not page["more"]:
            break
    assert [(each["seq"], each["op"], each["name"]) for each in found] == [
        (each["seq"], each["op"], each["name"]) for each in logged
    ]
    assert all("vms" not in (each["room"] or {}) for each in found)
    newest = events(controller, "limit=2")
    assert [each["seq"] for each in newest["events"]] == [each["seq"] for each in logged[-2:]]
    assert (newest["next"], newest["more"]) == (logged[-1]["seq"], False)


def test_events_of_one_vm_or_host(controller: Controller) -> None:
    controller.deploy("mine", 1, 1.0)
    controller.remove("mine")
    ops = [each["op"] for each in events(controller, "after=0&vm=mine")["events"]]
    assert ops == ["reserve", "deploy", "confirm", "remove"]
    assert {each["host"] for each in events(controller, "host=host0")["events"]} == {"host0"}


def test_a_request_waits_for_the_next_event(controller: Controller) -> None:
    after = events(controller, "limit=1")["next"]
    found: list[dict[str, Any]] = []
    waiting = threading.Thread(
        target=lambda: found.append(events(controller, f"after={after}&wait=60&vm=late"))
    )
    waiting.start()
    controller.deploy("early", 1, 1.0)
    controller.deploy("late", 1, 1.0)
    waiting.join()
    assert found[0]["events"][0]["name"] == "late"
    for name in ("early", "late"):
        controller.remove(name)


def test_waiting_requests_leave_threads_to_others_and_end_with_the_daemon(
    controller: Controller,
) -> None:
    after = events(controller, "limit=1")["next"]
    found: list[dict[str, Any]] = []
    path = f"/v1/events?after={after}&wait=60&vm=never"
    waiting = [
        threading.Thread(target=lambda: found.append(Controller.get(controller, path)))
        for _ in range(12)
    ]
    for each in waiting:
        each.start()
    assert controller.get("/v1/hosts")["hosts"]
    assert controller.end(signal.SIGTERM) == 0
    for each in waiting:
        each.join()
    assert all(each["events"] == [] for each in found)
    assert len(found) == len(waiting)
    controller.start()
    controller.wait_ready(1)


def test_an_event_that_is_not_there_yet_is_no_error(controller: Controller) -> None:
    page = events(controller, "after=1000000000")
    assert page["events"] == []
    assert page["next"] < 1000000000


def test_the_client_shows_who_did_what(controller: Controller) -> None:
    controller.deploy("shown", 1, 1.0)
    controller.remove("shown")
    head, *lines = run(controller.url, "events", "--vm", "shown")[0].splitlines()
    assert head.split() == ["TIME", "WHAT", "VM", "HOST", "BY", "FROM", "RESULT"]
    assert len(lines) == 4
    assert all("shown" in line and "127.0.0.1" in line for line in lines)
    assert "VM removed" in lines[-1]


def test_the_client_follows(controller: Controller) -> None:
    command = [sys.executable, "-m", "schedulerclient", "events", "--follow", "--vm", "followed"]
    environment = {**os.environ, "SLACKVM_URL": controller.url}
    with subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, env=environment, text=True
    ) as client:
        assert client.stdout
        controller.deploy("followed", 1, 1.0)
        controller.remove("followed")
        ops = [json.loads(client.stdout.readline())["op"] for _ in range(4)]
        client.send_signal(signal.SIGINT)
    assert ops == ["reserve", "deploy", "confirm", "remove"]


def test_each_operation_has_the_same_words_in_the_client_and_on_the_page() -> None:
    script = (files(schedulerglobal) / "page" / "events.js").read_text()
    table = script.partition("const WORDS = {")[2].partition("};")[0]
    assert dict(re.findall(r'^  (\w+): "(.+)",$', table, re.MULTILINE)) == WORDS
    assert WORDS.keys() == {*CLUSTER_OPERATIONS, "snapshot"}
