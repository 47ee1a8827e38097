"""Which CPUs the VMs of a cluster may run on over time, as each host of it decides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackvm.model import VM, Host


@dataclass(frozen=True)
class Pools:
    """CPUs by host and level, as they are at each timestamp.

    VMs of different levels that are pinned to the same CPUs share one pool.

    Attributes:
        owned: CPUs of each vNode, shape (steps, hosts, levels).
        free: CPUs that no vNode owns, shape (steps, hosts).
        pool: which pool the VMs of a level run in: the index of the first level that is pinned to
            the same CPUs, shape (steps, hosts, levels).
        size: CPUs of that pool, shape (steps, hosts, levels).
    """

    owned: NDArray[np.int64]
    free: NDArray[np.int64]
    pool: NDArray[np.int64]
    size: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Move:
    """A VM comes to a host (`vm` is given) or leaves it, before the timestamp of index `step`."""

    step: int
    host: int
    name: str
    vm: VM | None


def pools_over_time(
    hosts: Sequence[Host], levels: Sequence[float], moves: Sequence[Move], steps: int
) -> Pools:
    """Let empty hosts decide on moves, and return what came of them at each timestamp.

    Args:
        hosts: the hosts; they are left as they are after the last move.
        levels: the levels that occur.
        moves: in the order in which they happen; those behind the last timestamp do not count.
        steps: number of timestamps.

    Raises:
        ValueError: a host refuses a VM.
    """
    width = 3 * len(levels) + 1
    states = np.zeros((steps, len(hosts), width), dtype=np.int64)
    latest = np.zeros((steps, len(hosts)), dtype=np.int64)
    states[0, :] = [_state(host, levels) for host in hosts]
    for move in moves:
        if move.step >= steps:
            break
        host = hosts[move.host]
        host.commit(host.plan_deploy(move.vm) if move.vm else host.plan_remove(move.name))
        states[move.step, move.host] = _state(host, levels)
        latest[move.step, move.host] = move.step
    # Between its moves, a host stays as it is.
    latest = np.maximum.accumulate(latest, axis=0)
    states = states[latest, np.arange(len(hosts))]
    owned, pool, size = np.split(states[..., 1:], 3, axis=-1)
    return Pools(owned, states[..., 0], pool, size)


def _state(host: Host, levels: Sequence[float]) -> list[int]:
    """Return free CPUs, then per level: CPUs owned, its pool, CPUs of that pool."""
    pins = host.pins()
    owned = [host.vnodes[level].owned if level in host.vnodes else 0 for level in levels]
    pinned = [pins.get(level, ()) for level in levels]
    pool = [pinned.index(cpus) if cpus else place for place, cpus in enumerate(pinned)]
    return [host.cpus_free, *owned, *pool, *map(len, pinned)]
