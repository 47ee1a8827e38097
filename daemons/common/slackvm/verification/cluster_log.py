"""A controller's operations log is verified: placements are decided from the lines before them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slackvm import plugins
from slackvm.formats.operations import (
    ACCEPTED,
    REFUSED,
    Operation,
    OperationsError,
    read_operations,
)
from slackvm.model import (
    DEFAULT_POLICY,
    POLICIES,
    SELECTIONS,
    VM,
    Fleet,
    Host,
    HostSummary,
    Policy,
    place,
)
from slackvm.model.balance import CRITICAL_SIZE
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal, most_transient
from slackvm.model.selection import Selection
from slackvm.model.topology import Topology
from slackvm.topologies import Description
from slackvm.verification.difference import Difference


@dataclass(frozen=True)
class Rules:
    """How hosts choose CPUs; see `Host`."""

    selection: Selection = SELECTIONS["paper"]
    critical_size: int = CRITICAL_SIZE


@dataclass
class ClusterVerification:
    """The result of verifying a controller's log.

    Attributes:
        decided: its placements, accepted or refused, as decided now; `gains` are the CPUs that the
            vNode took for the VM, in order.
        difference: the first placement that differs from the log; None: no placement differs.
        vms: names of the VMs that each host has at the end.
        hosts: the hosts at the end by name, with CPUs taken in the order of the placements; without
            hosts that never reported their size.
        unknown: number of operations of a kind that this release does not know; they are ignored.
    """

    decided: list[Operation] = field(default_factory=list)
    difference: Difference | None = None
    vms: dict[str, set[str]] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    unknown: int = 0


def verify_cluster(
    path: Path,
    topologies: Sequence[Topology] | None = None,
    policy: Policy | None = None,
    rules: Rules | None = None,
) -> ClusterVerification:
    """Decide every placement of a log again, up to the first that differs.

    The code of a refusal is not compared where hosts had refused the VM before.

    Args:
        path: the log.
        topologies: of the hosts, in their order; None: hosts of their sizes are made up.
        policy: chooses hosts; None: the policy that the log names.
        rules: how hosts choose CPUs.

    Raises:
        OperationsError: the log cannot be read, or its hosts are not those of `topologies`.
        LookupError: the log's policy is not installed.
    """
    by_position = None if topologies is None else _by_position(path, topologies)
    replay = _Replay(by_position, policy, rules or Rules())
    result = ClusterVerification()
    for logged in read_operations(path):
        if not logged.is_known:
            result.unknown += 1
            continue
        try:
            if logged.op != "reserve":
                replay.follow(logged)
                continue
            now = replay.place(logged)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise OperationsError(f"{path}: seq {logged.seq}: {reason}") from error
        result.decided.append(now)
        result.difference = Difference.between(logged, replace(now, gains=logged.gains))
        if result.difference:
            break
    result.vms = {host.name: set(host.wanted) for host in replay.hosts.values()}
    for host in replay.hosts.values():
        if host.host:
            host.host.levels = host.facts["offered"]
            result.hosts[host.name] = host.host
    return result


def _by_position(path: Path, topologies: Sequence[Topology]) -> Mapping[int, Topology]:
    """Return the topologies of a log's hosts by their position."""
    facts = [each.room for each in read_operations(path) if each.op == "host" and each.room]
    positions = sorted({each["position"] for each in facts if type(each.get("position")) is int})
    if len(positions) != len(topologies):
        raise OperationsError(
            f"{path}: the log has {len(positions)} hosts, and topologies are given of "
            f"{len(topologies)}"
        )
    return dict(zip(positions, topologies, strict=True))


class _LoggedHost:
    """A host as the log has it: with CPUs for its VMs, and everything else in numbers.

    Attributes:
        name: its name.
        facts: what the controller knew of it.
        wanted: its VMs, by name.
        host: the host with CPUs for these VMs; None: the log does not have its size.
    """

    def __init__(self, name: str, topology: Topology | None, rules: Rules) -> None:
        self.name = name
        self.facts = dict(_NO_FACTS)
        self.host: Host | None = None
        self.wanted: dict[str, VM] = {}
        self._topology = topology
        self._rules = rules

    def update(self, facts: Mapping[str, Any]) -> None:
        """Replace facts that have changed."""
        self.facts |= {key: value for key, value in facts.items() if key in _NO_FACTS}
        if "vms" in facts:
            self.wanted = {name: VM(name, *rest) for name, *rest in facts["vms"]}
        if {"cpus", "memory_mib"} & facts.keys():
            self.host = self._made()
        self._converge()

    def take(self, vm: VM) -> Mapping[str, list[int]]:
        """Add a VM; return the CPUs that are taken for it, by vNode."""
        self.wanted[vm.name] = vm
        return self._converge()

    def give_back(self, name: str) -> None:
        """Remove a VM."""
        self.wanted.pop(name, None)
        self._converge()

    def summary(self) -> HostSummary:
        """Return the host in numbers, as the controller saw it."""
        if self.host is None:
            return HostSummary(
                self.name, 0, 0, 0, 0, {}, unschedulable=Refusal(Code.HOST_UNREACHABLE)
            )
        own, offered = self.host.summary(self.name), self.facts["offered"]
        return replace(
            own,
            cpus_free=own.cpus_free - self.facts["withheld_cpus"],
            memory_free_mib=own.memory_free_mib - self.facts["withheld_mib"],
            labels=self.facts["labels"],
            offered=None if offered is None else frozenset(offered),
            unschedulable=self._unschedulable(),
        )

    def _unschedulable(self) -> Refusal | None:
        state = self.facts["state"]
        if state != "unknown" and self.facts["cordoned"]:
            return Refusal(Code.CORDONED)
        if state == "ready":
            return None
        # Any other word is the state of a later release.
        known = {"unknown": Code.HOST_UNREACHABLE, "overcommitted": Code.OVERCOMMITTED}
        return Refusal(known.get(state, Code.NOT_READY))

    def _made(self) -> Host | None:
        size = self.facts["cpus"], self.facts["memory_mib"]
        if size == (0, 0):
            return None
        topology = self._topology or Description(size[0], size[1]).build()
        if (len(topology), topology.memory_mib) != size:
            raise ValueError(
                f"host {self.name} has {size[0]} CPUs and {size[1]} MiB; its topology has "
                f"{len(topology)} and {topology.memory_mib}"
            )
        rules = self._rules
        return Host(topology, selection=rules.selection, critical_size=rules.critical_size)

    def _converge(self) -> Mapping[str, list[int]]:
        """Deploy and remove VMs until the host has those that it should; return the CPUs taken.

        VMs for which there is no room are left out: they were there before unmanaged VMs took the
        room, and the host takes no VM while it is overcommitted.
        """
        gains: dict[str, list[int]] = {}
        if self.host is None:
            return gains
        for name, vm in list(self.host.vms.items()):
            if self.wanted.get(name) != vm:
                self.host.commit(self.host.plan_remove(name))
        for name, vm in self.wanted.items():
            if name not in self.host.vms:
                plan = self.host.plan_deploy(vm)
                if plan.accepted:
                    self.host.commit(plan)
                    for change in plan.changes:
                        gains.setdefault(str(change.level), []).extend(change.gains)
        return gains


