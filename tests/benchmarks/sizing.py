"""The cost of sizing clusters, and of one placement as the fleet grows."""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Result, best, pairs, run, shown, user_s
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sizing.trials import OnRefusal, Trial, run_trials
from slackanalysis.sweep.cells import PAPER_MIXES
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.demand import Demand, request_list
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.request_file import write_requests
from slackanalysis.workload.requests import RequestList
from slackanalysis.workload.temporality import Temporality
from slackvm.model import POLICIES, VM, Fleet, HostSummary, PlacementRequest, place

SIZE = HostSize(32, 131_072)
ANALYSIS = [sys.executable, "-m", "slackanalysis"]
PAIRS = 3
SEEDS = 20
GOALS_MS = {100_000: 0.15}
LIMITS_MS = {1_000: 0.2, 10_000: 1.0, 100_000: 8.0}
"""Milliseconds that 99 of 100 placements may take, by hosts."""

MIX = "50-25-25"
OF_500 = 1712
"""Requests in all where 500 VMs are there at the start."""


def benchmark() -> Iterator[Result]:
    """Measure single placements, a seed of the published cells, and large clusters."""
    yield from _placements()
    with tempfile.TemporaryDirectory(prefix="slackvm-bench-") as folder:
        yield from _published_cells(Path(folder))
    many = request_list(Demand(mix=parse_mix(MIX), vms=100_000 * 500 // OF_500 + 1))
    yield from _large("progress", many, hosts=5_000, goal=3, limit=60)
    at_once = request_list(Demand(mix=parse_mix(MIX), vms=40_000, temporality=Temporality(days=1)))
    yield from _large("first-fit", at_once, hosts=20_000, goal=1, limit=30)
    yield from _large("progress", at_once, hosts=20_000, goal=1.2, limit=60)


def _placements() -> Iterator[Result]:
    medians = {}
    for hosts, limit_ms in LIMITS_MS.items():
        fleet = _filled(hosts)
        vm = VM("one more", 2, 4096, 2.0)
        taken = []
        for _ in range(1000 if hosts < 100_000 else 300):
            start = time.process_time_ns()
            place(fleet, PlacementRequest(vm), POLICIES["progress"])
            taken.append((time.process_time_ns() - start) / 1e6)
        taken.sort()
        medians[hosts] = statistics.median(taken)
        slow = taken[int(0.99 * len(taken))]
        yield Result(
            f"placing a VM on {hosts:,} hosts, 99th percentile",
            slow,
            "ms of CPU",
            GOALS_MS.get(hosts, limit_ms),
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


def _published_cells(folder: Path) -> Iterator[Result]:
    """The published cells of one seed by the command `size`, of 20 seeds by the command `sweep`."""
    cells, one = folder / "cells.csv", folder / "one.csv"
    lists = [
        request_list(Demand(catalogue, parse_mix(mix)))
        for catalogue in CATALOGUES.values()
        for mix in PAPER_MIXES
    ]
    write_requests(cells, lists)
    write_requests(one, [request_list(Demand(vms=1))])
    policies = ["--policy=first-fit", "--policy=progress"]
    out = f"--output={folder / 'out.csv'}"
    both, start = pairs(
        PAIRS,
        lambda: run([*ANALYSIS, "size", str(cells), out, *policies]),
        lambda: run([*ANALYSIS, "size", str(one), out, *policies]),
    )
    spent = best(both) - best(start)
    name = f"{len(lists)} published cells of a seed, shared and separate, two policies"
    yield Result(
        f"{name}: `size` without its start",
        spent,
        "s of user time",
        goal=1.8,
        limit=20,
        absolute=f"{shown(best(both))} - {shown(best(start))}",
        details={"command_s": best(both), "start_s": best(start)},
    )
    sweep = [*ANALYSIS, "sweep", "--jobs=1", *policies, f"--seeds=1-{SEEDS}"]
    swept = run([*sweep, f"--output={folder / 'sweep.csv'}"])
    yield Result(
        f"{SEEDS} seeds of the same: `sweep` in one process",
        swept.seconds,
        "s of user time",
        goal=30,
        absolute=f"{swept.seconds / 2:.3g} s on two CPUs",
        details={"cpu_s": swept.cpu_s},
    )


def _large(
    policy: str, requests: RequestList, hosts: int, goal: float, limit: float
) -> Iterator[Result]:
    taken = []
    for _ in range(PAIRS):
        start = user_s()
        trial = Trial(requests, SIZE, hosts, OnRefusal.RECORD)
        if run_trials([trial], POLICIES[policy])[0].refused:
            raise RuntimeError(f"{len(requests.vms)} VMs do not fit {hosts} hosts")
        taken.append(user_s() - start)
    spent = min(taken)
    name = f"{len(requests.vms):,} requests on {hosts:,} hosts, {policy}"
    each = spent / len(requests.vms)
    yield Result(
        name,
        spent,
        "s of user time",
        goal,
        limit,
        absolute=f"{shown(each)} a request",
        details={"request_s": each},
    )
