"""The oracle against recordings of the research prototype, and against small cases by hand."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from model.oracle import Oracle

# Recordings -----------------------------------------------------------------------------------


class Request(NamedTuple):
    vcpus: int
    memory_mib: int
    level: float
    first_seen: int
    last_seen: int


class Trace(NamedTuple):
    times: list[int]
    requests: dict[str, Request]  # in the order in which the VMs first appear in the file


def read_lines(path: Path) -> list[str]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()


def read_trace(path: Path) -> Trace:
    """Read which VMs a trace asks for; a VM lives from its first cpu row to its last."""
    header, *lines = read_lines(path)
    names = header.split("\t")
    times = {}
    vms = {}
    for line in lines:
        row = dict(zip(names, line.split("\t"), strict=True))
        time = int(row["tmp"])
        times[time] = None
        if row["rec"] != "vm":
            continue
        vm = vms.setdefault(row["vm_cmn"], {})
        vm[row["res"]] = int(row["config"])  # the last one wins
        if row["res"] == "cpu":
            vm["level"] = float(row["sb_oc"])
            vm.setdefault("first_seen", time)
            vm["last_seen"] = time
    return Trace(
        list(times),
        {
            name: Request(vm["cpu"], vm["mem"], vm["level"], vm["first_seen"], vm["last_seen"])
            for name, vm in vms.items()
        },
    )


def read_decisions(path: Path) -> dict[int, list[dict]]:
    """Read what the prototype decided: per timestamp its vNodes, in the order of the file."""
    decisions: dict[int, list[dict]] = {}
    for line in read_lines(path):
        entry = json.loads(line)
        if entry.get("res", "cpu") != "cpu":
            continue
        pins = entry["pin"]
        if not pins or isinstance(pins[0], int):  # short form: one list for all VMs
            pins = [pins] * len(entry["vms"])
        entry["pins"] = dict(zip(entry["vms"], pins, strict=True))
        decisions.setdefault(entry["tmp"], []).append(entry)
    return decisions


def host(path: Path, memory_factor: int = 1) -> Oracle:
    topology = json.loads(path.read_text())
    cpuset = topology["cpuset"]
    numa_distances = {int(node): row for node, row in cpuset["numa_distances"].items()}
    memory_mib = topology["memset"]["allowed"] * memory_factor
    return Oracle(cpuset["cpu_list"], numa_distances, memory_mib)


def replay(
    trace: Trace, oracle: Oracle, *, arrivals_first: bool
) -> Iterator[tuple[int, dict[str, str]]]:
    """Serve a trace; yield after each timestamp the time and the VMs refused at it, with codes."""
    refused: set[str] = set()

    def arrive(time: int) -> dict[str, str]:
        codes = {}
        for name, request in trace.requests.items():
            if request.first_seen == time:
                code = oracle.deploy(name, request.vcpus, request.memory_mib, request.level)
                if code is not None:
                    codes[name] = code
        refused.update(codes)
        return codes

    def depart(previous: int | None) -> None:
        for name, request in trace.requests.items():
            if request.last_seen == previous and name not in refused:
                assert oracle.remove(name) is None

    previous = None
    for time in trace.times:
        if arrivals_first:
            codes = arrive(time)
            depart(previous)
        else:
            depart(previous)
            codes = arrive(time)
        yield time, codes
        previous = time


I7 = "topologies/topology_i7-1185G7.json"
EPYC = "topologies/topology_EPYC-7662-exp.json"

# The prototype read MiB as KiB, so memory never bound in its recordings.
NO_MEMORY_LIMIT = 1024


@pytest.mark.parametrize(
    ("topology", "trace", "decisions", "refusals"),
    [
        pytest.param(
            I7, "golden/golden_i7.trace.csv", "golden/golden_i7.decisions.jsonl", 4, id="i7"
        ),
        pytest.param(
            EPYC,
            "golden/golden_refill.trace.csv.gz",
            "golden/golden_refill.decisions.jsonl.gz",
            0,
            id="refill",
        ),
        pytest.param(
            EPYC,
            "golden/golden_full.trace.csv.gz",
            "golden/golden_full.decisions.jsonl.gz",
            112,
            id="full",
        ),
    ],
)
def test_decides_as_the_prototype_recorded(
    reference_data: Path, topology: str, trace: str, decisions: str, refusals: int
) -> None:
    """At every timestamp the same vNodes, in order, with the same CPUs, in order, and pins.

    The recordings list a vNode from its creation on, also while it is empty.
    """
    oracle = host(reference_data / topology, NO_MEMORY_LIMIT)
    recorded = read_decisions(reference_data / decisions)
    codes: Counter[str] = Counter()

    steps = replay(read_trace(reference_data / trace), oracle, arrivals_first=True)
    for time, refused in steps:
        vnodes = recorded.pop(time, [])
        owned = [(f"subset-{level}", taken) for level, taken in oracle.owned().items()]
        assert owned == [(vnode["subset"], vnode["ids"]) for vnode in vnodes], time
        pins = {name: cpus for vnode in vnodes for name, cpus in vnode["pins"].items()}
        assert oracle.pins() == pins, time
        codes.update(refused.values())

    assert not recorded
    assert codes == Counter({"no_cpu": refusals})


@pytest.mark.parametrize(
    ("arrivals_first", "expected"),
    [
        pytest.param(True, {"vm00005": 300, "vm00000": 330}, id="prototype order"),
        pytest.param(False, {"vm00005": 300}, id="departures first"),
    ],
)
def test_true_memory_of_the_laptop_binds(
    reference_data: Path, arrivals_first: bool, expected: dict[str, int]
) -> None:
    """With memory in its true unit, VMs that the prototype took are refused for memory."""
    oracle = host(reference_data / I7)
    trace = read_trace(reference_data / "golden/golden_i7.trace.csv")

    steps = replay(trace, oracle, arrivals_first=arrivals_first)
    refused = {
        name: time for time, codes in steps for name, code in codes.items() if code == "no_memory"
    }

    assert refused == expected


def test_distances_of_two_sockets(reference_data: Path) -> None:
    oracle = host(reference_data / EPYC)

    assert oracle.distance(12, 140) == 10  # SMT siblings
    assert oracle.distance(12, 13) == 40  # same L3
    assert oracle.distance(12, 16) == 50  # same socket
    assert oracle.distance(12, 64) == 72  # other socket


# By hand --------------------------------------------------------------------------------------


def small_host(cores: int = 4, memory_mib: int = 8000) -> Oracle:
    """Two threads per core, numbered as Linux does (siblings far apart), two cores per L3."""
    cpus = [
        {
            "cpu_id": cpu,
            "numa_node": 0,
            "cache_level": {"0": cpu % cores, "1": cpu % cores, "2": cpu % cores // 2},
        }
        for cpu in range(2 * cores)
    ]
    return Oracle(cpus, {0: [10]}, memory_mib)


def test_new_vnode_starts_far_away_and_takes_the_nearest() -> None:
    oracle = small_host()

    assert oracle.deploy("a", 3, 100, 1.0) is None
    assert oracle.deploy("b", 2, 100, 2.0) is None

    assert oracle.owned() == {1.0: [0, 4, 1], 2.0: [2, 6]}
    assert oracle.cpus_free == 3
    assert oracle.memory_free == 7800


def test_vnode_gives_back_the_last_taken_and_restarts_on_the_first_free_cpu() -> None:
    oracle = small_host()
    oracle.deploy("a", 1, 100, 1.0)
    oracle.deploy("b", 2, 100, 2.0)
    oracle.deploy("c", 2, 100, 1.0)
    assert oracle.owned() == {1.0: [0, 4, 1], 2.0: [2, 6]}

    oracle.remove("a")
    assert oracle.owned() == {1.0: [0, 4], 2.0: [2, 6]}

    oracle.remove("b")
    assert oracle.owned() == {1.0: [0, 4], 2.0: []}

    oracle.deploy("d", 2, 100, 2.0)
    assert oracle.owned() == {1.0: [0, 4], 2.0: [1, 5]}


def test_size_counts_in_decimals_and_never_halves_the_largest_vm() -> None:
    oracle = small_host(cores=16)
    for number in range(21):
        oracle.deploy(f"vm{number}", 1, 100, 1.4)
    oracle.deploy("large", 4, 100, 3.0)

    assert {level: len(taken) for level, taken in oracle.owned().items()} == {1.4: 15, 3.0: 4}


def test_small_oversubscribed_vnodes_share_their_cpus_and_every_free_one() -> None:
    oracle = small_host(cores=8)
    oracle.deploy("one", 2, 100, 1.0)
    for number in range(6):
        oracle.deploy(f"two{number}", 1, 100, 2.0)
    own = sorted(oracle.owned()[2.0])
    assert oracle.pins() == {"one": [0, 8]} | {f"two{number}": own for number in range(6)}

    oracle.deploy("three", 1, 100, 3.0)
    shared = [cpu for cpu in range(16) if cpu not in (0, 8)]
    assert oracle.pins()["one"] == [0, 8]
    assert oracle.pins()["two0"] == oracle.pins()["three"] == shared

    oracle.remove("three")  # an empty vNode does not count
    assert oracle.pins()["two0"] == own


def test_refusals_say_why_and_change_nothing() -> None:
    oracle = small_host(memory_mib=1000)
    oracle.deploy("a", 6, 600, 1.0)
    before = (oracle.owned(), oracle.pins(), oracle.cpus_free, oracle.memory_free)

    assert oracle.deploy("a", 1, 100, 1.0) == "name_taken"
    assert oracle.deploy("b", 9, 2000, 3.0) == "too_large"
    assert oracle.deploy("b", 3, 2000, 2.0) == "no_cpu"
    assert oracle.deploy("b", 2, 2000, 2.0) == "too_large"
    assert oracle.deploy("b", 2, 500, 2.0) == "no_memory"
    assert oracle.remove("b") == "vm_not_found"

    assert (oracle.owned(), oracle.pins(), oracle.cpus_free, oracle.memory_free) == before


def test_progress_rewards_steps_toward_the_ideal_and_weighs_steps_away() -> None:
    oracle = small_host()  # 1000 MiB per CPU is ideal
    assert oracle.progress(2, 1000, 1.0) == -500.0  # an empty host counts as ideal

    oracle.deploy("a", 2, 1000, 1.0)  # 500 MiB per CPU
    assert oracle.progress(2, 3000, 1.0) == 500.0
    assert oracle.progress(2, 0, 1.0) == -250.0 * 1.25
    assert oracle.progress(7, 100, 1.0) is None


def test_cpus_with_different_numbers_of_caches_are_an_error() -> None:
    cpus = [
        {"cpu_id": 0, "numa_node": 0, "cache_level": {"0": 0, "1": 0}},
        {"cpu_id": 1, "numa_node": 0, "cache_level": {"0": 1}},
    ]
    with pytest.raises(ValueError, match="cache levels"):
        Oracle(cpus, {0: [10]}, 1000)
