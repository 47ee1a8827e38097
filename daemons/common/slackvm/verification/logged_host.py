"""A host as a controller's operations log has it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from slackvm.model import SELECTIONS, VM, Host, HostSummary
from slackvm.model.balance import CRITICAL_SIZE
from slackvm.model.codes import Code
from slackvm.model.placement import Group, PlacementRequest, not_apart, not_the_host
from slackvm.model.refusal import Refusal
from slackvm.model.selection import Selection
from slackvm.model.topology import Topology
from slackvm.topologies import Description

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
    "groups": (),
    "suspect": False,
}


@dataclass(frozen=True)
class Rules:
    """How hosts choose CPUs; see `Host`."""

    selection: Selection = SELECTIONS["paper"]
    critical_size: int = CRITICAL_SIZE


class LoggedHost:
    """A host as the log has it: with CPUs for its VMs, and everything else in numbers.

    Attributes:
        name: its name.
        facts: what the controller knew of it.
        wanted: its VMs, by name.
        groups: their anti-affinity groups, by name, of those that have one.
        host: the host with CPUs for these VMs; None: the log does not have its size.
    """

    def __init__(self, name: str, topology: Topology | None, rules: Rules) -> None:
        self.name = name
        self.facts = dict(_NO_FACTS)
        self.host: Host | None = None
        self.wanted: dict[str, VM] = {}
        self.groups: dict[str, Group] = {}
        self._topology = topology
        self._rules = rules

    def update(self, facts: Mapping[str, Any]) -> None:
        """Replace facts that have changed."""
        self.facts |= {key: value for key, value in facts.items() if key in _NO_FACTS}
        if "vms" in facts:
            self.wanted = {name: VM(name, *rest) for name, *rest in facts["vms"]}
        if "groups" in facts:
            self.groups = {name: Group(*group) for name, *group in facts["groups"]}
        if {"cpus", "memory_mib"} & facts.keys():
            self.host = self._made()
        self._converge()

    def refusal(self, request: PlacementRequest) -> Refusal | None:
        """Return why it refuses a VM for other reasons than its numbers and labels, or None."""
        if refusal := not_the_host(request, self.name):
            return refusal
        if request.vm.name in self.facts["foreign"]:
            return Refusal(Code.NAME_TAKEN)
        return not_apart(request, self.name, self.groups)

    def has(self, facts: Mapping[str, Any]) -> bool:
        """Return whether these are its facts and its VMs."""
        vms = {name: VM(name, *rest) for name, *rest in facts["vms"]}
        groups = {name: Group(*group) for name, *group in facts.get("groups", ())}
        ours = {name: facts[name] for name in _NO_FACTS if name in facts}
        return (vms, groups) == (self.wanted, self.groups) and all(
            (list(value) if isinstance(value, tuple) else value) == ours[name]
            for name, value in self.facts.items()
            if name in ours
        )

    def take(self, vm: VM, group: Group | None) -> Mapping[str, list[int]]:
        """Add a VM of a group; return the CPUs that are taken for it, by vNode."""
        if group:
            self.groups[vm.name] = group
        self.wanted[vm.name] = vm
        return self._converge()

    def give_back(self, name: str) -> None:
        """Remove a VM."""
        self.wanted.pop(name, None)
        self.groups.pop(name, None)
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
