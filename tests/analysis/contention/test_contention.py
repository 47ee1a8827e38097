"""What sharing costs: the formulas by hand, and whole clusters against plain loops."""

from collections import defaultdict

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from slackanalysis.contention.arrangements import (
    ARRANGEMENTS,
    unserved_in_pools,
    unserved_on_own,
    unserved_when_lent,
)
from slackanalysis.contention.table import PLACED_BY, contention_of
from slackanalysis.contention.tenants import Tenants, recorded_tenants
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sizing.placement_run import serve_on_fewest
from slackanalysis.workload.requests import RequestList
from slackanalysis.workload.usage import UsageBlock
from slackvm.model import VM, Host
from slackvm.topologies import Description

SIZE = HostSize(8, 16_384)
CRITICAL_SIZE = 3


def test_what_a_vnode_lacks_on_its_own_cpus_is_not_served():
    demand = np.array([[[2.0, 5.0, 3.5]]])
    assert unserved_on_own(demand, np.array([[[2, 4, 4]]])).tolist() == [[[0, 1, 0]]]


def test_a_pool_serves_each_of_its_levels_the_same_share():
    demand = np.array([[[4.0, 6.0, 6.0]]])
    pool, size = np.array([[[0, 1, 1]]]), np.array([[[4, 9, 9]]])
    assert unserved_in_pools(demand, pool, size).tolist() == [[[0, 1.5, 1.5]]]


def test_free_cpus_are_lent_in_proportion_to_what_is_lacking():
    demand, owned = np.array([[[4.0, 6.0, 5.0]]]), np.array([[[4, 4, 4]]])
    assert unserved_when_lent(demand, owned, np.array([[0]])).tolist() == [[[0, 2, 1]]]
    lent_one = unserved_when_lent(demand, owned, np.array([[1]]))
    assert lent_one == pytest.approx(np.array([[[0, 4 / 3, 2 / 3]]]))
    assert unserved_when_lent(demand, owned, np.array([[9]])).tolist() == [[[0, 0, 0]]]


def test_an_idle_cluster_lacks_nothing():
    nothing = np.zeros((1, 1, 3))
    whole = np.zeros((1, 1, 3), dtype=np.int64)
    assert not unserved_in_pools(nothing, whole, whole).any()
    assert not unserved_when_lent(nothing, whole, whole[..., 0]).any()


@pytest.mark.parametrize("seed", range(20))
def test_no_way_to_lend_free_cpus_serves_more(seed):
    """Against the maximum flow from vNodes to the CPUs that each may use."""
    rng = np.random.default_rng(seed)
    demand, owned = rng.integers(0, 9, 3), rng.integers(0, 6, 3)
    free = int(rng.integers(0, 6))
    source, sink, spare = 0, 1, 2
    graph = np.zeros((9, 9), dtype=np.int32)
    for level in range(3):
        vnode, cpus = 3 + level, 6 + level
        graph[source, vnode] = demand[level]
        graph[vnode, cpus] = graph[vnode, spare] = 99
        graph[cpus, sink] = owned[level]
    graph[spare, sink] = free
    most = maximum_flow(csr_array(graph), source, sink).flow_value
    unserved = unserved_when_lent(
        demand[None, None].astype(float), owned[None, None], np.array([[free]])
    )
    assert demand.sum() - unserved.sum() == pytest.approx(most)
    assert (unserved >= 0).all()


def some_tenants(seed: int, steps: int = 40, count: int = 30) -> Tenants:
    """Return VMs that come and go between timestamps too, with random uses."""
    rng = np.random.default_rng(seed)
    vms = [
        VM(
            f"vm{number}",
            int(rng.integers(1, 5)),
            int(rng.integers(256, 3000)),
            float(rng.choice([1.0, 2.0, 3.0])),
        )
        for number in range(count)
    ]
    start_s = np.sort(rng.integers(0, 300, count)).astype(float)
    requests = RequestList({}, vms, start_s, rng.integers(1, 300, count).astype(float))
    times_s = np.arange(steps) * 10
    there = (start_s <= times_s[:, None]) & (times_s[:, None] < start_s + requests.lifetime_s)
    step, vm = np.nonzero(there)
    use = rng.random(len(vm)).round(4)
    blocks = [
        UsageBlock(start, start + 10, step[here] - start, vm[here], use[here], np.zeros(0))
        for start in range(0, steps, 10)
        if len(here := np.flatnonzero((step >= start) & (step < start + 10))) or True
    ]
    return Tenants(requests, times_s, blocks)


