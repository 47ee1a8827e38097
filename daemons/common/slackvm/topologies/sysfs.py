"""The topology of a running Linux host, read from sysfs."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slackvm.model.topology import CPU, Topology
from slackvm.topologies.cpu_list import format_cpu_list, parse_cpu_list
from slackvm.topologies.errors import TopologyError
from slackvm.topologies.reservation import memory_left

KIB_PER_MIB = 1024
LOCAL_DISTANCE = 10
"""NUMA distance of a node to itself: Linux's value if the firmware reports none."""

_MEMORY_TOTAL = re.compile(r"\bMemTotal:\s+([0-9]{1,15}) kB")
_NUMBER = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True)
class _Nodes:
    """NUMA nodes: the node of each CPU, distances in the order of the keys."""

    of_cpu: Mapping[int, int]
    distances: Mapping[int, Sequence[int]]


@dataclass(frozen=True)
class _Cache:
    """A cache of one CPU: its id where the kernel knows one, and the lowest CPU that shares it."""

    cache_id: int | None
    lowest_cpu: int | None


def read_sysfs(
    root: Path = Path("/"),
    exclude: Collection[int] = (),
    memory_reserved_mib: int = 0,
) -> Topology:
    """Return the online CPUs of this host but for those excluded, and its memory.

    Memory is the kernel's total: the sum over the NUMA nodes may still grow after boot.

    Args:
        root: where `sys` and `proc` are mounted.
        exclude: CPUs kept for the system; an offline one may be among them.
        memory_reserved_mib: memory kept for the system.

    Raises:
        TopologyError: a file is missing or says something else than it should, a CPU to exclude
            does not exist, nothing is left for VMs, or the caches differ between the CPUs.
    """
    system = root / "sys" / "devices" / "system"
    online = _cpu_list(system / "cpu" / "online")
    if not online:
        raise TopologyError(f"{system / 'cpu' / 'online'}: no CPU found; one at least is needed")
    offered = _offered(system / "cpu", online, exclude)
    nodes = _nodes(system / "node", online)
    cores = _cores(system / "cpu", online)
    caches = _caches(system / "cpu", offered)
    cpus = []
    for cpu in offered:
        if cpu not in nodes.of_cpu:
            raise TopologyError(f"{system / 'node'}: CPU {cpu} is online but in no node's cpulist")
        folder = system / "cpu" / f"cpu{cpu}"
        cpus.append(
            CPU(
                cpu_id=cpu,
                core=cores[cpu],
                socket=_socket(folder),
                numa_node=nodes.of_cpu[cpu],
                caches=caches[cpu],
                max_freq_khz=_number_or_none(folder / "cpufreq" / "cpuinfo_max_freq"),
            )
        )
    total = _memory_kib(root / "proc" / "meminfo") // KIB_PER_MIB
    memory = memory_left(total, memory_reserved_mib)
    try:
        return Topology(tuple(cpus), nodes.distances, memory, total)
    except ValueError as error:
        raise TopologyError(f"{system}: {error}") from error


def _offered(folder: Path, online: Sequence[int], exclude: Collection[int]) -> tuple[int, ...]:
    """Return the online CPUs that are not excluded."""
    unknown = [cpu for cpu in exclude if cpu not in online and not (folder / f"cpu{cpu}").is_dir()]
    if unknown:
        raise TopologyError(
            f"cannot exclude CPU {format_cpu_list(unknown)}: the host has CPUs "
            f"{format_cpu_list(online)} online ({folder / 'online'})"
        )
    offered = tuple(cpu for cpu in online if cpu not in exclude)
    if not offered:
        raise TopologyError(
            f"{folder / 'online'}: every online CPU ({format_cpu_list(online)}) is excluded; "
            "at least one must be left for VMs"
        )
    return offered


def _nodes(folder: Path, online_cpus: Sequence[int]) -> _Nodes:
    """Return the online NUMA nodes; one node 0 with all CPUs where the kernel has none."""
    found = _numbers(folder, "node")
    if not found:
        distances = {0: (LOCAL_DISTANCE,)}
        return _Nodes(dict.fromkeys(online_cpus, 0), distances)
    online = _cpu_list(folder / "online") if (folder / "online").exists() else found
    of_cpu: dict[int, int] = {}
    rows: dict[int, Sequence[int]] = {}
    for node in online:
        place = folder / f"node{node}"
        of_cpu.update(dict.fromkeys(_cpu_list(place / "cpulist"), node))
        rows[node] = _distances(place / "distance", len(online))
    return _Nodes(of_cpu, rows)


