"""The cost of deciding: one plan, one placement, and the SMT pairs that a selection splits."""

import json
import random
from collections.abc import Callable, Iterator

from benchmarks.harness import Cost, Result, best, pairs, ratio, user_s
from model.oracle import Oracle
from slackvm.model.host import Host
from slackvm.model.placement import Fleet, PlacementRequest, place
from slackvm.model.policies import POLICIES
from slackvm.model.selection import SELECTIONS
from slackvm.model.vm import VM
from slackvm.topologies import PRESETS, to_json

VMS = 80
LEVELS = (1.0, 2.0, 3.0)
HOSTS = 10_000


def benchmark() -> Iterator[Result]:
    """Measure plans on the EPYC host, and placements over many such hosts."""
    yield from _plan()
    yield from _placement()
    paper, compact = (split_pairs(selection, seed=1) for selection in ("paper", "compact"))
    yield Result(
        "SMT pairs split between levels over time, compact / paper",
        compact / paper,
        goal=0.1,
        limit=0.1,
        details={"paper_pairs": paper, "compact_pairs": compact},
    )


def random_vm(chance: random.Random, name: str) -> VM:
    """Return a VM of 1 to 8 vCPUs with 2 GiB each."""
    vcpus = chance.choice([1, 1, 2, 2, 2, 4, 4, 8])
    return VM(name, vcpus, 2048 * vcpus, chance.choice(LEVELS))


def split_pairs(selection: str, seed: int, steps: int = 4000) -> float:
    """Return how many cores two levels share on average over a long random run on the EPYC."""
    chance = random.Random(seed)
    host = Host(PRESETS["epyc-7662"].build(), selection=SELECTIONS[selection])
    names: list[str] = []
    total = 0
    for step in range(steps):
        if names and chance.random() < 0.45:
            host.commit(host.plan_remove(names.pop(chance.randrange(len(names)))))
        else:
            plan = host.plan_deploy(random_vm(chance, f"vm{step}"))
            if plan.accepted:
                host.commit(plan)
                names.append(plan.name)
        total += _split_now(host)
    return total / steps


def _split_now(host: Host) -> int:
    levels_on: dict[int, set[float]] = {}
    for level, vnode in host.vnodes.items():
        for position in vnode.positions:
            levels_on.setdefault(int(host.topology.cores[position]), set()).add(level)
    return sum(len(levels) > 1 for levels in levels_on.values())


def _plan() -> Iterator[Result]:
    topology = PRESETS["epyc-7662"].build()
    cpuset = json.loads(to_json(topology))["cpuset"]
    distances = {int(node): row for node, row in cpuset["numa_distances"].items()}
    chance = random.Random(1)
    host = Host(topology)
    oracle = Oracle(cpuset["cpu_list"], distances, topology.memory_mib)
    for number in range(VMS):
        vm = random_vm(chance, f"vm{number}")
        plan = host.plan_deploy(vm)
        if plan.accepted:
            host.commit(plan)
        oracle.deploy(vm.name, vm.vcpus, vm.memory_mib, vm.level)
    requests = [random_vm(chance, f"new{number}") for number in range(200)]

    def plans() -> Cost:
        return _spent(lambda: [host.plan_deploy(vm).pins for vm in requests], len(requests))

    def naive() -> Cost:
        few = requests[:20]
        return _spent(lambda: [_deploy_and_remove(oracle, vm) for vm in few], len(few))

    ours, its = pairs(7, plans, naive)
    yield Result(
        f"a plan on {len(topology)} CPUs with {len(host.vms)} VMs, pins included",
        1000 * best(ours),
        "ms of user time",
        goal=0.5,
        limit=0.5,
    )
    yield ratio("a plan / the naive oracle's deploy, pins and removal", ours, its)


def _deploy_and_remove(oracle: Oracle, vm: VM) -> None:
    if oracle.deploy(vm.name, vm.vcpus, vm.memory_mib, vm.level) is None:
        oracle.pins()
        oracle.remove(vm.name)


def _placement() -> Iterator[Result]:
    chance = random.Random(1)
    hosts = []
    for _ in range(20):
        host = Host(PRESETS["epyc-7662"].build())
        for number in range(chance.randrange(VMS)):
            plan = host.plan_deploy(random_vm(chance, f"vm{number}"))
            if plan.accepted:
                host.commit(plan)
        hosts.append(host)
    fleet = Fleet(hosts[n % len(hosts)].summary(f"host{n}") for n in range(HOSTS))
    vm = random_vm(chance, "new")
    together, alone = pairs(
        7,
        lambda: _spent(lambda: place(fleet, PlacementRequest(vm), POLICIES["progress"]), 1),
        lambda: _spent(lambda: [host.plan_deploy(vm) for host in hosts], len(hosts)),
    )
    yield Result(
        f"placing a VM on {HOSTS:,} hosts",
        1000 * best(together),
        "ms of user time",
    )
    yield ratio(f"placing a VM on {HOSTS:,} hosts / a plan on one", together, alone)


def _spent(work: Callable[[], object], count: int) -> Cost:
    """Return the user time of `work` divided by `count`, repeated until it can be measured."""
    repeats = 0
    start = user_s()
    while (spent := user_s() - start) < 0.05:
        work()
        repeats += 1
    return Cost(spent / repeats / count)
