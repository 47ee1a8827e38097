"""Each file beside this one is a story of a cluster: what happens, and what must come of it.

CONTRIBUTING.md says how a report becomes such a file.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters.replaying import replayed
from scenarios.simulation import PORT, SimulatedCluster, SimulatedTime

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
SIZE = {"vcpus": 1, "memory_gib": 1, "level": 1.0, "image": "/images/any.qcow2"}
MODES = ("up", "down", "hangs", "loses replies", "loses all replies", "talks nonsense")
NOT_SHOWN = ("start", "host", "add", "obey")
_NUMBERS = {"vcpus": int, "memory_gib": float, "level": float, "clone": bool, "force": bool}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = yaml.safe_load(file.read_text())
    time = SimulatedTime(monkeypatch)
    monkeypatch.chdir(tmp_path)
    cluster = SimulatedCluster(tmp_path, scenario["hosts"], time, scenario.get("settings"))
    try:
        play(scenario, cluster)
    finally:
        cluster.close()
    replayed(cluster.operations)


def play(scenario: dict[str, Any], cluster: SimulatedCluster) -> None:
    """Carry out the steps, and compare what comes of them with what the file expects."""
    if scenario.get("polled", True):
        cluster.poll()
    story = Story(cluster)
    for number, step in enumerate(scenario["steps"], start=1):
        does, _, expected = step.partition(" => ")
        outcome = story.tell(does.split())
        if expected or outcome:
            assert outcome == (expected or "done"), f"step {number}: {step}"
    if "log" in scenario:
        assert log(cluster.operations) == scenario["log"]
    there = [name for host in cluster.hosts.values() for name in host.vms()]
    assert len(there) == len(set(there)), "a VM is on two hosts"


def log(path: Path) -> list[str]:
    """Return the decisions of an operations log: operation, VM, host, and why it was refused."""
    lines = map(json.loads, path.read_text().splitlines())
    return [
        " ".join(filter(None, (each["op"], each["name"], each["host"], each["code"])))
        for each in lines
        if each["op"] not in NOT_SHOWN
    ]


class Story:
    """Carries out the steps of a scenario; each returns its outcome as text, empty for none."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster

    def tell(self, words: list[str]) -> str:
        verb, *rest = words
        steps: dict[str, Callable[..., str]] = {
            **dict.fromkeys(("start", "stop", "restart", "rebuild"), self._change_vm),
            **dict.fromkeys(("cordon", "uncordon"), self._change_host),
            **{name[1:]: getattr(self, name) for name in dir(self) if name.startswith("_do_")},
        }
        known = {name.removeprefix("do_"): step for name, step in steps.items()}
        step = known[verb]
        return step(verb, *rest) if step in (self._change_vm, self._change_host) else step(*rest)

    def _do_deploy(self, name: str, *given: str) -> str:
        status, reply = self._post("/v1/vms", {"name": name, **SIZE, **fields(given)})
        word = {200: "is there already", 201: "created"}
        return f"{word[status]} on {reply['host']}" if status in word else refusal(reply)

    def _do_plan(self, name: str, *given: str) -> str:
        status, reply = self._post("/v1/plan", {"name": name, **SIZE, **fields(given)})
        if status != 200:
            return refusal(reply)
        return f"on {reply['host']}" if reply["accepted"] else f"refused {reply['code']}"

    def _do_remove(self, name: str) -> str:
        return self._done("DELETE", f"/v1/vms/{name}")

    def _change_vm(self, verb: str, name: str) -> str:
        return self._done("POST", f"/v1/vms/{name}/{verb}")

    def _change_host(self, verb: str, name: str) -> str:
        return self._done("POST", f"/v1/hosts/{name}/{verb}")

    def _do_label(self, name: str, *given: str) -> str:
        return self._done("PATCH", f"/v1/hosts/{name}", {"labels": fields(given)})

    def _do_forget(self, name: str, *how: str) -> str:
        return self._done("DELETE", f"/v1/hosts/{name}{'?force=true' if how else ''}")

    def _do_add(self, name: str) -> str:
        return self._done("POST", "/v1/hosts", {"url": f"http://{name}:{PORT}"})

    def _do_host(self, name: str, *words: str) -> str:
        """`host NAME is down`, `hangs`, … changes how it answers; `restarts`, `is reinstalled`."""
        host, what = self.cluster.hosts[name], " ".join(words).removeprefix("is ")
        if what in ("restarts", "reinstalled"):
            host.boot(is_new=what == "reinstalled")
        else:
            assert what in MODES, f"{what} is not one of {MODES}"
            host.mode = what
        return ""

    def _do_poll(self, *names: str) -> str:
        self.cluster.poll(*names)
        return ""

    def _do_wait(self, seconds: str) -> str:
        self.cluster.time.sleep(float(seconds))
        return ""

    def _do_controller(self, what: str) -> str:
        assert what == "restarts"
        self.cluster.start()
        return ""

    def _do_hosts(self) -> str:
        hosts = self.cluster.call("GET", "/v1/hosts")[1]["hosts"]
        return ", ".join(
            f"{host['name']} {host['state']}{' cordoned' if host['cordoned'] else ''}"
            for host in hosts
        )

    def _do_vms(self) -> str:
        vms = self.cluster.call("GET", "/v1/vms")[1]["vms"]
        return ", ".join(f"{vm['name']} {vm['state']} on {vm['host']}" for vm in vms) or "none"

    def _do_pending(self) -> str:
        hosts = self.cluster.call("GET", "/v1/hosts")[1]["hosts"]
        found = [f"{name} on {host['name']}" for host in hosts for name in host["pending"]]
        return ", ".join(found) or "none"

    def _do_really(self) -> str:
        """What the hosts have, whatever the controller knows."""
        found = [
            f"{vm} on {name}" for name, host in self.cluster.hosts.items() for vm in host.vms()
        ]
        return ", ".join(found) or "none"

    def _post(self, target: str, body: Any) -> tuple[int, Any]:
        return self.cluster.call("POST", target, body)

    def _done(self, method: str, target: str, body: Any = None) -> str:
        status, reply = self.cluster.call(method, target, body)
        return "done" if status in (200, 201) else refusal(reply)


def fields(given: tuple[str, ...]) -> dict[str, Any]:
    """Read `vcpus=2`; `require.zone=a` is a label."""
    read: dict[str, Any] = {}
    for each in given:
        name, _, text = each.partition("=")
        outer, _, inner = name.partition(".")
        if inner:
            read.setdefault(outer, {})[inner] = text
        else:
            read[name] = _NUMBERS.get(name, str)(text) if text else None
    return read


def refusal(reply: Any) -> str:
    return f"refused {reply['error']['code']}"
