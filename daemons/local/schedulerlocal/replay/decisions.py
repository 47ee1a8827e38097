"""Serving the VMs of a recording: what the host decides at each timestamp."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedulerlocal.replay.orders import PROTOTYPE, STRICT
from slackvm.formats.monitoring.record import description
from slackvm.formats.monitoring.trace import Presence, Trace
from slackvm.formats.operations import Operation
from slackvm.model.host import Host
from slackvm.model.plan import Plan
from slackvm.model.refusal import Refusal

HOST_NAME = "offline"


@dataclass(frozen=True, slots=True)
class VNodeState:
    """A vNode from one timestamp on.

    Attributes:
        level: its level.
        owned: CPUs that it owns.
        description: `sb_dsc` if it differs from before, else None.
    """

    level: float
    owned: int
    description: str | None


@dataclass(frozen=True, slots=True)
class HostState:
    """The host from the timestamp of index `step` on, its vNodes in the order of creation."""

    step: int
    memory_mib: int
    vnodes: tuple[VNodeState, ...]


@dataclass(frozen=True)
class Decisions:
    """What a host decided over a whole recording.

    Attributes:
        states: the host after each timestamp at which something changed, ascending.
        operations: every deploy and removal, in order.
        refusals: timestamp in seconds, VM and reason of each refusal.
        placed: whether each of the recording's VMs was accepted, shape (presences,).
    """

    states: list[HostState]
    operations: list[Operation]
    refusals: list[tuple[int, Presence, Refusal]]
    placed: NDArray[np.bool_]


def decide(
    trace: Trace, host: Host, order: str = STRICT, advance: Callable[[int], None] = lambda _: None
) -> Decisions:
    """Serve a recording's arrivals and departures on an empty host.

    Args:
        trace: the recording.
        host: the host; it is left as it is after the last timestamp.
        order: one of `ORDERS`.
        advance: called with how many VMs more have arrived or left, for a progress bar.
    """
    decisions = Decisions([], [], [], np.zeros(len(trace.presences), dtype=np.bool_))
    described: dict[float, tuple[object, ...]] = {}
    for step, arrivals, departures in _events(trace):
        time = int(trace.rows.times[step])
        changed = False
        groups = [(arrivals, _plan_arrival), (departures, _plan_departure)]
        for indexes, plan_for in groups if order == PROTOTYPE else reversed(groups):
            for index in indexes:
                presence = trace.presences[index]
                if plan_for is _plan_departure and not decisions.placed[index]:
                    continue
                plan = plan_for(host, presence)
                _carry_out(plan, host, decisions, time)
                if plan.refusal:
                    decisions.refusals.append((time, presence, plan.refusal))
                else:
                    decisions.placed[index] = True
                    changed = True
        if changed:
            decisions.states.append(_state(step, host, described))
        advance(len(arrivals) + len(departures))
    return decisions


def _events(trace: Trace) -> Iterator[tuple[int, list[int], list[int]]]:
    """Yield each timestamp's index with the VMs that arrive at it and those gone since the last."""
    arrivals: dict[int, list[int]] = {}
    departures: dict[int, list[int]] = {}
    for index, presence in enumerate(trace.presences):
        arrivals.setdefault(presence.first_step, []).append(index)
        if presence.last_step + 1 < len(trace.rows.times):
            departures.setdefault(presence.last_step + 1, []).append(index)
    for step in sorted(arrivals.keys() | departures.keys()):
        yield step, arrivals.get(step, []), departures.get(step, [])


def _plan_arrival(host: Host, presence: Presence) -> Plan:
    return host.plan_deploy(presence.vm)


def _plan_departure(host: Host, presence: Presence) -> Plan:
    return host.plan_remove(presence.vm.name)


def _carry_out(plan: Plan, host: Host, decisions: Decisions, time: int) -> None:
    log = decisions.operations
    log.append(Operation.of(plan, len(log) + 1, time, HOST_NAME))
    if plan.accepted:
        host.commit(plan)


def _state(step: int, host: Host, described: dict[float, tuple[object, ...]]) -> HostState:
    """Return the host's state; `described` holds each vNode's last description and is updated."""
    pins = host.pins()
    vnodes = []
    memory_mib = 0
    for level, vnode in host.vnodes.items():
        memory_mib += vnode.memory_mib
        now = (vnode.positions, tuple(vnode.vms), pins[level])
        text = None
        if described.get(level) != now:
            described[level] = now
            cpu_ids = host.cpu_ids(level)
            text = description(cpu_ids, list(vnode.vms), pins[level] if vnode.vms else ())
        vnodes.append(VNodeState(level, vnode.owned, text))
    return HostState(step, memory_mib, tuple(vnodes))
