"""The topology file of the SlackVM prototype: JSON with a `cpuset` and a `memset`.

    {"cpuset": {"numa_distances": {"0": [10, 32], ...},
                "cpu_list": [{"cpu_id": 12, "numa_node": 0, "sib_smt": [140], "sib_cpu": [13, ...],
                              "cache_level": {"0": 12, "1": 12, "2": 12, "3": 3},
                              "max_freq": 2000000}, ...],
                "distances": {"12": {"140": 10, "13": 40, ...}, ...},
                "host_count": 256},
     "memset": {"total": 1031742, "allowed": 1031742}}

`sib_smt` and `sib_cpu` list the other offered CPUs of the same core and of the same socket,
memory is in MiB, max_freq in kHz.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from slackvm.formats.files import atomic_write
from slackvm.model.topology import Topology
from slackvm.topologies.errors import TopologyError
from slackvm.topologies.prototype_document import topology_of

MAX_FILE_BYTES = 256 * 1024**2
"""Enough for 4,000 CPUs with `distances`, and for all that Linux knows without."""


def read_json(path: Path) -> Topology:
    """Given a topology file, return what it describes.

    `distances` is ignored: it follows from the rest. `host_count` and `sib_cpu` may be missing; a
    NUMA node then stands for the socket. `max_freq` may be missing or null.

    Raises:
        TopologyError: the file cannot be read, is not JSON, or something in it is missing, of a
            wrong type, out of range or in contradiction with the rest; the message has the path
            inside the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise TopologyError(f"{path}: cannot be read ({reason or error})") from error
    if len(content) > MAX_FILE_BYTES:
        raise TopologyError(
            f"{path}: more than {MAX_FILE_BYTES} bytes; a topology file may leave out `distances`"
        )
    try:
        document = json.loads(content.decode(), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise TopologyError(f"{path}: not a topology file: nested too deep") from error
    except ValueError as error:
        raise TopologyError(f"{path}: not a JSON file: {error}") from error
    try:
        return topology_of(document)
    except ValueError as error:
        raise TopologyError(f"{path}: {error}") from error


def to_json(topology: Topology) -> str:
    """Given a topology, return it as the text of a topology file.

    `host_count` is the number of CPUs of the whole host, which a topology does not know: the
    highest CPU number plus one is taken for it.
    """
    siblings_of_core = _groups(topology, [cpu.core for cpu in topology.cpus])
    siblings_of_socket = _groups(topology, [cpu.socket for cpu in topology.cpus])
    cpu_list = [
        {
            "cpu_id": cpu.cpu_id,
            "numa_node": cpu.numa_node,
            "sib_smt": _without(cpu.cpu_id, siblings_of_core[cpu.core]),
            "sib_cpu": _without(cpu.cpu_id, siblings_of_socket[cpu.socket]),
            "cache_level": {str(index): cache for index, cache in enumerate(cpu.caches)},
            "max_freq": cpu.max_freq_khz,
        }
        for cpu in topology.cpus
    ]
    cpuset = {
        "numa_distances": _numa_distances(topology),
        "cpu_list": cpu_list,
        "distances": _distances(topology),
        "host_count": int(topology.cpu_ids.max()) + 1,
    }
    memset = {"total": topology.memory_total_mib, "allowed": topology.memory_mib}
    return json.dumps({"cpuset": cpuset, "memset": memset})


def write_json(topology: Topology, path: Path) -> None:
    """Write a topology file, whole or not at all: a reader never sees half of one.

    A device or a pipe is written to as it is, an existing file is replaced.

    Raises:
        OSError: the file cannot be written.
    """
    text = to_json(topology)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _groups(topology: Topology, labels: Sequence[int]) -> Mapping[int, Sequence[int]]:
    """Return the CPUs with each label, in the topology's order."""
    groups = defaultdict(list)
    for cpu, label in zip(topology.cpus, labels, strict=True):
        groups[label].append(cpu.cpu_id)
    return groups


def _without(cpu_id: int, group: Sequence[int]) -> list[int]:
    return [other for other in group if other != cpu_id]


def _numa_distances(topology: Topology) -> dict[str, list[int]]:
    """Return the rows by node; rows and columns in ascending order of the nodes."""
    nodes = list(topology.numa_distances)
    order = sorted(range(len(nodes)), key=nodes.__getitem__)
    return {
        str(nodes[row]): [int(topology.numa_distances[nodes[row]][column]) for column in order]
        for row in order
    }


def _distances(topology: Topology) -> dict[str, dict[str, int]]:
    """Return each CPU's distances to the others, nearest first, then in the topology's order."""
    names = [str(cpu.cpu_id) for cpu in topology.cpus]
    nearest_first = np.argsort(topology.distances, axis=1, kind="stable")
    return {
        name: {names[other]: distances[other] for other in order.tolist() if other != position}
        for position, (name, distances, order) in enumerate(
            zip(names, topology.distances.tolist(), nearest_first, strict=True)
        )
    }


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
