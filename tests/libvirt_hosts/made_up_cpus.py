"""Write the `cpu` and `node` folders of a made-up /sys/devices/system, as libvirt reads them.

    python3 made_up_cpus.py FOLDER CPUS        (FOLDER is empty)

Two threads share a core, four cores an L3. From 32 CPUs up there are two sockets, each a NUMA node.
Only the standard library, for it runs wherever host.sh does. `topology.fake_sysfs` writes the
files that SlackVM reads, for any topology; libvirt also needs masks, links and node memory.
"""

import sys
from pathlib import Path

THREADS_PER_CORE = 2
CPUS_PER_L3 = 8
CPUS_OF_TWO_SOCKETS = 32
"""From this many CPUs up there are two sockets."""
NODE_KIB = 256 * 1024 * 1024
CACHES = (("Data", 1, 32), ("Instruction", 1, 32), ("Unified", 2, 1024), ("Unified", 3, 32768))
"""Type, level, size in KiB of each cache index."""


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")


def mask(cpus: range) -> str:
    """Return the CPUs as Linux writes a mask: words of 32 bits, the highest first."""
    bits = sum(1 << cpu for cpu in cpus)
    words = []
    while bits or not words:
        words.append(f"{bits & 0xFFFFFFFF:08x}")
        bits >>= 32
    return ",".join(reversed(words))


def span(cpus: range) -> str:
    return f"{cpus[0]}-{cpus[-1]}"


def group_of(cpu: int, size: int) -> range:
    """Return the CPUs of the group of `size` consecutive ones that `cpu` belongs to."""
    return range(cpu - cpu % size, cpu - cpu % size + size)


def write_cpu(folder: Path, cpu: int, per_socket: int) -> None:
    core = group_of(cpu, THREADS_PER_CORE)
    topology = folder / "topology"
    write(topology / "physical_package_id", cpu // per_socket)
    write(topology / "die_id", 0)
    write(topology / "core_id", cpu % per_socket // THREADS_PER_CORE)
    for name in ("thread_siblings", "core_cpus"):
        write(topology / name, mask(core))
        write(topology / f"{name}_list", span(core))
    for index, (kind, level, size_kib) in enumerate(CACHES):
        sharing = group_of(cpu, CPUS_PER_L3) if level == 3 else core
        cache = folder / "cache" / f"index{index}"
        write(cache / "type", kind)
        write(cache / "level", level)
        write(cache / "size", f"{size_kib}K")
        write(cache / "id", sharing[0] // len(sharing))
        write(cache / "shared_cpu_map", mask(sharing))
        write(cache / "shared_cpu_list", span(sharing))
    if cpu:  # Linux cannot take CPU 0 offline
        write(folder / "online", 1)


def write_node(system: Path, node: int, cpus: range, nodes: int) -> None:
    folder = system / "node" / f"node{node}"
    write(folder / "cpulist", span(cpus))
    write(folder / "cpumap", mask(cpus))
    write(folder / "distance", " ".join("10" if other == node else "20" for other in range(nodes)))
    memory = {"MemTotal": NODE_KIB, "MemFree": NODE_KIB // 2, "MemUsed": NODE_KIB // 2}
    write(
        folder / "meminfo",
        "\n".join(f"Node {node} {name}: {kib} kB" for name, kib in memory.items()),
    )
    for cpu in cpus:
        (folder / f"cpu{cpu}").symlink_to(f"../../cpu/cpu{cpu}")


def nodes_of(total: int) -> int:
    return 2 if total >= CPUS_OF_TWO_SOCKETS else 1


def write_system(system: Path, total: int) -> None:
    nodes = nodes_of(total)
    per_socket = total // nodes
    for name in ("online", "possible", "present"):
        write(system / "cpu" / name, span(range(total)))
    write(system / "cpu" / "kernel_max", 8191)
    for cpu in range(total):
        write_cpu(system / "cpu" / f"cpu{cpu}", cpu, per_socket)
    for name in ("online", "possible", "has_cpu", "has_normal_memory", "has_memory"):
        write(system / "node" / name, f"0-{nodes - 1}" if nodes > 1 else 0)
    for node in range(nodes):
        cpus = range(node * per_socket, (node + 1) * per_socket)
        write_node(system, node, cpus, nodes)


def main() -> None:
    system, cpus = Path(sys.argv[1]), int(sys.argv[2])
    if cpus < CPUS_PER_L3 or cpus % (CPUS_PER_L3 * nodes_of(cpus)):
        sys.exit(f"{cpus} CPUs cannot be made up; 8, 16, 24 or a multiple of 16 can")
    write_system(system, cpus)


if __name__ == "__main__":
    main()
