"""What the JSON document of a topology file means, checked piece by piece.

Each function takes a piece of the document and its path in it, and raises a TopologyError that
begins with that path.
"""

import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slackvm.model.topology import CPU, Topology
from slackvm.topologies.errors import MAX_CPUS, MAX_NUMBER, TopologyError

_KEY = re.compile(r"0|[1-9][0-9]{0,8}")
_MAX_CACHES = 16


@dataclass(frozen=True)
class _Entry:
    """An entry of `cpu_list`, checked by itself; the siblings include the CPU."""

    where: str
    cpu_id: int
    numa_node: int
    caches: tuple[int, ...]
    max_freq_khz: int | None
    core_siblings: frozenset[int]
    socket_siblings: frozenset[int] | None


def topology_of(document: object) -> Topology:
    """Given the document of a topology file, return its topology.

    Raises:
        TopologyError: a piece is missing, of a wrong type or out of range.
        ValueError: the pieces do not go together.
    """
    cpuset = _member(document, "cpuset", "")
    memset = _member(document, "memset", "")
    if isinstance(cpuset, dict) and "host_count" in cpuset:
        _number(cpuset["host_count"], "cpuset.host_count")
    cpus = _cpus(_member(cpuset, "cpu_list", "cpuset"))
    numa_distances = _numa_distances(_member(cpuset, "numa_distances", "cpuset"))
    for place, cpu in enumerate(cpus):
        if cpu.numa_node not in numa_distances:
            raise TopologyError(
                f"cpuset.cpu_list[{place}].numa_node: cpuset.numa_distances has no node "
                f"{cpu.numa_node}"
            )
    return Topology(
        cpus=cpus,
        numa_distances=numa_distances,
        memory_mib=_number(_member(memset, "allowed", "memset"), "memset.allowed"),
        memory_total_mib=_number(_member(memset, "total", "memset"), "memset.total"),
    )


def _numa_distances(value: object) -> dict[int, tuple[int, ...]]:
    where = "cpuset.numa_distances"
    rows = _by_number(value, where, MAX_CPUS)
    return {
        node: tuple(
            _number(distance, f"{where}.{node}[{column}]")
            for column, distance in enumerate(_list(row, f"{where}.{node}", len(rows)))
        )
        for node, row in rows.items()
    }


def _cpus(value: object) -> tuple[CPU, ...]:
    where = "cpuset.cpu_list"
    listed = _list(value, where, MAX_CPUS)
    entries: dict[int, _Entry] = {}
    for place, each in enumerate(listed):
        entry = _entry(each, f"{where}[{place}]")
        if entry.cpu_id in entries:
            raise TopologyError(f"{entry.where}.cpu_id: CPU {entry.cpu_id} is listed twice")
        entries[entry.cpu_id] = entry
    lowest_of_node: dict[int, int] = {}
    for entry in entries.values():
        lowest = lowest_of_node.get(entry.numa_node, entry.cpu_id)
        lowest_of_node[entry.numa_node] = min(lowest, entry.cpu_id)
    of_core = {cpu_id: entry.core_siblings for cpu_id, entry in entries.items()}
    of_socket = {
        cpu_id: entry.socket_siblings
        for cpu_id, entry in entries.items()
        if entry.socket_siblings is not None
    }
    _check_mutual(entries, of_core, "sib_smt")
    _check_mutual(entries, of_socket, "sib_cpu")
    return tuple(
        CPU(
            cpu_id=cpu_id,
            core=min(entry.core_siblings),
            socket=min(entry.socket_siblings or {lowest_of_node[entry.numa_node]}),
            numa_node=entry.numa_node,
            caches=entry.caches,
            max_freq_khz=entry.max_freq_khz,
        )
        for cpu_id, entry in entries.items()
    )


def _check_mutual(
    entries: Mapping[int, _Entry], siblings: Mapping[int, frozenset[int]], key: str
) -> None:
    """Refuse a CPU whose siblings do not list it or belong elsewhere; only offered CPUs count."""
    lowest = {cpu_id: min(group) for cpu_id, group in siblings.items()}
    for cpu_id, group in siblings.items():
        where = f"{entries[cpu_id].where}.{key}"
        for other in group & siblings.keys():
            if cpu_id not in siblings[other]:
                raise TopologyError(f"{where}: CPU {other} does not list CPU {cpu_id}")
            if lowest[other] != lowest[cpu_id]:
                raise TopologyError(f"{where}: CPU {other} has other siblings than CPU {cpu_id}")


def _entry(value: object, where: str) -> _Entry:
    entry = _object(value, where)
    cpu_id = _number(_member(entry, "cpu_id", where), f"{where}.cpu_id", MAX_CPUS - 1)
    caches = _by_number(_member(entry, "cache_level", where), f"{where}.cache_level", _MAX_CACHES)
    max_freq = entry.get("max_freq")
    smt = _siblings(cpu_id, _member(entry, "sib_smt", where), f"{where}.sib_smt")
    socket = _siblings(cpu_id, entry["sib_cpu"], f"{where}.sib_cpu") if "sib_cpu" in entry else None
    return _Entry(
        where=where,
        cpu_id=cpu_id,
        numa_node=_number(_member(entry, "numa_node", where), f"{where}.numa_node"),
        caches=tuple(
            _number(cache, f"{where}.cache_level.{index}") for index, cache in caches.items()
        ),
        max_freq_khz=None if max_freq is None else _number(max_freq, f"{where}.max_freq"),
        core_siblings=smt,
        socket_siblings=socket,
    )


def _siblings(cpu_id: int, value: object, where: str) -> frozenset[int]:
    listed = _list(value, where, MAX_CPUS)
    return frozenset(
        _number(sibling, f"{where}[{place}]", MAX_CPUS - 1) for place, sibling in enumerate(listed)
    ) | {cpu_id}


def _by_number(value: object, where: str, most: int) -> dict[int, object]:
    """Return an object whose keys are whole numbers in text, in ascending order of the keys."""
    pieces = _object(value, where)
    if len(pieces) > most:
        raise TopologyError(f"{where}: {len(pieces)} entries; at most {most} are allowed")
    for key in pieces:
        if not _KEY.fullmatch(key):
            raise TopologyError(f"{where}: the key {_shown(key)} is not a whole number")
    return {number: pieces[str(number)] for number in sorted(map(int, pieces))}


def _member(value: object, key: str, where: str) -> object:
    """Return the piece under `key`."""
    pieces = _object(value, where)
    if key not in pieces:
        raise TopologyError(f"{f'{where}.{key}' if where else key}: missing")
    return pieces[key]


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TopologyError(f"{where or 'the whole file'}: {_shown(value)} is not an object")
    return value


def _list(value: object, where: str, most: int) -> Sequence[object]:
    if not isinstance(value, list):
        raise TopologyError(f"{where}: {_shown(value)} is not a list")
    if len(value) > most:
        raise TopologyError(f"{where}: {len(value)} entries; at most {most} are allowed")
    return value


def _number(value: object, where: str, largest: int = MAX_NUMBER) -> int:
    """Return a whole number from 0 to `largest`; `true` and `1.0` are refused."""
    if type(value) is not int:
        raise TopologyError(f"{where}: {_shown(value)} is not a whole number")
    if not 0 <= value <= largest:
        raise TopologyError(f"{where}: {_shown(value)} is not from 0 to {largest}")
    return value


def _shown(value: object) -> str:
    """Return a piece as it is quoted in a message, cut where it would fill the screen."""
    return reprlib.repr(value)
