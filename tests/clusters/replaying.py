"""A controller's operations log decided anew, as a tool that knows nothing but the log would."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slackvm import plugins
from slackvm.model import POLICIES, VM, Fleet, HostSummary, LevelSummary, Policy, place
from slackvm.model.refusal import Refusal, most_hopeful
from slackvm.model.vm import milli_level, size_in_cpus
from slackvm.operations import ACCEPTED, Operation, read_operations

EMPTY = {
    "state": "unknown",
    "cpus": 0,
    "memory_mib": 0,
    "withheld_cpus": 0,
    "withheld_mib": 0,
    "offered": None,
    "foreign": [],
    "cordoned": False,
}


@dataclass
class Host:
    """A host as the log tells of it."""

    name: str
    facts: dict[str, Any] = field(default_factory=lambda: dict(EMPTY))
    vms: dict[str, VM] = field(default_factory=dict)

    def take(self, room: Mapping[str, Any]) -> None:
        self.facts |= {key: value for key, value in room.items() if key in EMPTY}
        if "vms" in room:
            self.vms = {name: VM(name, *rest) for name, *rest in room["vms"]}

    def summary(self) -> HostSummary:
        levels = {}
        for level in {vm.level for vm in self.vms.values()}:
            vcpus = [vm.vcpus for vm in self.vms.values() if vm.level == level]
            size = size_in_cpus(sum(vcpus), max(vcpus), milli_level(level))
            levels[level] = LevelSummary(size, sum(vcpus), max(vcpus))
        facts = self.facts
        taken = sum(vm.memory_mib for vm in self.vms.values())
        offered = facts["offered"]
        return HostSummary(
            self.name,
            facts["cpus"],
            facts["memory_mib"],
            facts["cpus"] - facts["withheld_cpus"] - sum(v.owned for v in levels.values()),
            facts["memory_mib"] - facts["withheld_mib"] - taken,
            levels,
            None if offered is None else frozenset(offered),
            self._closed(),
        )

    def _closed(self) -> Refusal | None:
        state = self.facts["state"]
        if state == "unknown":
            return Refusal("unknown")
        if self.facts["cordoned"]:
            return Refusal("cordoned")
        return None if state == "ready" else Refusal(state)


class Replay:
    """The cluster after a log; every placement is decided anew and compared on the way."""

    def __init__(self, log: Path) -> None:
        self.hosts: dict[int, Host] = {}
        self.placements = 0
        self.refusals = 0
        self._policy: Policy = POLICIES["progress"]
        for operation in read_operations(log):
            self._do(operation)

    @property
    def vms(self) -> dict[str, set[str]]:
        """Names of the VMs of each host."""
        return {host.name: set(host.vms) for host in self.hosts.values()}

    def _do(self, done: Operation) -> None:
        if done.op == "start":
            self._policy = plugins.find(done.policy or "", POLICIES, plugins.POLICY_GROUP)
            for host in self.hosts.values():
                host.facts["state"] = "unknown"
        elif done.op == "host" and done.room is not None:
            host = self.hosts.setdefault(done.room["position"], Host(done.host))
            host.name = done.host
            host.take(done.room)
        elif done.op == "reserve":
            self._place(done)
        elif done.op in ("release", "remove") and done.outcome == ACCEPTED:
            del self._host(done.host).vms[done.name]
        elif done.op == "forget":
            self.hosts = {p: host for p, host in self.hosts.items() if host.name != done.host}
        elif done.op in ("cordon", "uncordon"):
            self._host(done.host).facts["cordoned"] = done.op == "cordon"

    def _place(self, done: Operation) -> None:
        vm = done.request()
        hosts = [self.hosts[position] for position in sorted(self.hosts)]
        fleet = Fleet(host.summary() for host in hosts)
        kept_out = [
            index
            for index, host in enumerate(hosts)
            if host.name in (done.excluded or ()) or vm.name in host.facts["foreign"]
        ]
        best = place(fleet, vm, self._policy, kept_out).host
        decided = hosts[best].name if best is not None else ""
        assert decided == done.host, f"seq {done.seq}: {decided!r} now, {done.host!r} in the log"
        if best is not None:
            hosts[best].vms[vm.name] = vm
            self.placements += 1
            return
        self.refusals += 1
        if not kept_out:
            refusals = [fleet.refusal(index, vm) for index in range(len(fleet))]
            code = most_hopeful([refusal for refusal in refusals if refusal]).code
            assert code == done.code, f"seq {done.seq}: {code} now, {done.code} in the log"

    def _host(self, name: str) -> Host:
        return next(host for host in self.hosts.values() if host.name == name)
