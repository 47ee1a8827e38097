"""Which resource a cluster of one level runs out of first, and what it then has left of the other.

A level's VMs have `r = sum of MiB / sum of (vCPUs / level)` memory per CPU after oversubscription;
a host has `i = its MiB / its CPUs`. With `r > i` memory is full first, and `1 - i / r` of the CPUs
are left; otherwise CPUs are full first, and `1 - r / i` of the memory is left. Levels on both sides
of `i` can fill each other's gaps. Whole CPUs and the largest VM of a vNode do not count here.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from slackanalysis.sizing.hosts import HostSize
from slackanalysis.workload.catalogue import GIB, Catalogue, capped_mib
from slackanalysis.workload.requests import RequestList

CPUS, MEMORY = "CPUs", "memory"


def of_catalogues(
    catalogues: Iterable[Catalogue], levels: Sequence[float], size: HostSize
) -> pd.DataFrame:
    """Return what VMs of each catalogue would leave, if all were of one level.

    Returns:
        One row per catalogue and level: see `_complement`; `provider` is the catalogue.

    Raises:
        ValueError: no level, or one is below 1.
    """
    if not levels or min(levels) < 1:
        raise ValueError(f"levels {list(levels)} are not allowed: one or more, each 1 or more")
    demands = []
    for catalogue in catalogues:
        counts, vcpus, memory = (
            np.array([getattr(flavour, field) for flavour in catalogue.flavours])
            for field in ("count", "vcpus", "memory_mib")
        )
        for level in levels:
            sold = capped_mib(memory, np.full(len(memory), level))
            demand = float(counts @ sold), float(counts @ vcpus) / level
            demands.append((catalogue.name, level, *demand))
    return _complement(demands, size)


def of_requests(lists: Iterable[RequestList], size: HostSize) -> pd.DataFrame:
    """Return what the VMs of request lists would leave in a cluster for each level.

    VMs count by their lifetime. Lists of one provider (or of none) are taken together.

    Returns:
        One row per provider and level: see `_complement`.
    """
    demands: dict[tuple[str, float], tuple[float, float]] = {}
    for requests in lists:
        provider = requests.keys.get("provider", "requests")
        for vm, lifetime_s in zip(requests.vms, requests.lifetime_s.tolist(), strict=True):
            memory, cpus = demands.get((provider, vm.level), (0.0, 0.0))
            memory += vm.memory_mib * lifetime_s
            demands[provider, vm.level] = memory, cpus + vm.vcpus / vm.level * lifetime_s
    return _complement(((*key, *demands[key]) for key in sorted(demands)), size)


def _complement(demands: Iterable[tuple[str, float, float, float]], size: HostSize) -> pd.DataFrame:
    """Return what is left when what is short is full.

    Args:
        demands: provider, level, MiB and CPUs after oversubscription.
        size: what a host offers.

    Returns:
        `provider`, `level`, `gib_per_cpu`, `full_first` (`CPUs` or `memory`), `cpus_left_percent`,
        `memory_left_percent`.
    """
    ideal = size.memory_mib / size.cpus
    rows = []
    for provider, level, memory_mib, cpus in demands:
        ratio = memory_mib / cpus
        rows.append(
            {
                "provider": provider,
                "level": level,
                "gib_per_cpu": ratio / GIB,
                "full_first": MEMORY if ratio > ideal else CPUS,
                "cpus_left_percent": 100 * max(0.0, 1 - ideal / ratio),
                "memory_left_percent": 100 * max(0.0, 1 - ratio / ideal),
            }
        )
    return pd.DataFrame(rows)
