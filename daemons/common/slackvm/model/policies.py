"""Placement policies: each scores every host for one VM; the highest score wins.

A policy is a function from `Candidates` to one number a host. Scores of hosts that do not take
the VM are ignored; equal scores go to the first host.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import EllipsisType, MappingProxyType

import numpy as np
from numpy.typing import NDArray

from slackvm.model.placement.candidates import Candidates
from slackvm.model.scoring import progress, progress_parts

DEFAULT_POLICY = "progress"
"""Name of the policy that is used where none is chosen: by the controller and by every command."""

_BLOCK = 8192
"""Hosts scored at a time: few enough for the arrays in between to need no new pages of memory."""

Policy = Callable[[Candidates], NDArray[np.float64]]


@dataclass(frozen=True)
class DeclaredPolicy:
    """A policy with properties that let many placements be computed faster, with equal results.

    Attributes:
        score: the policy. It looks at one host at a time, or reduces over the last axis only, so
            it may be called for many requests at once: the numbers of hosts then have shape
            (requests, hosts), those of `Candidates.vm` (requests, 1), and its name is one a
            request.
        in_order: it takes the first host that fits.
        empty_last: where all hosts are of one size, it uses an empty host only where no other
            takes the VM, and then the first.
    """

    score: Policy
    in_order: bool = False
    empty_last: bool = False

    def __call__(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return the scores."""
        return self.score(candidates)


def by_progress(candidates: Candidates) -> NDArray[np.float64]:
    """Score by progress toward the host's ideal memory per CPU (the published policy)."""
    hosts = len(candidates.cpus)
    if hosts <= _BLOCK or candidates.cpus.ndim > 1:
        return _progress(candidates)
    parts = (slice(start, start + _BLOCK) for start in range(0, hosts, _BLOCK))
    return np.concatenate([_progress(candidates, part) for part in parts])


def by_progress_packed(candidates: Candidates) -> NDArray[np.float64]:
    """Score by progress, an empty host only where no other takes the VM."""
    scores = by_progress(candidates)
    in_use = candidates.cpus_free < candidates.cpus
    other_takes_it = np.any(candidates.fits & in_use, axis=-1, keepdims=True)
    scores[~in_use & other_takes_it] = -np.inf
    return scores


def first_fit(candidates: Candidates) -> NDArray[np.float64]:
    """Score all hosts alike: the first that takes the VM wins."""
    return np.zeros(candidates.cpus.shape)


def best_fit(candidates: Candidates) -> NDArray[np.float64]:
    """Prefer the host that would have least left, CPUs and memory together.

    What is left after the VM counts as shares of the host, `c` of its CPUs and `m` of its memory;
    the score is `-(c² + m²)`: the smallest Euclidean norm wins (the norm of Panigrahy, Talwar,
    Uyeda, Wieder, "Heuristics for Vector Bin Packing", 2011, section 3, with all weights 1, applied
    to the choice of a bin).
    """
    return -_left(candidates)


def worst_fit(candidates: Candidates) -> NDArray[np.float64]:
    """Prefer the host that would have most left: the score is minus that of `best_fit`."""
    return _left(candidates)


def dot_product(candidates: Candidates) -> NDArray[np.float64]:
    """Prefer the host whose free resources point the way of the VM's demand.

    The score is `d_cpu x f_cpu + d_memory x f_memory`, all as shares of the host: `d` what the VM
    demands (vCPUs / level, MiB), `f` what is free before it (the dot product of Panigrahy, Talwar,
    Uyeda, Wieder, "Heuristics for Vector Bin Packing", 2011, section 3, with all weights 1, applied
    to the choice of a bin). It spreads VMs: a host with more left scores higher.
    """
    vm = candidates.vm
    cpus, memory = candidates.cpus, candidates.memory_mib
    of_cpus = (vm.vcpus / vm.level / cpus) * (candidates.cpus_free / cpus)
    of_memory = (vm.memory_mib / memory) * (candidates.memory_free_mib / memory)
    scores: NDArray[np.float64] = of_cpus + of_memory
    return scores


def random_fit(seed: int) -> DeclaredPolicy:
    """Return a policy that chooses at random among the hosts that take a VM, each as likely.

    It keeps no state: a score is a hash of the seed, the VM's name and the host's index (BLAKE2b,
    then the finalizer of SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
    generators", 2014). So a list is always placed alike by one seed.
    """

    def score(candidates: Candidates) -> NDArray[np.float64]:
        names = [candidates.vm.name] if candidates.cpus.ndim == 1 else candidates.vm.name
        starts = np.array([_hash(seed, name) for name in names], dtype=np.uint64)
        index = np.arange(candidates.cpus.shape[-1], dtype=np.uint64)
        mixed = starts[:, np.newaxis] + (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
        return (mixed >> np.uint64(11)).astype(np.float64).reshape(candidates.cpus.shape)

    return DeclaredPolicy(score)


def _hash(seed: int, name: str) -> int:
    return int.from_bytes(blake2b(f"{seed} {name}".encode(), digest_size=8).digest())


def _progress(candidates: Candidates, part: slice | EllipsisType = ...) -> NDArray[np.float64]:
    cpus, memory_mib = candidates.cpus[part], candidates.memory_mib[part]
    return progress(
        cpus - candidates.cpus_free[part],
        memory_mib - candidates.memory_free_mib[part],
        candidates.added_cpus[part],
        candidates.vm.memory_mib,
        cpus,
        memory_mib,
    )


def _left(candidates: Candidates) -> NDArray[np.float64]:
    """Return the squares of what hosts would have left, as shares, summed up."""
    cpus = (candidates.cpus_free - candidates.added_cpus) / candidates.cpus
    memory_left = candidates.memory_free_mib - candidates.vm.memory_mib
    squares: NDArray[np.float64] = cpus**2 + (memory_left / candidates.memory_mib) ** 2
    return squares


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "progress": DeclaredPolicy(by_progress),
        "progress-packed": DeclaredPolicy(by_progress_packed, empty_last=True),
        "first-fit": DeclaredPolicy(first_fit, in_order=True, empty_last=True),
        "best-fit": DeclaredPolicy(best_fit, empty_last=True),
        "worst-fit": DeclaredPolicy(worst_fit),
        "dot-product": DeclaredPolicy(dot_product),
    }
)
"""The policies that come with SlackVM, by name."""

_WITH_PROGRESS = ("progress", "progress-packed")


def parts(policy: str, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    """Return what a policy's scores are made of, for people; of one that is not ours nothing.

    `added_cpus`, and for those that go by progress the parts that `progress_parts` gives.
    """
    if policy not in POLICIES:
        return {}
    told = {"added_cpus": candidates.added_cpus.astype(np.float64)}
    if policy in _WITH_PROGRESS:
        told |= progress_parts(
            candidates.owned_cpus,
            candidates.owned_memory_mib,
            candidates.added_cpus,
            candidates.vm.memory_mib,
            candidates.cpus,
            candidates.memory_mib,
        )
    return told
