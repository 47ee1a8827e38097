"""Trials: request lists served on clusters of a number of hosts, many of them at once.

Each running trial has a slot: a row of hosts in arrays of shape (slots, hosts). A step takes the
next event of every running trial, so a few operations on whole arrays decide for all of them. The
numbers of hosts change only in `slackvm.model.placement.arrays.HostArrays`, and each choice is that
of `slackvm.model.placement`, as on the controller of a real cluster.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

import numpy as np
from numpy.typing import NDArray

from slackanalysis.sizing.hosts import Hosts, sizes
from slackanalysis.sizing.refusals import RefusedVM, refused_vm
from slackanalysis.workload.requests import RequestList
from slackvm.model import VM, Candidates, DeclaredPolicy, PlacementRequest, Policy
from slackvm.model.placement.arrays import HostArrays, VMs
from slackvm.model.placement.candidates import VNodes, numbered, read_only
from slackvm.model.placement.choice import choose, choose_for_each

_MOST_NUMBERS = 12_000
"""Hosts in all slots: few enough for their arrays to stay in a CPU's cache."""

_NO_LABELS: Mapping[str, str] = {}

_NOWHERE = -1
"""Stands for the host of a VM that was refused."""


class OnRefusal(Enum):
    """What a trial does when no host takes a VM."""

    ADD_HOSTS = "begin again with one host more"
    RECORD = "go on, and keep which VM it was and why"


@dataclass(frozen=True)
class Trial:
    """A list of requests, and the hosts that serve it.

    Attributes:
        requests: the list.
        hosts: what each host offers.
        count: number of hosts, at first.
        on_refusal: what happens when no host takes a VM.
    """

    requests: RequestList
    hosts: Hosts
    count: int
    on_refusal: OnRefusal = OnRefusal.ADD_HOSTS


@dataclass(frozen=True)
class PlacementRun:
    """What became of a list of requests on a cluster.

    Attributes:
        hosts: number of hosts of the cluster.
        host: index of the host at which each event of the list happened, shape (events,); -1 for
            the events of a VM that was refused.
        gained: CPUs that its vNodes gained by it, below 0 where they lost some, shape (events,).
        refused: the VMs that no host took, in order.
    """

    hosts: int
    host: NDArray[np.int64]
    gained: NDArray[np.int64]
    refused: tuple[RefusedVM, ...] = ()


def run_trials(
    trials: Sequence[Trial],
    policy: Policy,
    *,
    progress: Callable[[int], object] = lambda _: None,
) -> list[PlacementRun]:
    """Return what becomes of each trial, in order.

    Args:
        trials: the trials; they do not influence one another.
        policy: which of the hosts that take a VM gets it.
        progress: called with the number of trials that ended since the call before.

    Raises:
        PolicyError: the policy fails, or does not give one number for each host.
    """
    if not trials:
        return []
    return _Engine(trials, policy, progress).run()


