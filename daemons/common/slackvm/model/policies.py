"""The placement policies that come with SlackVM; see `slackvm.model.placement.policy.Policy`."""

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from slackvm.model.placement.candidates import Candidates
from slackvm.model.placement.policy import Policy
from slackvm.model.scoring import by_progress, explain_progress

DEFAULT_POLICY = "progress"
"""Name of the policy of the controller and of every command, unless another is given."""


def first_fit(candidates: Candidates) -> NDArray[np.float64]:
    """Give every host the same score: the first that takes the VM wins."""
    return np.zeros(candidates.cpus.shape)


def best_fit(candidates: Candidates) -> NDArray[np.float64]:
    """Prefer the host that would have least left of CPUs and memory.

    After the VM, the share `c` of the host's CPUs and `m` of its memory would be free; the score is
    `-(c² + m²)`: the smallest Euclidean norm wins (the norm of Panigrahy, Talwar, Uyeda, Wieder,
    "Heuristics for Vector Bin Packing", 2011, section 3, with all weights 1, applied to the choice
    of a bin).
    """
    return -_left(candidates)


def worst_fit(candidates: Candidates) -> NDArray[np.float64]:
    """Prefer the host that would have most left: minus the score of `best_fit`."""
    return _left(candidates)


def dot_product(candidates: Candidates) -> NDArray[np.float64]:
    """Prefer the host whose free resources have the proportions of the VM's demand.

    The score is `d_cpu x f_cpu + d_memory x f_memory`, all as shares of the host: `d` is the VM's
    demand (vCPUs / level, MiB), `f` what is free before it (the dot product of Panigrahy, Talwar,
    Uyeda, Wieder, "Heuristics for Vector Bin Packing", 2011, section 3, with all weights 1, applied
    to the choice of a bin). It spreads VMs: a host with more left scores higher.
    """
    vm = candidates.vm
    cpus, memory = candidates.cpus, candidates.memory_mib
    of_cpus = (vm.vcpus / vm.level / cpus) * (candidates.cpus_free / cpus)
    of_memory = (vm.memory_mib / memory) * (candidates.memory_free_mib / memory)
    scores: NDArray[np.float64] = of_cpus + of_memory
    return scores


def random_fit(seed: int) -> Policy:
    """Return a policy that chooses one of the hosts that take a VM, each with equal probability.

    It keeps no state: a score is a hash of the seed, the VM's name and the host's index (BLAKE2b,
    then the finalizer of SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
    generators", 2014). So one seed always places a list of requests in the same way.
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

    return Policy(score, name=f"random:{seed}", host_local=True)


def _hash(seed: int, name: str) -> int:
    return int.from_bytes(blake2b(f"{seed} {name}".encode(), digest_size=8).digest())


def _left(candidates: Candidates) -> NDArray[np.float64]:
    """Return the sum of squares of the shares of CPUs and memory that hosts would have left."""
    cpus = (candidates.cpus_free - candidates.added_cpus) / candidates.cpus
    memory_left = candidates.memory_free_mib - candidates.vm.memory_mib
    squares: NDArray[np.float64] = cpus**2 + (memory_left / candidates.memory_mib) ** 2
    return squares


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            Policy(by_progress, None, explain_progress, "progress", host_local=True),
            Policy(
                by_progress,
                None,
                explain_progress,
                "progress-packed",
                host_local=True,
                used_first=True,
                empty_last=True,
            ),
            Policy(first_fit, name="first-fit", host_local=True, in_order=True, empty_last=True),
            Policy(best_fit, name="best-fit", host_local=True, empty_last=True),
            Policy(worst_fit, name="worst-fit", host_local=True),
            Policy(dot_product, name="dot-product", host_local=True),
        )
    }
)
"""The policies that come with SlackVM, by name."""
