"""One trial: its events happen one after another, each by operations on the hosts' arrays."""

import numpy as np

from slackanalysis.sizing.trials.slots import Slots
from slackanalysis.sizing.trials.trial import NOWHERE
from slackvm.model import Candidates, PlacementRequest
from slackvm.model.placement.candidates import VNodes, numbered, read_only
from slackvm.model.placement.choice import best_host


def run_to_end(state: Slots, slot: int) -> None:
    """Let the events of a slot happen to the end of its trial.

    Raises:
        PolicyError: the policy fails, or does not return one number for each host.
    """
    end = state.events.end.item(state.trial.item(slot))
    while (at := state.position.item(slot)) < end:
        state.position[slot] = at + 1
        event = state.events.event.item(at)
        if event < 0:
            _leave(state, slot, at, ~event)
        else:
            _arrive(state, slot, at, event)


def _arrive(state: Slots, slot: int, at: int, index: int) -> None:
    events, hosts = state.events, state.hosts
    vm, level = events.vms[index], events.level.item(index)
    growth, fits = hosts.consider(level, vm, slot)
    count = state.count.item(state.trial.item(slot))
    fits.flags.writeable = False
    names, labels = numbered(count)
    candidates = Candidates(
        PlacementRequest(vm),
        fits[:count],
        growth[:count],
        read_only(hosts.cpus[slot, :count]),
        read_only(hosts.memory_mib[slot, :count]),
        read_only(hosts.cpus_free[slot, :count]),
        read_only(hosts.memory_free_mib[slot, :count]),
        names,
        labels,
        VNodes(hosts, events.levels, level, (slot, slice(count))),
    )
    host = best_host(candidates, state.policy)
    if host is None:
        state.refuse(slot, at, index, growth)
        return
    vnode = (level, slot, host)
    state.there[(*vnode, events.size_class[index])] += 1
    state.gained[at] = hosts.resize(
        level,
        (slot, host),
        vm.milli,
        hosts.allocation.item(vnode) + vm.vcpus,
        max(hosts.largest.item(vnode), vm.vcpus),
        vm.memory_mib,
    )
    state.host_of[index] = state.host[at] = host


def _leave(state: Slots, slot: int, at: int, index: int) -> None:
    events, hosts = state.events, state.hosts
    host, level = state.host_of.item(index), events.level.item(index)
    state.host[at] = host
    if host == NOWHERE:
        state.gained[at] = 0
        return
    vm, vnode = events.vms[index], (level, slot, host)
    there = state.there[vnode]
    there[events.size_class[index]] -= 1
    largest = hosts.largest.item(vnode)
    if vm.vcpus == largest:
        largest = int(np.where(there > 0, events.classes[level], 0).max())
    state.gained[at] = hosts.resize(
        level,
        (slot, host),
        vm.milli,
        hosts.allocation.item(vnode) - vm.vcpus,
        largest,
        -vm.memory_mib,
    )
