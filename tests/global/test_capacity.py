"""Capacity is counted beside the controller: what happens there harms nobody else."""

import os
import random
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from clusters.processes import LAPTOP, Running, running
from schedulerglobal.scheduling.counting import Budget, count, dealt
from slackvm.api.scheduling import MixPart
from slackvm.model.placement import Fleet, PlacementRequest, Policy, place
from slackvm.model.policies import POLICIES
from slackvm.model.summary import HostSummary
from waiting import wait_until

TOKEN = "a token of the controller".replace(" ", "-")

MIX = {"mix": [{"vcpus": 1, "memory_gib": 1, "level": 1}]}

POLICY = """
import os
import signal
import time


def counted(candidates):
    # Only in a count do names of VMs begin with a digit.
    return candidates.vm.name[0].isdigit()


def hangs(candidates):
    if counted(candidates):
        time.sleep(1000)
    return candidates.cpus_free


def crashes(candidates):
    if counted(candidates):
        os.kill(os.getpid(), signal.SIGSEGV)
    return candidates.cpus_free


def looks(candidates):
    if counted(candidates):
        print("what a policy prints is no answer", flush=True)
        files = [os.readlink(f"/proc/self/fd/{file}") for file in os.listdir("/proc/self/fd")[:-1]]
        sockets = sum(file.startswith("socket:") for file in files)
        settings = sorted(name for name in os.environ if name.startswith("SC"))
        raise ValueError(f"{settings}, {sockets} sockets, nice {os.nice(0)}")
    return candidates.cpus_free
"""


def by_one(summaries: list[HostSummary], policy: Policy, mix: list[MixPart]) -> list[int]:
    """Return how many VMs each host takes, by placing one after another."""
    fleet = Fleet(summaries)
    taken = [0] * len(summaries)
    for vm in dealt(mix):
        host = place(fleet, PlacementRequest(vm), policy).host
        if host is None:
            return taken
        fleet.take(host, vm)
        taken[host] += 1
    raise AssertionError


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
@pytest.mark.parametrize("seed", range(6))
def test_a_count_is_what_placing_one_vm_after_another_gives(policy: Policy, seed: int) -> None:
    chance = random.Random(seed)
    summaries = []
    for number in range(9):
        cpus, memory = chance.choice([(8, 32_000), (16, 99_000), (32, 128_000)])
        offered = chance.choice([None, None, frozenset({1.0, 2.0})])
        summaries.append(HostSummary(f"h{number}", cpus, memory, cpus, memory, {}, offered))
    mix = [
        MixPart(
            vcpus=chance.choice([1, 2, 4]),
            memory_gib=chance.choice([1.0, 2.0, 4.5]),
            level=chance.choice([1.0, 2.0, 3.0]),
            share=chance.choice([1.0, 2.5]),
        )
        for _ in range(1 + seed % 3)
    ]
    expected = by_one(summaries, policy, mix)
    assert sum(expected) > 9
    assert count(Fleet(summaries), policy, mix, Budget(600)) == expected
    # Of a policy of another package it is only known that it is host-local.
    other = Policy.of(policy, "other")
    assert count(Fleet(summaries), other, mix, Budget(600)) == expected


@pytest.fixture
def cluster_with(tmp_path: Path) -> Any:
    """Return a function that gives a cluster with one of the policies above."""
    (tmp_path / "own_policy.py").write_text(POLICY)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))

    def started(policy: str) -> Any:
        return running(
            tmp_path,
            [LAPTOP],
            PYTHONPATH=path,
            SCG_POLICY=f"own_policy:{policy}",
            SCG_TOKEN=TOKEN,
        )

    return started


def children(cluster: Running) -> list[psutil.Process]:
    """Return the processes that the controller has started and that have not ended."""
    assert cluster.controller.process
    parent = cluster.controller.process.pid
    found = psutil.process_iter(["ppid", "status"])
    return [
        each
        for each in found
        if each.info["ppid"] == parent and each.info["status"] != psutil.STATUS_ZOMBIE
    ]


def test_a_policy_that_hangs_holds_up_the_next_count_alone(cluster_with: Any) -> None:
    with cluster_with("hangs") as cluster:
        controller = cluster.controller
        first: list[Any] = []
        asking = threading.Thread(
            target=lambda: first.append(controller.call("POST", "/v1/capacity", json=MIX))
        )
        asking.start()
        wait_until(lambda: bool(children(cluster)))
        second = controller.call("POST", "/v1/capacity", json=MIX)
        assert (second.status_code, second.json()["error"]["code"]) == (503, "overloaded")
        assert controller.deploy("web", 1, 1.0).status_code == 201
        [child] = children(cluster)
        child.kill()
        asking.join()
        error = first[0].json()["error"]
        assert error["code"] == "policy_failed"
        assert "or was killed" in error["message"]


def test_a_policy_that_crashes_is_an_error_of_the_count(cluster_with: Any) -> None:
    with cluster_with("crashes") as cluster:
        answer = cluster.controller.call("POST", "/v1/capacity", json=MIX)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "policy_failed")
        assert "ended with status -11" in answer.json()["error"]["message"]
        assert cluster.controller.deploy("web", 1, 1.0).status_code == 201
        assert not children(cluster)


def test_the_process_has_neither_settings_nor_connections(cluster_with: Any) -> None:
    with cluster_with("looks") as cluster:
        error = cluster.controller.call("POST", "/v1/capacity", json=MIX).json()["error"]
        assert error["code"] == "policy_failed"
        assert "ValueError: [], 0 sockets, nice 15 (own_policy.py" in error["message"]


def test_the_process_ends_with_the_controller(cluster_with: Any) -> None:
    with cluster_with("hangs") as cluster:

        def ask() -> None:
            with pytest.raises(requests.ConnectionError):
                cluster.controller.call("POST", "/v1/capacity", json=MIX)

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(lambda: bool(children(cluster)))
        [child] = children(cluster)
        assert cluster.controller.end() == 0
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
        asking.join()
