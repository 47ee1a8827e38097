"""A host described by a few numbers, for hosts that are not at hand, and two presets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from slackvm.model.topology import CPU, Topology
from slackvm.topologies.cpu_list import format_cpu_list
from slackvm.topologies.errors import MAX_CPUS, MAX_NUMBER, TopologyError


@dataclass(frozen=True)
class Description:
    """A symmetric x86 server; Linux numbers its CPUs as `build` does.

    Attributes:
        cores: cores of one socket.
        memory_total_mib: all memory of the host.
        sockets: packages.
        threads: CPUs of one core.
        cores_per_l3: cores that share an L3; None: all of a socket.
        nodes_per_socket: NUMA nodes of one socket.
        distances: NUMA distances: of a node to itself, to the other nodes of its socket and to
            those of other sockets. Two numbers: to itself and to any other node.
        distance_matrix: a row of distances for each node, instead of `distances`.
        excluded: CPUs kept for the system.
        memory_mib: memory that VMs may take; None: all.
        max_freq_khz: highest clock; None: unknown.

    Raises:
        TopologyError: a field is out of range or does not go with another; the message names it.
    """

    cores: int
    memory_total_mib: int
    sockets: int = 1
    threads: int = 1
    cores_per_l3: int | None = None
    nodes_per_socket: int = 1
    distances: tuple[int, ...] = (10, 20)
    distance_matrix: tuple[tuple[int, ...], ...] | None = None
    excluded: frozenset[int] = frozenset()
    memory_mib: int | None = None
    max_freq_khz: int | None = None

    def __post_init__(self) -> None:
        for name, most in _RANGES.items():
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 1 <= value <= most):
                raise TopologyError(
                    f"{name} {value!r} is not allowed: a whole number from 1 to {most}"
                )
        if self.cpus > MAX_CPUS:
            raise TopologyError(
                f"sockets x cores x threads is {self.cpus} CPUs: at most {MAX_CPUS} are allowed"
            )
        for name in ("cores_per_l3", "nodes_per_socket"):
            part = getattr(self, name)
            if part is not None and self.cores % part:
                raise TopologyError(
                    f"{name} {part} is not allowed: "
                    f"it must divide the {self.cores} cores of a socket"
                )
        if self.memory_mib is not None and self.memory_mib > self.memory_total_mib:
            raise TopologyError(
                f"memory_mib {self.memory_mib} is not allowed: the host has {self.memory_total_mib}"
            )
        unknown = self.excluded - set(range(self.cpus))
        if unknown:
            raise TopologyError(
                f"cannot exclude CPU {format_cpu_list(unknown)}: "
                f"the host has CPUs 0-{self.cpus - 1}"
            )
        if len(self.excluded) == self.cpus:
            raise TopologyError("every CPU is excluded: at least one must be left for VMs")
        self._check_distances()

    @property
    def cpus(self) -> int:
        """Number of CPUs, excluded ones included."""
        return self.sockets * self.cores * self.threads

    @property
    def nodes(self) -> int:
        """Number of NUMA nodes."""
        return self.sockets * self.nodes_per_socket

    def build(self) -> Topology:
        """Return the topology.

        CPUs are numbered as Linux does on such servers: first one thread of every core, socket
        after socket, then the next thread of every core. L1 and L2 belong to a core.
        """
        all_cores = self.sockets * self.cores
        cores_per_l3 = self.cores_per_l3 or self.cores
        cores_per_node = self.cores // self.nodes_per_socket
        cpus = []
        for cpu_id in range(self.cpus):
            if cpu_id in self.excluded:
                continue
            core = cpu_id % all_cores
            cpus.append(
                CPU(
                    cpu_id=cpu_id,
                    core=core,
                    socket=core // self.cores,
                    numa_node=core // cores_per_node,
                    caches=(core, core, core, core // cores_per_l3),
                    max_freq_khz=self.max_freq_khz,
                )
            )
        memory_mib = self.memory_total_mib if self.memory_mib is None else self.memory_mib
        return Topology(tuple(cpus), self._numa_distances(), memory_mib, self.memory_total_mib)

    def _numa_distances(self) -> Mapping[int, Sequence[int]]:
        if self.distance_matrix is not None:
            return dict(enumerate(self.distance_matrix))
        local, far = self.distances[0], self.distances[-1]
        near = self.distances[1] if len(self.distances) == 3 else far
        return {
            node: tuple(
                local
                if other == node
                else near
                if other // self.nodes_per_socket == node // self.nodes_per_socket
                else far
                for other in range(self.nodes)
            )
            for node in range(self.nodes)
        }

    def _check_distances(self) -> None:
        matrix = self.distance_matrix
        if matrix is None:
            fewest = 1 if self.nodes == 1 else 2
            if not fewest <= len(self.distances) <= 3:
                raise TopologyError(
                    f"distances {self.distances} are not allowed: 2 or 3 numbers, "
                    "to the node itself, [to others of its socket,] to the others"
                )
        elif any(len(row) != self.nodes for row in (matrix, *matrix)):
            raise TopologyError(
                f"distances: the matrix must have {self.nodes} rows of {self.nodes} numbers, "
                "one for each NUMA node"
            )
        for distance in (*self.distances, *(each for row in matrix or () for each in row)):
            if type(distance) is not int or not 1 <= distance <= MAX_NUMBER:
                raise TopologyError(
                    f"distances: {distance!r} is not allowed: a whole number from 1 to {MAX_NUMBER}"
                )


_RANGES: Mapping[str, int] = {
    "cores": MAX_CPUS,
    "sockets": MAX_CPUS,
    "threads": MAX_CPUS,
    "cores_per_l3": MAX_CPUS,
    "nodes_per_socket": MAX_CPUS,
    "memory_total_mib": MAX_NUMBER,
    "memory_mib": MAX_NUMBER,
    "max_freq_khz": MAX_NUMBER,
}

PRESETS: Mapping[str, Description] = MappingProxyType(
    {
        "epyc-7662": Description(
            sockets=2,
            cores=64,
            threads=2,
            cores_per_l3=4,
            distances=(10, 32),
            excluded=frozenset(range(12)) | frozenset(range(128, 140)),
            memory_total_mib=1_031_742,
            max_freq_khz=2_000_000,
        ),
        "i7-1185g7": Description(
            cores=4, threads=2, memory_total_mib=31_776, max_freq_khz=4_800_000
        ),
    }
)
"""Two real hosts: the paper's server, 24 of its CPUs kept for the system, and a laptop."""
