"""The operations log of a controller and of its hosts says who caused what."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusters.processes import Running, running
from clusters.replaying import replayed
from command import slackvm_local
from waiting import wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cluster"), ["i7-1185g7"] * 2) as cluster:
        yield cluster


def entries(log: Path, **wanted: Any) -> list[dict[str, Any]]:
    """Return the entries of a log that have these fields."""
    found = [json.loads(line) for line in log.read_text().splitlines()]
    return [each for each in found if wanted.items() <= each.items()]


def test_entries_say_where_a_request_came_from(cluster: Running) -> None:
    controller = cluster.controller
    host = controller.deploy("web", 1, 1.0).json()["host"]
    for verb in ("stop", "start", "restart"):
        assert controller.call("POST", f"/v1/vms/web/{verb}").status_code == 200
    for verb in ("cordon", "uncordon"):
        controller.call("POST", f"/v1/hosts/{host}/{verb}")
    controller.remove("web")
    about_web = entries(controller.operations, name="web")
    ops = ["reserve", "deploy", "confirm", "vm_stop", "vm_start", "vm_restart", "remove"]
    assert [each["op"] for each in about_web] == ops
    assert {each["client"] for each in about_web} == {"127.0.0.1"}
    assert [each["host"] for each in about_web] == [host] * len(ops)
    for op in ("cordon", "uncordon"):
        assert entries(controller.operations, op=op, host=host, client="127.0.0.1")
    there = entries(cluster.by_name[host].operations, name="web")
    assert [(each["op"], each["client"]) for each in there] == [
        ("deploy", "127.0.0.1"),
        ("remove", "127.0.0.1"),
    ]
    replayed(controller.operations)


def test_what_a_daemon_finds_out_by_itself_has_no_origin(cluster: Running) -> None:
    """A VM that was removed on its host is missed by a poll, not by the next request."""
    controller = cluster.controller
    host = controller.deploy("gone", 1, 1.0).json()["host"]
    cluster.by_name[host].remove("gone")
    wait_until(lambda: "gone" not in controller.vms())
    found_out = entries(controller.operations, op="host", host=host)
    assert found_out
    assert all("client" not in each and "by" not in each for each in found_out)
    for each in entries(controller.operations, op="add"):
        assert "client" not in each


def test_an_added_host_is_logged_with_the_address(cluster: Running) -> None:
    controller = cluster.controller
    assert (
        controller.call("POST", "/v1/hosts", json={"url": "127.0.0.1:9", "force": True}).status_code
        == 201
    )
    assert controller.call("DELETE", "/v1/hosts/127.0.0.1:9").status_code == 200
    for op in ("add", "forget"):
        [entry] = entries(controller.operations, op=op, host="127.0.0.1:9")
        assert entry["client"] == "127.0.0.1"
    replayed(controller.operations)


def test_rotated_logs_of_controller_and_host_can_be_decided(tmp_path: Path) -> None:
    """From the first line, and from each snapshot on."""
    with running(tmp_path, ["i7-1185g7"] * 2, SCG_LOG_MIB="0.01", SCG_DELAY="0.2") as cluster:
        host = cluster.hosts[0]
        host.end()
        host._environment["SCL_LOG_MIB"] = "0.005"
        cluster.restart(0)
        cluster.controller.wait_ready(2)
        controller = cluster.controller
        controller.call("POST", "/v1/hosts/host1/cordon")
        latest = controller.folder / "operations.jsonl.2"
        for number in range(200):
            controller.deploy(f"vm{number}", 1, [1.0, 2.0, 3.0][number % 3])
            if number > 3:
                controller.remove(f"vm{number - 3}")
            if latest.exists() and (host.operations.parent / "operations.jsonl.2").exists():
                break
        else:
            raise AssertionError("the logs were not rotated")
        wait_until(lambda: "pending" not in controller.vms())
        there = {name: set(host.get("/listvm")) for name, host in cluster.by_name.items()}
        assert replayed(controller.operations).vms == there
        for log in (controller.operations, host.operations):
            alone = tmp_path / "alone.jsonl"
            alone.write_bytes(log.read_bytes())
            [first] = entries(log, op="snapshot")[:1]
            assert entries(log)[0] == first
        alone.write_bytes(controller.operations.read_bytes())
        assert replayed(alone).vms == there
        for log in (host.operations, *host.operations.parent.glob("operations.jsonl.?")):
            alone.write_bytes(log.read_bytes())
            slackvm_local("--topology=i7-1185g7", f"--load={alone}")
        slackvm_local("--topology=i7-1185g7", f"--load={host.operations}")
        controller.end()
        controller.start()
        controller.wait_ready(2)
        assert replayed(controller.operations).vms == there
        assert controller.get("/v1/events?after=0")["first"] >= 1
