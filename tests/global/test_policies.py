"""A user's policy in the controller filters and explains in a plan, and its errors are shown."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from clusters.processes import LAPTOP, Running, running
from packages import install

POLICY = """
import numpy as np


class Own:
    def filter(self, candidates):
        return np.array([name != candidates.names[0] for name in candidates.names])

    def score(self, candidates):
        return candidates.cpus_free

    def explain(self, candidates):
        return {"spare": candidates.cpus_free - candidates.level(1.0).owned}


own = Own()


def broken(candidates):
    return 1.0
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("policies")
    entries = "own = own_policy:own\nbroken = own_policy:broken"
    install(folder, "own_policy", "slackvm.policies", entries, POLICY)
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    with running(folder, [LAPTOP, LAPTOP], PYTHONPATH=path) as cluster:
        yield cluster


def plan(cluster: Running, policy: str) -> tuple[int, dict[str, Any]]:
    body = {"name": "vm", "vcpus": 2, "memory_gib": 1, "level": 1, "image": "/i.qcow2"}
    answer = cluster.controller.call("POST", "/v1/plan", json={**body, "policy": policy})
    return answer.status_code, answer.json()


def test_a_policy_explains_itself_in_a_plan(cluster: Running) -> None:
    _, reply = plan(cluster, "own")
    first, second = reply["hosts"]
    assert (first["accepted"], first["code"]) == (False, "excluded_by_policy")
    assert first["message"] == "the placement policy does not use the host: own"
    assert second["score"] == 8
    assert second["parts"] == {"added_cpus": 2, "spare": 8}
    assert (reply["host"], reply["policy"]) == (second["host"], "own")


def test_a_plan_says_what_is_wrong_with_a_policy(cluster: Running) -> None:
    status, reply = plan(cluster, "broken")
    error = reply["error"]
    assert (status, error["code"]) == (500, "policy_failed")
    assert "policy broken: `score` of the policy returns the single value 1.0" in error["message"]
