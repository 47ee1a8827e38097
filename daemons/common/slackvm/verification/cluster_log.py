"""A controller's operations log is verified: placements are decided from the lines before them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slackvm import plugins
from slackvm.formats.operations import ACCEPTED, REFUSED, Operation
from slackvm.formats.operations_reader import OperationsError, read_operations
from slackvm.model import (
    DEFAULT_POLICY,
    POLICIES,
    Fleet,
    Host,
    Policy,
    place,
)
from slackvm.model.placement import Group
from slackvm.model.refusal import most_transient
from slackvm.model.topology import Topology
from slackvm.verification.difference import Difference
from slackvm.verification.logged_host import LoggedHost, Rules


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
            if logged.op == "snapshot":
                result.difference = replay.restore(logged)
                if result.difference:
                    break
                continue
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
    facts: list[Mapping[str, Any]] = []
    for each in read_operations(path):
        if each.op == "host" and each.room:
            facts.append(each.room)
        elif each.op == "snapshot" and each.state:
            # Only hosts that have reported have a size.
            facts += [host for host in each.state.get("hosts", ()) if host.get("cpus")]
    positions = sorted({each["position"] for each in facts if type(each.get("position")) is int})
    if len(positions) != len(topologies):
        raise OperationsError(
            f"{path}: the log has {len(positions)} hosts, and topologies are given of "
            f"{len(topologies)}"
        )
    return dict(zip(positions, topologies, strict=True))


class _Replay:
    def __init__(
        self, topologies: Mapping[int, Topology] | None, policy: Policy | None, rules: Rules
    ) -> None:
        self.hosts: dict[int, LoggedHost] = {}
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
        elif logged.op in ("release", "remove", "lost") and logged.outcome == ACCEPTED:
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

    def restore(self, logged: Operation) -> Difference | None:
        """Begin with a snapshot, or compare it with what the lines before it led to.

        Of a host that the controller could not ask, only what it last reported is known.
        """
        state = logged.state or {}
        if not self.hosts:
            self._find_policy(state["policy"])
            for facts in state["hosts"]:
                self._update(facts["name"], facts)
            return None
        known = {host.name: host for host in self.hosts.values()}
        same = {
            facts["name"]
            for facts in state["hosts"]
            if facts["state"] == "unknown"
            or (facts["name"] in known and known[facts["name"]].has(facts))
        }
        if len(same) == len(state["hosts"]):
            return None
        ours = {**state, "hosts": [facts for facts in state["hosts"] if facts["name"] in same]}
        return Difference.between(logged, replace(logged, state=ours))

    def place(self, logged: Operation) -> Operation:
        """Decide a placement and apply it."""
        request, fleet = logged.placement_request(), self._current()
        vm = request.vm
        positions = sorted(self.hosts)
        refused = {
            index: refusal
            for index, position in enumerate(positions)
            if (refusal := self.hosts[position].refusal(request))
        }
        # The log does not say why these hosts refused.
        unexplained = [
            index
            for index, position in enumerate(positions)
            if self.hosts[position].name in (logged.excluded or ())
        ]
        last = [
            index
            for index, position in enumerate(positions)
            if self.hosts[position].facts["suspect"]
        ]
        placement = place(fleet, request, self._policy, [*refused, *unexplained], last)
        if placement.host is None:
            refusals = [
                refused.get(index) or placement.refusal(fleet, index) for index in range(len(fleet))
            ]
            code = logged.code if unexplained else most_transient([r for r in refusals if r]).code
            return replace(logged, host="", outcome=REFUSED, code=code)
        position = positions[placement.host]
        host = self.hosts[position]
        gains = host.take(vm, Group.of(request.owner, request.anti_affinity))
        self._changed(position)
        return replace(logged, host=host.name, outcome=ACCEPTED, code=None, gains=gains)

    def _start(self, logged: Operation) -> None:
        self._find_policy(logged.policy)
        for host in self.hosts.values():
            host.facts["state"] = "unknown"
        self._fleet = None

    def _find_policy(self, name: Any) -> None:
        if self._given_policy is None:
            # A log is data: code that it names is not loaded.
            if not isinstance(name, str) or ":" in name:
                raise ValueError(f"policy {name!r} is not a name; give the policy")
            self._policy = plugins.find_policy(name)

    def _update(self, name: str, facts: Mapping[str, Any]) -> None:
        position = facts["position"]
        if position not in self.hosts:
            topology = None if self._topologies is None else self._topologies[position]
            self.hosts[position] = LoggedHost(name, topology, self._rules)
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