def _distances(path: Path, nodes: int) -> tuple[int, ...]:
    """Return a node's distances to all online nodes, ascending by node."""
    if nodes == 1 and not path.exists():
        return (LOCAL_DISTANCE,)
    text = _text(path)
    row = text.split()
    if len(row) != nodes or not all(_NUMBER.fullmatch(word) for word in row):
        raise TopologyError(f"{path}: {text!r} found; {nodes} distances, one per node, are needed")
    return tuple(int(word) for word in row)


def _memory_kib(path: Path) -> int:
    match = _MEMORY_TOTAL.search(_text(path))
    if match is None:
        raise TopologyError(f"{path}: no MemTotal in kB found; it is the size of the memory")
    return int(match[1])


def _cores(folder: Path, online: Sequence[int]) -> Mapping[int, int]:
    """Return the physical core of each CPU, numbered from 0 over the host.

    `thread_siblings_list` is the kernel's own verdict. `core_id`, read where that is missing, is
    unique only within a die of a package. A CPU with neither is a core of its own.
    """
    numbers: dict[tuple[int | None, ...], int] = {}
    cores = {}
    for cpu in online:
        topology = folder / f"cpu{cpu}" / "topology"
        siblings = topology / "thread_siblings_list"
        core_id = _number_or_none(topology / "core_id")
        label: tuple[int | None, ...]
        if siblings.exists():
            label = (min(_cpu_list(siblings), default=cpu),)
        elif core_id is not None:
            die = _number_or_none(topology / "die_id")
            label = (_socket(folder / f"cpu{cpu}"), die, core_id)
        else:
            label = (cpu,)
        cores[cpu] = numbers.setdefault(label, len(numbers))
    return cores


def _socket(folder: Path) -> int:
    """Return a CPU's package, 0 where the kernel knows none."""
    return _number_or_none(folder / "topology" / "physical_package_id") or 0


def _caches(folder: Path, cpus: Sequence[int]) -> Mapping[int, tuple[int, ...]]:
    """Return the cache ids of each CPU in the order of the cache indexes.

    Where the kernel gives an index no id on some CPU, the lowest CPU that shares the cache stands
    for it on all: the two kinds of number must not mix.
    """
    caches = {cpu: _caches_of(folder / f"cpu{cpu}" / "cache") for cpu in cpus}
    nameless = {
        index
        for by_index in caches.values()
        for index, cache in by_index.items()
        if cache.cache_id is None
    }
    ids: dict[int, tuple[int, ...]] = {}
    for cpu, by_index in caches.items():
        numbers = []
        for index, cache in by_index.items():
            number = cache.lowest_cpu if index in nameless else cache.cache_id
            if number is None:
                path = folder / f"cpu{cpu}" / "cache" / f"index{index}" / "shared_cpu_list"
                raise TopologyError(
                    f"{path}: no CPU found; it is needed because another CPU's cache of this index "
                    "has no id"
                )
            numbers.append(number)
        ids[cpu] = tuple(numbers)
    return ids


def _caches_of(folder: Path) -> Mapping[int, _Cache]:
    """Return the caches of a CPU by index, without those of which the kernel knows nothing."""
    caches = {}
    for index in _numbers(folder, "index"):
        place = folder / f"index{index}"
        shared = place / "shared_cpu_list"
        lowest = min(_cpu_list(shared), default=None) if shared.exists() else None
        cache = _Cache(_number_or_none(place / "id"), lowest)
        if cache != _Cache(None, None):
            caches[index] = cache
    return caches


def _numbers(folder: Path, prefix: str) -> list[int]:
    """Return the numbers of the entries named `prefix` and a number, ascending."""
    names = (path.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*"))
    return sorted(int(name) for name in names if _NUMBER.fullmatch(name))


def _cpu_list(path: Path) -> tuple[int, ...]:
    text = _text(path)
    try:
        return parse_cpu_list(text)
    except TopologyError as error:
        raise TopologyError(f"{path}: {error}") from error


def _number_or_none(path: Path) -> int | None:
    """Return the number in a file; None where it is missing or -1, as Linux writes "unknown"."""
    if not path.exists():
        return None
    text = _text(path)
    if text == "-1":
        return None
    if not _NUMBER.fullmatch(text):
        raise TopologyError(f"{path}: {text!r} found; a whole number is needed")
    return int(text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise TopologyError(
            f"{path}: cannot be read ({error.strerror or error}); "
            "the topology of a Linux host is needed there"
        ) from error
