"""Hosts to decide on: the two real ones and small ones on which everything soon runs out."""

import json

from model.oracle import Oracle
from slackvm.model.host import Host
from slackvm.model.selection import SELECTIONS
from slackvm.model.topology import Topology
from slackvm.topologies import PRESETS, Description, to_json

LEVELS = (1.0, 1.4, 1.5, 2.0, 2.5, 3.0)

TOPOLOGIES: dict[str, Topology] = {
    "one core": Description(cores=1, memory_total_mib=4096).build(),
    "no SMT": Description(cores=6, memory_total_mib=16384, cores_per_l3=3).build(),
    "laptop": PRESETS["i7-1185g7"].build(),
    "two sockets": Description(
        sockets=2, cores=4, threads=2, cores_per_l3=2, memory_total_mib=65536, distances=(10, 32)
    ).build(),
    "four threads": Description(cores=4, threads=4, memory_total_mib=32768).build(),
    "half a core kept": Description(
        cores=4, threads=2, memory_total_mib=32768, excluded=frozenset({0})
    ).build(),
}


def host(topology: Topology, selection: str = "paper", critical_size: int = 6) -> Host:
    return Host(topology, selection=SELECTIONS[selection], critical_size=critical_size)


def oracle(topology: Topology, critical_size: int = 6) -> Oracle:
    cpuset = json.loads(to_json(topology))["cpuset"]
    distances = {int(node): row for node, row in cpuset["numa_distances"].items()}
    return Oracle(cpuset["cpu_list"], distances, topology.memory_mib, critical_size)
