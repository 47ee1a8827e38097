"""One step of many trials: the next event of each happens, by operations on whole arrays."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from slackanalysis.sizing.trials.slots import Slots
from slackanalysis.sizing.trials.trial import NOWHERE
from slackvm.model import VM, Candidates, PlacementRequest
from slackvm.model.placement.candidates import VNodes, numbered
from slackvm.model.placement.choice import best_hosts

Numbers = NDArray[np.int64]


def step(state: Slots, slots: Numbers) -> None:
    """Let the next event of each of some slots happen.

    Raises:
        PolicyError: the policy fails, or does not return one number for each request and host.
    """
    at = state.position[slots]
    state.position[slots] += 1
    event = state.events.event[at]
    is_arrival = event >= 0
    if is_arrival.all():
        _arrive(state, slots, at, event)
    elif not is_arrival.any():
        _leave(state, slots, at, ~event)
    else:
        _arrive(state, slots[is_arrival], at[is_arrival], event[is_arrival])
        leaving = ~is_arrival
        _leave(state, slots[leaving], at[leaving], ~event[leaving])


def _arrive(state: Slots, slots: Numbers, at: Numbers, vm: Numbers) -> None:
    events, hosts = state.events, state.hosts
    level = events.level[vm]
    vms = events.asked.columns(vm)
    growth, fits = hosts.consider(level, vms, slots)
    names, labels = numbered(hosts.cpus.shape[1])
    candidates = Candidates(
        PlacementRequest(cast("VM", vms)),  # a `host_local` policy calculates with columns
        fits,
        growth,
        hosts.cpus[slots],
        hosts.memory_mib[slots],
        hosts.cpus_free[slots],
        hosts.memory_free_mib[slots],
        names,
        labels,
        VNodes(hosts, events.levels, level, (slots,)),
    )
    host, taken = best_hosts(candidates, state.policy)
    if not taken.all():
        for row in np.flatnonzero(~taken).tolist():
            state.refuse(int(slots[row]), int(at[row]), int(vm[row]), growth[row])
        slots, at, vm, level, host = (numbers[taken] for numbers in (slots, at, vm, level, host))
    _put(state, slots, at, vm, level, host)


def _put(
    state: Slots, slots: Numbers, at: Numbers, vm: Numbers, level: Numbers, host: Numbers
) -> None:
    # A refusal may have put larger arrays in the place of those before it.
    asked, hosts, vnode = state.events.asked, state.hosts, (level, slots, host)
    vcpus = asked.vcpus[vm]
    state.there[(*vnode, state.events.size_class[vm])] += 1
    state.gained[at] = hosts.resize(
        level,
        (slots, host),
        asked.milli[vm],
        hosts.allocation[vnode] + vcpus,
        np.maximum(hosts.largest[vnode], vcpus),
        asked.memory_mib[vm],
    )
    state.host_of[vm] = state.host[at] = host


def _leave(state: Slots, slots: Numbers, at: Numbers, vm: Numbers) -> None:
    host = state.host_of[vm]
    if (host == NOWHERE).any():
        there = host != NOWHERE
        state.host[at] = NOWHERE
        state.gained[at] = 0
        slots, at, vm, host = (numbers[there] for numbers in (slots, at, vm, host))
    events, hosts = state.events, state.hosts
    asked, level = events.asked, events.level[vm]
    vnode = (level, slots, host)
    state.there[(*vnode, events.size_class[vm])] -= 1
    remaining = np.where(state.there[vnode] > 0, events.classes[level], 0)
    state.gained[at] = hosts.resize(
        level,
        (slots, host),
        asked.milli[vm],
        hosts.allocation[vnode] - asked.vcpus[vm],
        remaining.max(axis=1, initial=0),
        -asked.memory_mib[vm],
    )
    state.host[at] = host
