"""A sysfs of a host that is not there, in a folder."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from slackvm.topologies import Description, format_cpu_list

CACHES_OF_A_CORE = 3  # L1d, L1i, L2; the L3 follows


class FakeSysfs:
    """Writes the files below `devices/system` that tell a topology."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.system = root / "sys" / "devices" / "system"
        self.meminfo = root / "proc" / "meminfo"

    def write(self, name: str, text: object) -> None:
        path = self.system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    def remove(self, name: str) -> None:
        path = self.system / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def cpu(
        self,
        cpu_id: int,
        core_id: int,
        siblings: str,
        caches: Sequence[tuple[int, str]],
        package: int = 0,
        max_freq_khz: int | None = None,
    ) -> None:
        """Add a CPU; a cache is its id and the list of CPUs that share it."""
        cpu = f"cpu/cpu{cpu_id}"
        self.write(f"{cpu}/topology/core_id", core_id)
        self.write(f"{cpu}/topology/die_id", 0)
        self.write(f"{cpu}/topology/physical_package_id", package)
        self.write(f"{cpu}/topology/thread_siblings_list", siblings)
        for index, (cache_id, shared) in enumerate(caches):
            self.write(f"{cpu}/cache/index{index}/id", cache_id)
            self.write(f"{cpu}/cache/index{index}/shared_cpu_list", shared)
        if max_freq_khz is not None:
            self.write(f"{cpu}/cpufreq/cpuinfo_max_freq", max_freq_khz)

    def memory(self, memory_kib: int) -> None:
        self.meminfo.parent.mkdir(parents=True, exist_ok=True)
        self.meminfo.write_text(f"MemTotal:  {memory_kib} kB\nMemFree:  1 kB\n")

    def node(self, node: int, cpus: str, distances: str) -> None:
        self.write(f"node/node{node}/cpulist", cpus)
        self.write(f"node/node{node}/distance", distances)

    def nodes_online(self, nodes: str) -> None:
        self.write("node/online", nodes)


def fake_sysfs(root: Path, description: Description) -> FakeSysfs:
    """Given a host, write the sysfs that Linux would show on it; no CPU is excluded."""
    sysfs = FakeSysfs(root)
    host = Description(
        **{**description.__dict__, "excluded": frozenset(), "memory_mib": None}
    ).build()
    sysfs.write("cpu/online", format_cpu_list(host.position))
    sharing: dict[tuple[int, int], list[int]] = {}
    for cpu in host.cpus:
        for index, cache in enumerate(cpu.caches):
            sharing.setdefault((index, cache), []).append(cpu.cpu_id)
    for cpu in host.cpus:
        lists = [format_cpu_list(sharing[key]) for key in enumerate(cpu.caches)]
        sysfs.cpu(
            cpu.cpu_id,
            core_id=cpu.core % description.cores,
            siblings=lists[0],
            caches=list(zip(cpu.caches, lists, strict=True)),
            package=cpu.socket,
            max_freq_khz=cpu.max_freq_khz,
        )
    for node, row in host.numa_distances.items():
        cpus = [cpu.cpu_id for cpu in host.cpus if cpu.numa_node == node]
        sysfs.node(node, format_cpu_list(cpus), " ".join(map(str, row)))
    sysfs.memory(1024 * host.memory_mib)
    sysfs.nodes_online(format_cpu_list(host.numa_distances))
    return sysfs