class _Replay:
    def __init__(
        self, topologies: Mapping[int, Topology] | None, policy: Policy | None, rules: Rules
    ) -> None:
        self.hosts: dict[int, _LoggedHost] = {}
        self._fleet: Fleet | None = Fleet([])
        self._topologies = topologies
        self._given_policy = policy
        self._policy = policy or POLICIES[DEFAULT_POLICY]
        self._rules = rules

    def follow(self, logged: Operation) -> None:
        """Apply an operation that is not a placement."""
        if logged.op == "start":
            self._start(logged)
        elif logged.op == "host" and logged.room is not None:
            self._update(logged.host, logged.room)
        elif logged.op in ("release", "remove") and logged.outcome == ACCEPTED:
            position = self._position(logged.host)
            self.hosts[position].give_back(logged.name)
            self._changed(position)
        elif logged.op == "forget":
            self.hosts = {p: host for p, host in self.hosts.items() if host.name != logged.host}
            self._fleet = None
        elif logged.op in ("cordon", "uncordon"):
            position = self._position(logged.host)
            self.hosts[position].facts["cordoned"] = logged.op == "cordon"
            self._changed(position)

    def place(self, logged: Operation) -> Operation:
        """Decide a placement and apply it."""
        request, fleet = logged.placement_request(), self._current()
        vm = request.vm
        positions = sorted(self.hosts)
        excluded = [
            index
            for index, position in enumerate(positions)
            if self.hosts[position].name in (logged.excluded or ())
            or vm.name in self.hosts[position].facts["foreign"]
        ]
        placement = place(fleet, request, self._policy, excluded)
        if placement.host is None:
            refusals = [placement.refusal(fleet, index) for index in range(len(fleet))]
            code = logged.code if excluded else most_transient([r for r in refusals if r]).code
            return replace(logged, host="", outcome=REFUSED, code=code)
        position = positions[placement.host]
        host = self.hosts[position]
        gains = host.take(vm)
        self._changed(position)
        return replace(logged, host=host.name, outcome=ACCEPTED, code=None, gains=gains)

    def _start(self, logged: Operation) -> None:
        if self._given_policy is None:
            # A log is data: code that it names is not loaded.
            if not isinstance(logged.policy, str) or ":" in logged.policy:
                raise ValueError(f"policy {logged.policy!r} is not a name; give the policy")
            self._policy = plugins.find_policy(logged.policy)
        for host in self.hosts.values():
            host.facts["state"] = "unknown"
        self._fleet = None

    def _update(self, name: str, facts: Mapping[str, Any]) -> None:
        position = facts["position"]
        if position not in self.hosts:
            topology = None if self._topologies is None else self._topologies[position]
            self.hosts[position] = _LoggedHost(name, topology, self._rules)
            self._fleet = None
        self.hosts[position].name = name
        self.hosts[position].update(facts)
        self._changed(position)

    def _position(self, name: str) -> int:
        for position, host in self.hosts.items():
            if host.name == name:
                return position
        raise ValueError(f"no line before has a host {name!r}")

    def _current(self) -> Fleet:
        if self._fleet is None:
            self._fleet = Fleet(self.hosts[position].summary() for position in sorted(self.hosts))
        return self._fleet

    def _changed(self, position: int) -> None:
        if self._fleet is not None:
            index = sorted(self.hosts).index(position)
            self._fleet.update(index, self.hosts[position].summary())


_NO_FACTS: Mapping[str, Any] = {
    "state": "unknown",
    "cpus": 0,
    "memory_mib": 0,
    "withheld_cpus": 0,
    "withheld_mib": 0,
    "offered": None,
    "foreign": (),
    "cordoned": False,
    "labels": {},
}