def by_plain_loops(tenants: Tenants) -> dict[tuple[str, float], list[float]]:
    """Return the sums of `contention_of`, a timestamp, a host and a VM at a time."""
    sums: dict[tuple[str, float], list[float]] = defaultdict(lambda: [0.0] * 4)
    requests = tenants.requests
    clusters = {"shared": [requests], "separate": [requests.of_level(x) for x in requests.levels]}
    use = {
        (block.start + int(step), requests.vms[vm].name): float(cpu)
        for block in tenants.blocks
        for step, vm, cpu in zip(block.step, block.vm, block.cpu, strict=True)
    }
    for kind, parts in clusters.items():
        for part in parts:
            for step, time in enumerate(tenants.times_s):
                for host in hosts_at(part, float(time)):
                    add_host(sums, kind, host, {v: use[step, v] for v in host.vms}, 10.0)
    return sums


def hosts_at(requests: RequestList, time: float) -> list[Host]:
    serving = serve_on_fewest(requests, SIZE, PLACED_BY)
    topology = Description(cores=SIZE.cpus, memory_total_mib=SIZE.memory_mib).build()
    hosts = [Host(topology, critical_size=CRITICAL_SIZE) for _ in range(serving.hosts)]
    for event, where in zip(requests.events.tolist(), serving.host.tolist(), strict=True):
        index = event if event >= 0 else ~event
        happens = requests.start_s[index] + (0 if event >= 0 else requests.lifetime_s[index])
        if happens <= time:
            host, vm = hosts[where], requests.vms[index]
            host.commit(host.plan_deploy(vm) if event >= 0 else host.plan_remove(vm.name))
    return hosts


def add_host(sums, kind: str, host: Host, use: dict[str, float], seconds: float) -> None:
    demand: dict[float, float] = defaultdict(float)
    vms: dict[float, int] = defaultdict(int)
    for name, vm in host.vms.items():
        demand[vm.level] += use[name] * vm.vcpus
        vms[vm.level] += 1
    lacking = {x: max(0.0, demand[x] - host.vnodes[x].owned) for x in demand}
    if kind == "separate":
        unserved = {"separate": {x: max(0.0, demand[x] - SIZE.cpus) for x in demand}}
    else:
        lent = min(1.0, host.cpus_free / sum(lacking.values())) if sum(lacking.values()) else 0.0
        pins = host.pins()
        unserved = {
            "shared": lacking,
            "balanced": {x: lacking_in_pool(x, demand, pins) for x in demand},
            "lent": {x: lacking[x] * (1 - lent) for x in demand},
        }
    for arrangement, missing in unserved.items():
        for level in demand:
            is_short = missing[level] > 1e-9
            for place, amount in enumerate(
                (demand[level], missing[level], vms[level], vms[level] * is_short)
            ):
                sums[arrangement, level][place] += amount * seconds


def lacking_in_pool(level: float, demand: dict[float, float], pins) -> float:
    together = sum(demand[other] for other in demand if pins[other] == pins[level])
    served = min(1.0, len(pins[level]) / together) if together else 1.0
    return demand[level] * (1 - served)


@pytest.mark.parametrize("seed", range(3))
def test_a_cluster_is_as_plain_loops_find_it(seed):
    tenants = some_tenants(seed)
    expected = by_plain_loops(tenants)
    table = contention_of(tenants, SIZE, CRITICAL_SIZE)
    assert set(table["arrangement"]) == set(ARRANGEMENTS)
    assert table["unserved_cpu_s"].sum() > 0
    for row in table.itertuples():
        found = [row.demanded_cpu_s, row.unserved_cpu_s, row.vm_s, row.short_vm_s]
        assert found == pytest.approx(expected[row.arrangement, row.level]), row


def test_level_1_lacks_nothing_and_lending_never_harms():
    for seed in range(5):
        table = contention_of(some_tenants(seed), SIZE, CRITICAL_SIZE)
        unserved = table.pivot_table(index="arrangement", columns="level", values="unserved_cpu_s")
        assert (unserved[1.0] == 0).all()
        assert (unserved.loc["lent"] <= unserved.loc["shared"] + 1e-9).all()


def test_a_vm_larger_than_a_host_is_reported():
    tenants = some_tenants(1)
    with pytest.raises(ValueError, match=r"vm\d+ .*needs \d CPUs, a host has 1"):
        contention_of(tenants, HostSize(1, 16_384), CRITICAL_SIZE)


def test_a_recording_gives_the_same_as_its_numbers(monitoring):
    tenants = recorded_tenants(monitoring)
    assert [(vm.vcpus, vm.memory_mib, vm.level) for vm in tenants.requests.vms] == [
        (2, 1024, 1.0),
        (1, 1024, 3.0),
        (2, 1024, 3.0),
    ]
    table = contention_of(tenants, HostSize(2, 4096), 6).set_index(["arrangement", "level"])
    assert table.loc[("separate", 1.0), "demanded_cpu_s"] == pytest.approx(15 * 0.75)
    assert table.loc[("separate", 3.0), "demanded_cpu_s"] == pytest.approx(15 * (0.25 + 0.5))
    assert table.loc[("shared", 3.0), "vm_s"] == 15 * 3
