"""Slots: the state of the trials that run, and what happens when no host takes a VM."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slackanalysis.sizing.hosts import sizes
from slackanalysis.sizing.refusals import RefusedVM, refused_vm
from slackanalysis.sizing.trials.events import Events
from slackanalysis.sizing.trials.trial import NOWHERE, OnRefusal, PlacementRun, Trial
from slackvm.model import Policy, PolicyError
from slackvm.model.placement.arrays import HostArrays

_MOST_NUMBERS = 12_000
"""Hosts in all slots: few enough for their arrays to stay in a CPU's cache."""

_MOST_ADDED = 100
"""Hosts added for one VM before the policy is taken to refuse it for ever."""


class Slots:
    """The trials that run, each in a slot.

    Attributes:
        events: VMs and events of all trials.
        policy: chooses the hosts.
        hosts: numbers of hosts, shape (slots, hosts). Hosts beyond those of a trial have less than
            no CPU and no memory free, so they take no VM.
        there: VMs of each size on each vNode, shape (levels, slots, hosts, classes).
        trial: the trial of each slot, shape (slots,).
        position: number of each slot's next event, shape (slots,).
        count: number of hosts of each trial, shape (trials,).
        host_of: host of each VM, shape (VMs,).
        host: host of each event, shape (events,).
        gained: CPUs that vNodes gained at each event, shape (events,).
        running: slots whose trial has not ended.
    """

    def __init__(self, trials: Sequence[Trial], policy: Policy) -> None:
        self.trials = trials
        self.policy = policy
        self.events = Events(trials)
        self.host_of = np.full(len(self.events.vms), NOWHERE)
        self.host = np.full(len(self.events.event), NOWHERE)
        self.gained = np.zeros(len(self.events.event), dtype=np.int64)
        self.count = np.array([trial.count for trial in trials])
        self._refused: list[list[RefusedVM]] = [[] for _ in trials]
        self._added = np.zeros(len(trials), dtype=np.int64)
        self._refused_last = np.full(len(trials), NOWHERE)
        widest = int(self.count.max())
        slots = 1
        if policy.host_local:
            slots = min(len(trials), max(1, _MOST_NUMBERS // max(widest, 1)))
        # Some more, since many trials end with more hosts than they begin with.
        width = max(1, widest + (widest // 10 + 2 if slots > 1 else 0))
        levels, classes = len(self.events.levels), self.events.classes.shape[-1]
        self.hosts = HostArrays((slots, width), levels)
        self.there = np.zeros((levels, slots, width, classes), dtype=np.int32)
        self.trial = np.zeros(slots, dtype=np.int64)
        self.position = np.zeros(slots, dtype=np.int64)
        self.running: list[int] = []

    def begin(self, slot: int) -> None:
        """Empty the hosts of a slot and let its trial begin."""
        trial = int(self.trial[slot])
        count = int(self.count[trial])
        self._widen(count)
        hosts = self.hosts
        width = hosts.cpus.shape[1]
        hosts.cpus[slot], hosts.memory_mib[slot] = sizes(self.trials[trial].hosts, width)
        for free, whole in (
            (hosts.cpus_free, hosts.cpus),
            (hosts.memory_free_mib, hosts.memory_mib),
        ):
            free[slot] = np.where(np.arange(width) < count, whole[slot], -1)
        for numbers in (hosts.owned, hosts.allocation, hosts.largest, self.there):
            numbers[:, slot] = 0
        self.position[slot] = self.events.begin[trial]
        self._refused[trial].clear()

    def result(self, trial: int) -> PlacementRun:
        """Return what became of a trial that has ended."""
        events = slice(self.events.begin[trial], self.events.end[trial])
        return PlacementRun(
            int(self.count[trial]),
            self.host[events].copy(),
            self.gained[events].copy(),
            tuple(self._refused[trial]),
        )

    def refuse(self, slot: int, at: int, vm: int, growth: NDArray[np.int64]) -> None:
        """Record that no host takes a VM, or add a host, as the trial says.

        Args:
            slot: the slot.
            at: number of the event.
            vm: number of the VM.
            growth: CPUs that the VM would add to each host.

        Raises:
            PolicyError: the policy excludes every empty host, so that adding hosts does not end.
        """
        trial = int(self.trial[slot])
        asked = self.trials[trial]
        count = int(self.count[trial])
        if asked.on_refusal is OnRefusal.RECORD:
            hosts = self.hosts
            self.host_of[vm] = self.host[at] = NOWHERE
            self.gained[at] = 0
            self._refused[trial].append(
                refused_vm(
                    vm - int(self.events.first_vm[trial]),
                    self.events.vms[vm],
                    growth[:count],
                    hosts.cpus_free[slot, :count],
                    hosts.memory_free_mib[slot, :count],
                    hosts.cpus[slot, :count],
                    hosts.memory_mib[slot, :count],
                )
            )
            return
        self._check_that_hosts_help(trial, slot, vm)
        self.count[trial] = count + 1
        if self._adds_hosts_last(asked):
            # Another host changes nothing until the others refuse a VM: go on from here.
            self._widen(count + 1)
            size = asked.hosts.at(count)
            self.hosts.cpus_free[slot, count] = size.cpus
            self.hosts.memory_free_mib[slot, count] = size.memory_mib
            self.position[slot] = at
        else:
            self.begin(slot)

    def _check_that_hosts_help(self, trial: int, slot: int, vm: int) -> None:
        if self._refused_last[trial] != vm:
            self._refused_last[trial], self._added[trial] = vm, 0
        self._added[trial] += 1
        if self._added[trial] <= _MOST_ADDED:
            return
        hosts, count, asked = self.hosts, int(self.count[trial]), self.events.vms[vm]
        empty = hosts.cpus_free[slot, :count] == hosts.cpus[slot, :count]
        empty &= hosts.cpus[slot, :count] >= asked.vcpus
        empty &= hosts.memory_free_mib[slot, :count] >= asked.memory_mib
        if empty.any():
            raise PolicyError(
                f"no host takes VM {asked.name}: the policy excludes each of {count} hosts, of "
                f"which {np.count_nonzero(empty)} are empty and large enough"
            )

    def _adds_hosts_last(self, trial: Trial) -> bool:
        """Whether VMs before the refused one go to the same hosts if there is one host more."""
        policy = self.policy
        return policy.in_order or (policy.empty_last and len(trial.hosts.kinds) == 1)

    def _widen(self, count: int) -> None:
        """Make room for a number of hosts in each slot."""
        width = self.hosts.cpus.shape[1]
        if count <= width:
            return
        more = count - width + count // 8
        self.hosts = self.hosts.with_hosts(more)
        self.hosts.cpus_free[:, width:] = self.hosts.memory_free_mib[:, width:] = -1
        levels, slots, _, classes = self.there.shape
        added = np.zeros((levels, slots, more, classes), dtype=np.int32)
        self.there = np.concatenate([self.there, added], axis=2)
        for slot in self.running:
            trial = self.trials[int(self.trial[slot])]
            self.hosts.cpus[slot], self.hosts.memory_mib[slot] = sizes(trial.hosts, width + more)