class _Engine:
    """Serves trials, each in a slot; a slot whose trial has ended takes the next one."""

    def __init__(
        self, trials: Sequence[Trial], policy: Policy, progress: Callable[[int], object]
    ) -> None:
        self._trials = trials
        self._policy = policy
        self._progress = progress
        self._vms = [vm for trial in trials for vm in trial.requests.vms]
        self._asked = VMs.of(self._vms)
        levels, self._level = np.unique(self._asked.level, return_inverse=True)
        self._level_index = {level: index for index, level in enumerate(levels.tolist())}
        # Sizes of VMs by level, ascending and padded with 0, so that a vNode's largest is found.
        by_level = [np.unique(self._asked.vcpus[self._asked.level == level]) for level in levels]
        most = max((len(each) for each in by_level), default=1)
        self._classes = np.array([np.pad(each, (0, most - len(each))) for each in by_level])
        self._class = np.zeros(len(self._vms), dtype=np.int64)
        for index, each in enumerate(by_level):
            of_level = self._level == index
            self._class[of_level] = np.searchsorted(each, self._asked.vcpus[of_level])
        # Events of all trials behind one another; VMs are counted through.
        vms = np.cumsum([0, *(len(trial.requests.vms) for trial in trials)])
        self._first_vm = vms[:-1]
        events = [
            np.where(trial.requests.events >= 0, 1, -1) * first + trial.requests.events
            for trial, first in zip(trials, self._first_vm.tolist(), strict=True)
        ]
        self._events = np.concatenate(events)
        self._begin, self._end = 2 * vms[:-1], 2 * vms[1:]
        self._host_of = np.full(len(self._vms), _NOWHERE)
        self._host = np.full(len(self._events), _NOWHERE)
        self._gained = np.zeros(len(self._events), dtype=np.int64)
        self._refused: list[list[RefusedVM]] = [[] for _ in trials]
        self._runs: dict[int, PlacementRun] = {}
        self._count = np.array([trial.count for trial in trials])
        # The largest first, so that the last ones to run are short.
        lengths = self._end - self._begin
        self._waiting = np.lexsort((lengths * self._count,)).tolist()
        self._make_slots(len(levels))

    def _make_slots(self, levels: int) -> None:
        widest = int(self._count.max())
        slots = min(len(self._trials), max(1, _MOST_NUMBERS // max(widest, 1)))
        if not isinstance(self._policy, DeclaredPolicy):
            slots = 1  # it takes one request at a time
        # Some more, since many trials end with more hosts than they begin with.
        width = max(1, widest + (widest // 10 + 2 if slots > 1 else 0))
        self._hosts = HostArrays((slots, width), levels)
        self._there = np.zeros((levels, slots, width, self._classes.shape[-1]), dtype=np.int32)
        self._trial = np.zeros(slots, dtype=np.int64)
        self._position = np.zeros(slots, dtype=np.int64)
        self._running: list[int] = []

    def run(self) -> list[PlacementRun]:
        """Return what becomes of each trial, in order."""
        for slot in range(len(self._trial)):
            self._take_next(slot)
        while self._running:
            slots = np.array(self._running)
            ended: list[int] = []
            while not ended:
                if len(slots) > 1:
                    self._step(slots)
                    ended = slots[self._position[slots] >= self._end[self._trial[slots]]].tolist()
                else:
                    self._run_alone(*self._running)
                    ended = [*self._running]
            for slot in ended:
                self._keep(int(self._trial[slot]))
                self._running.remove(slot)
                self._take_next(slot)
        return [self._runs[trial] for trial in range(len(self._trials))]

    def _take_next(self, slot: int) -> None:
        """Let a slot run the next trial; one without requests is done at once."""
        while self._waiting:
            trial = self._waiting.pop()
            self._trial[slot] = trial
            if self._begin[trial] < self._end[trial]:
                self._begin_trial(slot)
                self._running.append(slot)
                return
            self._keep(trial)

    def _begin_trial(self, slot: int) -> None:
        trial = int(self._trial[slot])
        count = int(self._count[trial])
        self._widen(count)
        hosts = self._hosts
        width = hosts.cpus.shape[1]
        hosts.cpus[slot], hosts.memory_mib[slot] = sizes(self._trials[trial].hosts, width)
        # Hosts beyond those of the trial have less than nothing: they take no VM.
        for free, whole in (
            (hosts.cpus_free, hosts.cpus),
            (hosts.memory_free_mib, hosts.memory_mib),
        ):
            free[slot] = np.where(np.arange(width) < count, whole[slot], -1)
        for numbers in (hosts.owned, hosts.allocation, hosts.largest, self._there):
            numbers[:, slot] = 0
        self._position[slot] = self._begin[trial]
        self._refused[trial].clear()

    def _widen(self, count: int) -> None:
        """Make room for so many hosts in each slot; in the rows of others they are not there."""
        width = self._hosts.cpus.shape[1]
        if count <= width:
            return
        more = count - width + count // 8
        self._hosts = self._hosts.with_hosts(more)
        self._hosts.cpus_free[:, width:] = self._hosts.memory_free_mib[:, width:] = -1
        self._there = np.concatenate(
            [self._there, np.zeros_like(self._there, shape=_widened(self._there, more))], axis=2
        )
        for slot in self._running:
            trial = self._trials[int(self._trial[slot])]
            self._hosts.cpus[slot], self._hosts.memory_mib[slot] = sizes(trial.hosts, width + more)

    def _keep(self, trial: int) -> None:
        events = slice(self._begin[trial], self._end[trial])
        self._runs[trial] = PlacementRun(
            int(self._count[trial]),
            self._host[events].copy(),
            self._gained[events].copy(),
            tuple(self._refused[trial]),
        )
        self._progress(1)

    def _step(self, slots: NDArray[np.int64]) -> None:
        """Let the next event of each slot happen."""
        at = self._position[slots]
        self._position[slots] += 1
        event = self._events[at]
        is_arrival = event >= 0
        if is_arrival.all():
            self._arrive(slots, at, event)
        elif not is_arrival.any():
            self._leave(slots, at, ~event)
        else:
            self._arrive(slots[is_arrival], at[is_arrival], event[is_arrival])
            leaving = ~is_arrival
            self._leave(slots[leaving], at[leaving], ~event[leaving])

    def _arrive(
        self, slots: NDArray[np.int64], at: NDArray[np.int64], vm: NDArray[np.int64]
    ) -> None:
        level = self._level[vm]
        vms = self._asked.columns(vm)
        growth, fits = self._hosts.consider(level, vms, slots)
        hosts = self._hosts
        candidates = Candidates(
            # A declared policy takes columns of numbers for numbers.
            PlacementRequest(cast("VM", vms), _NO_LABELS, _NO_LABELS),
            fits,
            growth,
            hosts.cpus[slots],
            hosts.memory_mib[slots],
            hosts.cpus_free[slots],
            hosts.memory_free_mib[slots],
            *numbered(hosts.cpus.shape[1]),
            VNodes(hosts, self._level_index, level, (slots,)),
        )
        host, taken = choose_for_each(candidates, cast("DeclaredPolicy", self._policy))
        if not taken.all():
            for row in np.flatnonzero(~taken).tolist():
                self._refuse(int(slots[row]), int(at[row]), int(vm[row]), growth[row])
            slots, at, vm, level, host = (
                numbers[taken] for numbers in (slots, at, vm, level, host)
            )
        self._put(slots, at, vm, level, host)

    def _put(
        self,
        slots: NDArray[np.int64],
        at: NDArray[np.int64],
        vm: NDArray[np.int64],
        level: NDArray[np.int64],
        host: NDArray[np.int64],
    ) -> None:
        asked, vnode = self._asked, (level, slots, host)
        vcpus = asked.vcpus[vm]
        self._there[(*vnode, self._class[vm])] += 1
        self._gained[at] = self._hosts.resize(
            level,
            (slots, host),
            asked.milli[vm],
            self._hosts.allocation[vnode] + vcpus,
            np.maximum(self._hosts.largest[vnode], vcpus),
            asked.memory_mib[vm],
        )
        self._host_of[vm] = self._host[at] = host

    def _leave(
        self, slots: NDArray[np.int64], at: NDArray[np.int64], vm: NDArray[np.int64]
    ) -> None:
        host = self._host_of[vm]
        if (host == _NOWHERE).any():
            there = host != _NOWHERE
            self._host[at] = _NOWHERE
            self._gained[at] = 0
            slots, at, vm, host = (numbers[there] for numbers in (slots, at, vm, host))
        asked, level = self._asked, self._level[vm]
        vnode = (level, slots, host)
        self._there[(*vnode, self._class[vm])] -= 1
        largest = np.where(self._there[vnode] > 0, self._classes[level], 0).max(axis=1, initial=0)
        self._gained[at] = self._hosts.resize(
            level,
            (slots, host),
            asked.milli[vm],
            self._hosts.allocation[vnode] - asked.vcpus[vm],
            largest,
            -asked.memory_mib[vm],
        )
        self._host[at] = host

    def _run_alone(self, slot: int) -> None:
        """Let the events of the only slot happen one by one, to the end of its trial."""
        end = self._end.item(self._trial.item(slot))
        while (at := self._position.item(slot)) < end:
            self._position[slot] = at + 1
            event = self._events.item(at)
            if event < 0:
                self._leave_alone(slot, at, ~event)
            else:
                self._arrive_alone(slot, at, event)

    def _arrive_alone(self, slot: int, at: int, event: int) -> None:
        vm, level, hosts = self._vms[event], self._level.item(event), self._hosts
        growth, fits = hosts.consider(level, vm, slot)
        count = self._count.item(self._trial.item(slot))
        fits.flags.writeable = False
        names, labels = numbered(count)
        candidates = Candidates(
            PlacementRequest(vm, _NO_LABELS, _NO_LABELS),
            fits[:count],
            growth[:count],
            read_only(hosts.cpus[slot, :count]),
            read_only(hosts.memory_mib[slot, :count]),
            read_only(hosts.cpus_free[slot, :count]),
            read_only(hosts.memory_free_mib[slot, :count]),
            names,
            labels,
            VNodes(hosts, self._level_index, level, (slot, slice(count))),
        )
        if isinstance(self._policy, DeclaredPolicy) and self._policy.in_order:
            # Looking for the first that fits takes no scores.
            first = int(candidates.fits.argmax())
            host = first if candidates.fits[first] else None
        else:
            host, _ = choose(candidates, self._policy)
        if host is None:
            self._refuse(slot, at, event, growth)
            return
        vnode = (level, slot, host)
        self._there[(*vnode, self._class[event])] += 1
        self._gained[at] = hosts.resize(
            level,
            (slot, host),
            vm.milli,
            hosts.allocation.item(vnode) + vm.vcpus,
            max(hosts.largest.item(vnode), vm.vcpus),
            vm.memory_mib,
        )
        self._host_of[event] = self._host[at] = host

    def _leave_alone(self, slot: int, at: int, index: int) -> None:
        host, level = self._host_of.item(index), self._level.item(index)
        self._host[at] = host
        if host == _NOWHERE:
            self._gained[at] = 0
            return
        vm, hosts, vnode = self._vms[index], self._hosts, (level, slot, host)
        there = self._there[vnode]
        there[self._class[index]] -= 1
        largest = hosts.largest.item(vnode)
        if vm.vcpus == largest:
            largest = int(np.where(there > 0, self._classes[level], 0).max())
        self._gained[at] = hosts.resize(
            level,
            (slot, host),
            vm.milli,
            hosts.allocation.item(vnode) - vm.vcpus,
            largest,
            -vm.memory_mib,
        )

    def _refuse(self, slot: int, at: int, vm: int, growth: NDArray[np.int64]) -> None:
        trial = int(self._trial[slot])
        asked = self._trials[trial]
        count = int(self._count[trial])
        if asked.on_refusal is OnRefusal.RECORD:
            hosts = self._hosts
            self._host_of[vm] = self._host[at] = _NOWHERE
            self._gained[at] = 0
            self._refused[trial].append(
                refused_vm(
                    vm - int(self._first_vm[trial]),
                    self._vms[vm],
                    growth[:count],
                    hosts.cpus_free[slot, :count],
                    hosts.memory_free_mib[slot, :count],
                    hosts.cpus[slot, :count],
                    hosts.memory_mib[slot, :count],
                )
            )
        else:
            self._count[trial] = count + 1
            if self._adds_hosts_last(asked.hosts):
                # One host more changes nothing until the others refuse a VM: go on from here.
                self._widen(count + 1)
                size = asked.hosts.at(count)
                self._hosts.cpus_free[slot, count] = size.cpus
                self._hosts.memory_free_mib[slot, count] = size.memory_mib
                self._position[slot] = at
            else:
                self._begin_trial(slot)

    def _adds_hosts_last(self, hosts: Hosts) -> bool:
        policy = self._policy
        return isinstance(policy, DeclaredPolicy) and (
            policy.in_order or (policy.empty_last and len(hosts.kinds) == 1)
        )


def _widened(numbers: NDArray[np.int32], more: int) -> tuple[int, ...]:
    levels, slots, _, classes = numbers.shape
    return levels, slots, more, classes
