"""Contention of VMs that are placed on clusters in each arrangement, as a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slackanalysis.contention.arrangements import (
    ARRANGEMENTS,
    BALANCED,
    LENT,
    SEPARATE,
    SHARED,
    Amounts,
    unserved_in_pools,
    unserved_on_own,
    unserved_when_lent,
)
from slackanalysis.contention.pools import Move, Pools, pools_over_time
from slackanalysis.contention.tenants import Tenants, generated_tenants, recorded_tenants
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sizing.placement_run import serve_on_fewest
from slackanalysis.sizing.trials import PlacementRun
from slackanalysis.workload.demand import Demand
from slackanalysis.workload.mix import mix_text
from slackanalysis.workload.requests import RequestList
from slackanalysis.workload.usage import UsageBlock
from slackvm.model import POLICIES, Host
from slackvm.topologies import Description

PLACED_BY = POLICIES["first-fit"]
"""Policy that places VMs in all arrangements: that of the paper's simulator."""

_SUMS = ("demanded_cpu_s", "unserved_cpu_s", "vm_s", "short_vm_s")
_NEARLY_ALL = 0.99
"""Share of the use: a VM's first row may lack how long it waited."""

_NOTHING = 1e-9
"""CPUs; a smaller difference is how doubles are rounded."""


@dataclass(frozen=True)
class _Cluster:
    """Hosts, and the index of the host of each VM, shape (VMs,)."""

    hosts: int
    host: NDArray[np.int64]


def contention_over_seeds(
    demands: Sequence[Demand], step_s: int, size: HostSize, critical_size: int
) -> pd.DataFrame:
    """Return the rows of `contention_of` for generated VMs, computed on all cores.

    Args:
        demands: what each list of VMs is to look like.
        step_s: seconds between timestamps.
        size: what a host offers.
        critical_size: oversubscribed vNodes with fewer VMs are balanced.

    Returns:
        As `contention_of`, behind `provider`, `mix` and `seed`.

    Raises:
        ValueError: a step is no part of the whole time, or a VM is larger than a host.
    """
    parallel = joblib.Parallel(n_jobs=-1, batch_size=1)
    task = joblib.delayed(_contention_of_demand)
    tables: list[pd.DataFrame] = parallel(
        task(demand, step_s, size, critical_size) for demand in demands
    )
    return pd.concat(tables, ignore_index=True)


def contention_of_recordings(
    paths: Sequence[Path], size: HostSize, critical_size: int
) -> pd.DataFrame:
    """Return the rows of `contention_of` for recorded VMs; each recording counts as a seed.

    `provider` says what counts as demand, see `recorded_name`, and so do figures of the table.

    Raises:
        ValueError: a file is no recording, or a VM is larger than a host.
        OSError: a file cannot be opened.
    """
    recorded = [recorded_tenants(path) for path in paths]
    name = recorded_name([tenants.waits_known for tenants in recorded])
    tables = [
        _labelled(contention_of(tenants, size, critical_size), name, "", seed)
        for seed, tenants in enumerate(recorded, 1)
    ]
    return pd.concat(tables, ignore_index=True)


def recorded_name(waits_known: Sequence[float]) -> str:
    """Return the name of recorded VMs, with what counts as their demand.

    Args:
        waits_known: of each recording, as in `Tenants`.
    """
    if min(waits_known) > _NEARLY_ALL:
        return "recorded (use and waiting)"
    if max(waits_known) > 0:
        return "recorded (use; waiting in part)"
    return "recorded (use; waiting not recorded)"


def contention_of(tenants: Tenants, size: HostSize, critical_size: int) -> pd.DataFrame:
    """Return how much of the demand of VMs is not served, in each arrangement.

    VMs are placed by first fit on the smallest number of hosts that refuses none.

    Args:
        tenants: the VMs and their use.
        size: what a host offers.
        critical_size: oversubscribed vNodes with fewer VMs are balanced.

    Returns:
        One row per arrangement and level: `arrangement`, `level`, `hosts` (of the arrangement, all
        levels), `demanded_cpu_s`, `unserved_cpu_s` (CPU seconds), `vm_s` and `short_vm_s` (seconds
        of all VMs, and of those in whose pool some demand was not served).

    Raises:
        ValueError: a VM is larger than a host.
    """
    requests, levels = tenants.requests, tenants.requests.levels
    run = serve_on_fewest(requests, size, PLACED_BY)
    shared = _Cluster(run.hosts, _host_of_vms(requests, run))
    apart = _separate_clusters(requests, size)
    pools = _pools(tenants, run, size, critical_size)
    sums = {arrangement: np.zeros((len(_SUMS), len(levels))) for arrangement in ARRANGEMENTS}
    for block in tenants.blocks:
        here, seconds = slice(block.start, block.stop), tenants.seconds[block.start : block.stop]
        demand, vms = _per_vnode(requests, block, apart)
        unserved = {SEPARATE: unserved_on_own(demand, size.cpus)}
        _add(sums, unserved, demand, vms, seconds)
        demand, vms = _per_vnode(requests, block, shared)
        owned = pools.owned[here]
        unserved = {
            SHARED: unserved_on_own(demand, owned),
            BALANCED: unserved_in_pools(demand, pools.pool[here], pools.size[here]),
            LENT: unserved_when_lent(demand, owned, pools.free[here]),
        }
        _add(sums, unserved, demand, vms, seconds)
    return pd.concat(
        pd.DataFrame(dict(zip(_SUMS, summed, strict=True))).assign(
            arrangement=arrangement,
            level=levels,
            hosts=apart.hosts if arrangement == SEPARATE else shared.hosts,
        )
        for arrangement, summed in sums.items()
    )[["arrangement", "level", "hosts", *_SUMS]].reset_index(drop=True)


