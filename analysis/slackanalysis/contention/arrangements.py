"""What sharing costs: demanded CPU time that is not served, by level and arrangement.

At each timestamp `t`, the VMs of level `l` on host `h` demand `D = sum of use * vCPUs` CPUs. What
they get depends on how the hosts are arranged:

- `separate`: a cluster for each level, no vNodes. A host's VMs run on all its `C` CPUs, so
  `max(0, D - C)` is not served.
- `shared`: one cluster; the VMs of a vNode run on the `O` CPUs that it owns, and on no others.
  `max(0, D - O)` is not served.
- `balanced`: the same cluster with the paper's balancing. VMs that are pinned to the same CPUs are
  one pool of `P` CPUs; of its demand, `sum of D` over the pool's levels, the share
  `max(0, 1 - P / sum of D)` is not served, the same for all VMs in it.
- `lent`: the same cluster; each vNode runs on its own CPUs, and the `F` CPUs that nobody owns are
  lent, at each timestamp, to the vNodes that lack some, in proportion to what they lack. With
  `N = max(0, D - O)`, `N * max(0, 1 - F / sum of N)` is not served. No other way of lending only
  free CPUs serves more in all.

An idle CPU of a vNode serves nobody else but under `balanced`; at level 1:1 a vNode owns a CPU for
each vCPU, and always serves all. CPUs count alike, though two of one core do less than two cores. A
sample stands for the time until the next: what is shorter does not show, so real contention is
higher.
"""

import numpy as np
from numpy.typing import NDArray

Amounts = NDArray[np.float64]

SEPARATE, SHARED, BALANCED, LENT = ARRANGEMENTS = ("separate", "shared", "balanced", "lent")


def unserved_on_own(demand: Amounts, cpus: NDArray[np.int64] | int) -> Amounts:
    """Return the CPUs not served where each demand is met from CPUs of its own alone.

    Args:
        demand: CPUs demanded, of any shape.
        cpus: CPUs for it, of the same shape or one number for all.
    """
    return np.maximum(demand - cpus, 0)


def unserved_in_pools(demand: Amounts, pool: NDArray[np.int64], size: NDArray[np.int64]) -> Amounts:
    """Return the CPUs not served where levels share pools, each VM served the same share.

    Args:
        demand: CPUs demanded, shape (steps, hosts, levels).
        pool: which pool each level runs in, as in `Pools`, of the same shape.
        size: CPUs of that pool, of the same shape.
    """
    together = pool[..., :, None] == pool[..., None, :]
    in_pool = (together * demand[..., None, :]).sum(axis=-1)
    return demand * _missing_share(in_pool, size)


def unserved_when_lent(
    demand: Amounts, owned: NDArray[np.int64], free: NDArray[np.int64]
) -> Amounts:
    """Return the CPUs not served where free CPUs are lent in proportion to what is lacking.

    Args:
        demand: CPUs demanded, shape (steps, hosts, levels).
        owned: CPUs of each vNode, of the same shape.
        free: CPUs that nobody owns, shape (steps, hosts).
    """
    lacking = unserved_on_own(demand, owned)
    return lacking * _missing_share(lacking.sum(axis=-1), free)[..., None]


def _missing_share(wanted: Amounts, available: NDArray[np.int64]) -> Amounts:
    """Return `max(0, 1 - available / wanted)`, 0 where nothing is wanted."""
    lacking = np.maximum(wanted - available, 0)
    return np.divide(lacking, wanted, out=np.zeros_like(lacking), where=wanted > 0)
