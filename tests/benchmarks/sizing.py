"""The cost of sizing clusters, and of one placement as the fleet grows."""

import random
import statistics
import time
from collections.abc import Iterator

from benchmarks.harness import Result
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sizing.placement_run import serve
from slackanalysis.sizing.sizing import size_clusters
from slackanalysis.sweep.cells import PAPER_MIXES
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.demand import Demand, request_list
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.requests import RequestList
from slackanalysis.workload.temporality import Temporality
from slackvm.model import POLICIES, VM, Fleet, HostSummary, place

SIZE = HostSize(32, 131_072)
LIMITS_MS = {1_000: 0.2, 10_000: 1.0, 100_000: 8.0}
"""Milliseconds that 99 of 100 placements may take, by hosts."""

MIX = "50-25-25"
OF_500 = 1712
"""Requests in all where 500 VMs are there at the start."""


def benchmark() -> Iterator[Result]:
    """Measure single placements, a seed of the published cells, and large clusters."""
    yield from _placements()
    yield from _published_cells()
    many = request_list(Demand(mix=parse_mix(MIX), vms=100_000 * 500 // OF_500 + 1))
    yield from _large("progress", many, hosts=5_000, goal=20, limit=60)
    at_once = Demand(mix=parse_mix(MIX), vms=40_000, temporality=Temporality(days=1))
    yield from _large("first-fit", request_list(at_once), hosts=20_000, limit=30)


def _placements() -> Iterator[Result]:
    medians = {}
    for hosts, limit_ms in LIMITS_MS.items():
        fleet = _filled(hosts)
        vm = VM("one more", 2, 4096, 2.0)
        taken = []
        for _ in range(1000 if hosts < 100_000 else 300):
            start = time.process_time_ns()
            place(fleet, vm, POLICIES["progress"])
            taken.append((time.process_time_ns() - start) / 1e6)
        taken.sort()
        medians[hosts] = statistics.median(taken)
        slow = taken[int(0.99 * len(taken))]
        yield Result(
            f"placing a VM on {hosts:,} hosts, 99th percentile",
            slow,
            "ms of CPU",
            limit_ms,
            limit_ms,
            details={"median_ms": medians[hosts]},
        )
    fewest, *_, most = medians
    yield Result(
        f"placing on {most:,} hosts / on {fewest:,}, by host",
        medians[most] / medians[fewest] * fewest / most,
        goal=1,
        limit=1,
    )


def _filled(hosts: int) -> Fleet:
    """Return hosts of which each has some VMs and room for more."""
    chance = random.Random(1)
    empty = (SIZE.cpus, SIZE.memory_mib)
    fleet = Fleet(HostSummary(f"host{n}", *empty, *empty, {}) for n in range(hosts))
    for host in range(hosts):
        for number in range(chance.randrange(3, 9)):
            vcpus = chance.choice([1, 2, 4])
            level = chance.choice([1.0, 2.0, 3.0])
            fleet.take(host, VM(f"vm{number}", vcpus, 2048 * vcpus, level))
    return fleet


def _published_cells() -> Iterator[Result]:
    """One seed of the 30 published cells, shared and separate, two policies."""
    lists = [
        request_list(Demand(catalogue, parse_mix(mix)))
        for catalogue in CATALOGUES.values()
        for mix in PAPER_MIXES
    ]
    start = time.process_time()
    for name in ("first-fit", "progress"):
        for requests in lists:
            size_clusters(requests, SIZE, POLICIES[name], name)
    spent = time.process_time() - start
    # Each request is placed in the shared cluster and in that of its level.
    requests_placed = 2 * 2 * sum(len(requests.vms) for requests in lists)
    yield from _results(
        "30 published cells of a seed, two policies", spent, requests_placed, goal=5, limit=20
    )


def _large(
    policy: str, requests: RequestList, hosts: int, limit: float, goal: float | None = None
) -> Iterator[Result]:
    start = time.process_time()
    if serve(requests, SIZE, hosts, POLICIES[policy]) is None:
        raise RuntimeError(f"{len(requests.vms)} VMs do not fit {hosts} hosts")
    spent = time.process_time() - start
    name = f"{len(requests.vms):,} requests on {hosts:,} hosts, {policy}"
    yield from _results(name, spent, len(requests.vms), goal=goal or limit, limit=limit)


def _results(
    name: str, cpu_s: float, requests: int, *, goal: float, limit: float
) -> Iterator[Result]:
    yield Result(name, cpu_s, "s of CPU", goal, limit)
    yield Result(f"{name}: placed in a second of CPU", requests / cpu_s, "requests")