def _contention_of_demand(
    demand: Demand, step_s: int, size: HostSize, critical_size: int
) -> pd.DataFrame:
    table = contention_of(generated_tenants(demand, step_s), size, critical_size)
    return _labelled(table, demand.catalogue.name, mix_text(demand.mix), demand.seed)


def _labelled(table: pd.DataFrame, provider: str, mix: str, seed: int) -> pd.DataFrame:
    labels = pd.DataFrame({"provider": provider, "mix": mix, "seed": seed}, index=table.index)
    return labels.join(table)


def _separate_clusters(requests: RequestList, size: HostSize) -> _Cluster:
    """Return a cluster for each level, their hosts counted on."""
    hosts = 0
    host = np.empty(len(requests.vms), dtype=np.int64)
    level = np.array([vm.level for vm in requests.vms])
    for each in requests.levels:
        alone = requests.of_level(each)
        run = serve_on_fewest(alone, size, PLACED_BY)
        host[level == each] = hosts + _host_of_vms(alone, run)
        hosts += run.hosts
    return _Cluster(hosts, host)


def _host_of_vms(requests: RequestList, run: PlacementRun) -> NDArray[np.int64]:
    host = np.empty(len(requests.vms), dtype=np.int64)
    is_arrival = requests.events >= 0
    host[requests.events[is_arrival]] = run.host[is_arrival]
    return host


def _pools(tenants: Tenants, run: PlacementRun, size: HostSize, critical_size: int) -> Pools:
    # How many CPUs a pool has does not depend on which they are: any host of this size will do.
    topology = Description(cores=size.cpus, memory_total_mib=size.memory_mib).build()
    hosts = [Host(topology, critical_size=critical_size) for _ in range(run.hosts)]
    moves = list(_moves(tenants, run))
    return pools_over_time(hosts, tenants.requests.levels, moves, len(tenants.times_s))


def _moves(tenants: Tenants, run: PlacementRun) -> Iterator[Move]:
    requests = tenants.requests
    ends_s = requests.start_s + requests.lifetime_s
    arrives, leaves = (np.searchsorted(tenants.times_s, at) for at in (requests.start_s, ends_s))
    for event, host in zip(requests.events.tolist(), run.host.tolist(), strict=True):
        vm = requests.vms[max(event, ~event)]
        if event >= 0:
            yield Move(int(arrives[event]), host, vm.name, vm)
        else:
            yield Move(int(leaves[~event]), host, vm.name, None)


def _per_vnode(
    requests: RequestList, block: UsageBlock, cluster: _Cluster
) -> tuple[Amounts, Amounts]:
    """Return CPUs demanded and VMs, by timestamp, host and level."""
    levels = requests.levels
    shape = block.stop - block.start, cluster.hosts, len(levels)
    level = np.searchsorted(levels, [vm.level for vm in requests.vms])
    vcpus = np.array([vm.vcpus for vm in requests.vms])
    vnode = (block.step * shape[1] + cluster.host[block.vm]) * shape[2] + level[block.vm]
    demand = np.bincount(vnode, block.cpu * vcpus[block.vm], np.prod(shape))
    vms = np.bincount(vnode, minlength=np.prod(shape))
    return demand.reshape(shape).astype(np.float64), vms.reshape(shape).astype(np.float64)


def _add(
    sums: Mapping[str, Amounts],
    unserved: Mapping[str, Amounts],
    demand: Amounts,
    vms: Amounts,
    seconds: NDArray[np.float64],
) -> None:
    for arrangement, missing in unserved.items():
        amounts = (demand, missing, vms, vms * (missing > _NOTHING))
        for row, amount in enumerate(amounts):
            sums[arrangement][row] += np.einsum("t,thl->l", seconds, amount)
