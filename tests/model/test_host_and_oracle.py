"""The host decides as an oracle written straight from the paper, CPU for CPU."""

import random

import pytest

from model.hosts import LEVELS, TOPOLOGIES, host, oracle
from slackvm.model.vm import VM
from slackvm.topologies import PRESETS

RUNS = [
    *((name, 6, 150) for name in TOPOLOGIES),
    ("i7-1185g7", 2, 400),
    ("i7-1185g7", 6, 400),
    ("epyc-7662", 3, 500),
    ("epyc-7662", 6, 700),
]


@pytest.mark.parametrize(("name", "critical_size", "steps"), RUNS)
def test_a_long_random_run_decides_alike(name: str, critical_size: int, steps: int) -> None:
    """Same acceptance and code, same CPUs in the same order, same pins, same progress."""
    topology = PRESETS[name].build() if name in PRESETS else TOPOLOGIES[name]
    target, expected = host(topology, critical_size=critical_size), oracle(topology, critical_size)
    chance = random.Random(f"{name} {critical_size}")
    names: list[str] = []
    refusals = removals = 0
    for step in range(steps):
        if names and chance.random() < 0.42:
            gone = names.pop(chance.randrange(len(names)))
            target.commit(target.plan_remove(gone))
            assert expected.remove(gone) is None
            removals += 1
        else:
            size = chance.choice([1, 1, 2, 2, 4, 8] if len(topology) < 64 else [1, 2, 4, 8, 24])
            memory = size * chance.choice([512, 1024, 2048, 4096])
            vm = VM(f"vm{step}", size, memory, chance.choice(LEVELS))
            assert target.progress(vm) == expected.progress(vm.vcpus, vm.memory_mib, vm.level)
            plan = target.plan_deploy(vm)
            code = expected.deploy(vm.name, vm.vcpus, vm.memory_mib, vm.level)
            assert (plan.refusal.code if plan.refusal else None) == code
            if plan.accepted:
                target.commit(plan)
                names.append(vm.name)
            else:
                refusals += 1
        owned = {level: list(target.cpu_ids(level)) for level in target.vnodes}
        assert list(owned.items()) == list(expected.owned().items())
        pins = target.pins()
        assert {name: list(pins[vm.level]) for name, vm in target.vms.items()} == expected.pins()
        assert (target.cpus_free, target.memory_free_mib) == (
            expected.cpus_free,
            expected.memory_free,
        )
    assert refusals
    assert removals
