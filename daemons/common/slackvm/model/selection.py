"""Which CPUs a vNode takes when it grows and gives back when it shrinks.

A selection is an object with `take` and `give_back`; `SELECTIONS` names those that come with
SlackVM. Ties always go to the lowest position in the host's list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slackvm.model.topology import Topology


@dataclass(frozen=True, slots=True)
class Situation:
    """What a selection sees: one vNode that changes, and the other vNodes.

    Attributes:
        topology: the host's CPUs; positions are indexes into it.
        free: True for each CPU that no vNode owns, shape (n,).
        owned: positions that the vNode owns, in the order in which it took them.
        is_new: the vNode does not exist yet; a vNode without VMs does exist.
    """

    topology: Topology
    free: NDArray[np.bool_]
    owned: Sequence[int]
    is_new: bool

    def owned_mask(self) -> NDArray[np.bool_]:
        """True for each CPU that this vNode owns, shape (n,)."""
        mask = np.zeros(len(self.topology), dtype=np.bool_)
        mask[list(self.owned)] = True
        return mask

    def others_mask(self) -> NDArray[np.bool_]:
        """True for each CPU that another vNode owns, shape (n,)."""
        return ~(self.free | self.owned_mask())


class Selection(Protocol):
    """A way to choose CPUs. `count` never exceeds the free CPUs, or the owned ones."""

    def take(self, situation: Situation, count: int) -> list[int]:
        """Return `count` positions of free CPUs, in the order in which they are taken."""

    def give_back(self, situation: Situation, count: int) -> list[int]:
        """Return `count` positions of owned CPUs, in the order in which they are given back."""


class PaperSelection:
    """The published selection: near its own CPUs, far from the others'.

    A new vNode starts on the free CPU with the largest mean distance to all owned CPUs and takes
    those nearest to that one. A vNode that exists grows by the free CPU with the smallest mean
    distance to its own, one at a time, and gives back the last taken first. SMT siblings may end
    up in different vNodes.
    """

    def take(self, situation: Situation, count: int) -> list[int]:
        """Return the CPUs to take; see the class."""
        if situation.is_new:
            return _around_a_far_start(situation, count)
        distances = situation.topology.distances
        # Every candidate has the same number of distances in its mean, so sums order alike.
        sums = distances[:, list(situation.owned)].sum(axis=1)
        free = situation.free.copy()
        taken: list[int] = []
        for _ in range(count):
            nearest = _best(-sums, free)
            taken.append(nearest)
            free[nearest] = False
            sums = sums + distances[:, nearest]
        return taken

    def give_back(self, situation: Situation, count: int) -> list[int]:
        """Return the last taken CPUs, the last first."""
        return list(reversed(situation.owned[len(situation.owned) - count :]))


class CompactSelection:
    """Whole cores: SMT siblings stay in one vNode while any whole free core is left.

    Each CPU taken is the best in this order: on a core that only this vNode uses; on a core that is
    wholly free; on a core that this vNode shares already; any other. Among equal CPUs, one that
    shares its last-level cache with the vNode's CPUs is better, then one of their NUMA node, then
    the one with the smallest mean distance to them (for a vNode without CPUs: with the largest mean
    distance to all owned CPUs). CPUs on cores
    shared with another vNode are given back first, then those of half-used cores, then the last
    taken.
    """

    def take(self, situation: Situation, count: int) -> list[int]:
        """Return the CPUs to take; see the class."""
        topology = situation.topology
        free = situation.free.copy()
        owned = situation.owned_mask()
        others = situation.others_mask()
        taken: list[int] = []
        for _ in range(count):
            key = 4 * _core_ranks(topology, owned, others)
            if owned.any():
                key += 2 * ~_shares(topology.last_level_caches, owned)
                key += ~_shares(topology.numa_nodes, owned)
                tie = topology.distances[:, owned].sum(axis=1)
            else:
                tie = -topology.distances[:, others].sum(axis=1)
            best = _best(-(key * _more_than(tie) + tie), free)
            taken.append(best)
            free[best] = False
            owned[best] = True
        return taken

    def give_back(self, situation: Situation, count: int) -> list[int]:
        """Return the CPUs to give back; see the class."""
        cores = situation.topology.cores
        others = np.bincount(cores, situation.others_mask(), minlength=len(cores))
        kept = list(situation.owned)
        given: list[int] = []
        for _ in range(count):
            mine = np.bincount(cores[kept], minlength=len(cores))
            worst = max(
                range(len(kept)),
                key=lambda place: (
                    others[cores[kept[place]]] > 0,
                    -mine[cores[kept[place]]],
                    place,
                ),
            )
            given.append(kept.pop(worst))
        return given


SELECTIONS: Mapping[str, Selection] = MappingProxyType(
    {"paper": PaperSelection(), "compact": CompactSelection()}
)
"""The selections that come with SlackVM, by the name that `--selection` takes."""


def _around_a_far_start(situation: Situation, count: int) -> list[int]:
    distances = situation.topology.distances
    start = _best(distances[:, ~situation.free].sum(axis=1), situation.free)
    by_nearness = np.argsort(distances[start], kind="stable")
    nearest = [int(p) for p in by_nearness if situation.free[p] and p != start]
    return [start, *nearest[: count - 1]]


def _best(score: NDArray[np.int64], allowed: NDArray[np.bool_]) -> int:
    """Return the lowest position with the highest score among those allowed."""
    return int(np.argmax(np.where(allowed, score, np.iinfo(np.int64).min)))


def _core_ranks(
    topology: Topology, owned: NDArray[np.bool_], others: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return for each CPU the rank of its core: 0 best, 3 worst."""
    mine = _shares(topology.cores, owned)
    theirs = _shares(topology.cores, others)
    return np.select([mine & ~theirs, ~mine & ~theirs, mine & theirs], [0, 1, 2], default=3)


def _shares(groups: NDArray[np.int64], owned: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each CPU whether its group holds a CPU of `owned`."""
    has = np.zeros(int(groups.max()) + 1, dtype=np.bool_)
    has[groups[owned]] = True
    shares: NDArray[np.bool_] = has[groups]
    return shares


def _more_than(tie: NDArray[np.int64]) -> int:
    """Return a factor that makes any difference in a rank outweigh every difference in `tie`."""
    return int(np.ptp(tie)) + 1
