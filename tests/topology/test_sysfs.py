"""Reading the topology of a running host."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings

from slackvm.model.topology import Topology
from slackvm.topologies import PRESETS, Description, TopologyError, read_sysfs
from topology.fake_sysfs import FakeSysfs, fake_sysfs
from topology.strategies import descriptions

LAPTOP = Description(cores=2, threads=2, memory_total_mib=1000, max_freq_khz=4_800_000)
"""CPUs 0 and 2 share a core, 1 and 3 the other; all share an L3."""


@pytest.fixture
def laptop(tmp_path: Path) -> FakeSysfs:
    return fake_sysfs(tmp_path, LAPTOP)


def _distances_from_first(topology: Topology) -> dict[int, int]:
    return dict(zip(topology.cpu_ids.tolist(), topology.distances[0].tolist(), strict=True))


def _refusal(sysfs: FakeSysfs, exclude: tuple[int, ...] = (), reserved: int = 0) -> str:
    with pytest.raises(TopologyError) as refused:
        read_sysfs(sysfs.root, exclude, reserved)
    return str(refused.value)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_real_hosts_sysfs_gives_its_preset(preset: str, tmp_path: Path) -> None:
    sysfs = fake_sysfs(tmp_path, PRESETS[preset])
    assert read_sysfs(sysfs.root, PRESETS[preset].excluded) == PRESETS[preset].build()


@settings(max_examples=25, deadline=None)
@given(descriptions())
def test_any_host_is_read_as_it_is(description: Description) -> None:
    """Sub-NUMA (several nodes in a socket or in an L3) among them."""
    built = description.build()
    reserved = built.memory_total_mib - built.memory_mib
    with TemporaryDirectory() as folder:
        sysfs = fake_sysfs(Path(folder), description)
        assert read_sysfs(sysfs.root, description.excluded, reserved) == built


def test_the_node_is_read_from_the_nodes_and_not_from_the_package(tmp_path: Path) -> None:
    sub_numa = Description(cores=4, nodes_per_socket=2, cores_per_l3=2, memory_total_mib=1000)
    host = read_sysfs(fake_sysfs(tmp_path, sub_numa).root)
    assert [cpu.numa_node for cpu in host.cpus] == [0, 0, 1, 1]
    assert {cpu.socket for cpu in host.cpus} == {0}
    assert _distances_from_first(host) == {0: 0, 1: 40, 2: 60, 3: 60}


def test_an_offline_cpu_is_not_offered(laptop: FakeSysfs) -> None:
    laptop.write("cpu/online", "0-2")
    laptop.write("cpu/cpu1/topology/thread_siblings_list", "1")
    laptop.remove("cpu/cpu3")
    laptop.write("cpu/cpu3/online", 0)
    host = read_sysfs(laptop.root)
    assert host.cpu_ids.tolist() == [0, 1, 2]
    assert host.cores.tolist() == [0, 1, 0]


def test_an_offline_cpu_may_be_excluded(laptop: FakeSysfs) -> None:
    laptop.write("cpu/online", "0-2")
    assert read_sysfs(laptop.root, exclude=(0, 3)).cpu_ids.tolist() == [1, 2]


def test_excluding_a_cpu_that_does_not_exist_names_it(laptop: FakeSysfs) -> None:
    assert _refusal(laptop, exclude=(0, 7, 8)).startswith(
        "cannot exclude CPU 7-8: the host has CPUs 0-3 online"
    )


def test_excluding_every_cpu_is_refused(laptop: FakeSysfs) -> None:
    assert "every online CPU (0-3) is excluded" in _refusal(laptop, exclude=(0, 1, 2, 3))


def test_without_siblings_the_core_id_tells_the_core_within_a_die_of_a_package(
    tmp_path: Path,
) -> None:
    host = Description(sockets=2, cores=2, threads=2, memory_total_mib=100)
    sysfs = fake_sysfs(tmp_path, host)
    for cpu in range(8):
        sysfs.remove(f"cpu/cpu{cpu}/topology/thread_siblings_list")
    assert read_sysfs(sysfs.root) == host.build()
    for cpu in (1, 5):
        sysfs.write(f"cpu/cpu{cpu}/topology/core_id", 0)
        sysfs.write(f"cpu/cpu{cpu}/topology/die_id", 1)
    assert read_sysfs(sysfs.root) == host.build()


def test_siblings_count_where_the_core_id_is_not_unique(laptop: FakeSysfs) -> None:
    for cpu in range(4):
        laptop.write(f"cpu/cpu{cpu}/topology/core_id", 0)
    assert read_sysfs(laptop.root).cores.tolist() == [0, 1, 0, 1]


def test_without_any_topology_each_cpu_is_a_core_of_one_socket(laptop: FakeSysfs) -> None:
    for cpu in range(4):
        laptop.remove(f"cpu/cpu{cpu}/topology")
    host = read_sysfs(laptop.root)
    assert host.cores.tolist() == [0, 1, 2, 3]
    assert {cpu.socket for cpu in host.cpus} == {0}


def test_an_unknown_package_is_socket_0(laptop: FakeSysfs) -> None:
    laptop.remove("cpu/cpu0/topology/physical_package_id")
    laptop.write("cpu/cpu1/topology/physical_package_id", -1)
    assert {cpu.socket for cpu in read_sysfs(laptop.root).cpus} == {0}


def test_without_cache_ids_the_cpus_that_share_a_cache_tell_it(tmp_path: Path) -> None:
    host = Description(sockets=2, cores=4, threads=2, cores_per_l3=2, memory_total_mib=100)
    sysfs = fake_sysfs(tmp_path, host)
    for cpu in range(16):
        for index in range(4):
            sysfs.remove(f"cpu/cpu{cpu}/cache/index{index}/id")
    read = read_sysfs(sysfs.root)
    assert np.array_equal(read.distances, host.build().distances)
    assert read.cpus[15].caches == (7, 7, 7, 6)


def test_one_missing_cache_id_does_not_mix_with_the_ids_of_other_cpus(laptop: FakeSysfs) -> None:
    """CPU 1's L1d has id 1; of CPU 3, which shares it, the id is missing."""
    laptop.remove("cpu/cpu3/cache/index0/id")
    assert _distances_from_first(read_sysfs(laptop.root, exclude=(0, 2))) == {1: 0, 3: 10}
    laptop.write("cpu/cpu0/cache/index0/id", 3)  # CPU 0's has the number of CPU 3
    assert _distances_from_first(read_sysfs(laptop.root)) == {0: 0, 1: 40, 2: 10, 3: 40}


def test_a_gap_in_the_cache_indexes_is_skipped(laptop: FakeSysfs) -> None:
    for cpu in range(4):
        laptop.remove(f"cpu/cpu{cpu}/cache/index1")
    assert _distances_from_first(read_sysfs(laptop.root)) == {0: 0, 1: 30, 2: 10, 3: 30}


def test_the_tenth_cache_index_comes_after_the_second(laptop: FakeSysfs) -> None:
    for cpu in range(4):
        laptop.write(f"cpu/cpu{cpu}/cache/index10/id", 77)
    assert read_sysfs(laptop.root).cpus[1].caches == (1, 1, 1, 0, 77)


def test_without_any_cache_only_the_nodes_tell_cpus_apart(tmp_path: Path) -> None:
    sysfs = fake_sysfs(
        tmp_path, Description(sockets=2, cores=2, memory_total_mib=100, distances=(10, 21))
    )
    for cpu in range(4):
        sysfs.remove(f"cpu/cpu{cpu}/cache")
    host = read_sysfs(sysfs.root)
    assert {cpu.caches for cpu in host.cpus} == {()}
    assert _distances_from_first(host) == {0: 0, 1: 10, 2: 21, 3: 21}


def test_cpus_with_different_caches_are_refused_unless_one_kind_is_excluded(
    laptop: FakeSysfs,
) -> None:
    for cpu in (1, 3):
        laptop.remove(f"cpu/cpu{cpu}/cache/index3")
    refusal = _refusal(laptop)
    assert "CPU 1 has 3 cache indexes and CPU 0 has 4" in refusal
    assert "exclude those of one kind" in refusal
    assert read_sysfs(laptop.root, exclude=(1, 3)).cpu_ids.tolist() == [0, 2]
    assert read_sysfs(laptop.root, exclude=(0, 2)).cpu_ids.tolist() == [1, 3]


def test_without_cpufreq_the_clock_is_unknown(laptop: FakeSysfs) -> None:
    assert {cpu.max_freq_khz for cpu in read_sysfs(laptop.root).cpus} == {4_800_000}
    for cpu in range(4):
        laptop.remove(f"cpu/cpu{cpu}/cpufreq")
    assert {cpu.max_freq_khz for cpu in read_sysfs(laptop.root).cpus} == {None}


def test_a_node_with_memory_only_adds_its_distances(laptop: FakeSysfs) -> None:
    laptop.node(0, "0-3", "10 17")
    laptop.node(1, "", "17 10")
    laptop.nodes_online("0-1")
    host = read_sysfs(laptop.root, memory_reserved_mib=100)
    assert host.numa_distances == {0: (10, 17), 1: (17, 10)}
    assert (host.memory_mib, host.memory_total_mib) == (900, 1000)
    assert _distances_from_first(host) == {0: 0, 1: 40, 2: 10, 3: 40}


def test_node_numbers_may_have_gaps(tmp_path: Path) -> None:
    sysfs = fake_sysfs(tmp_path, Description(sockets=2, cores=1, memory_total_mib=100))
    sysfs.remove("node/node1")
    sysfs.node(0, "0", "10 40")
    sysfs.node(8, "1", "40 10")
    sysfs.memory(3072)
    sysfs.nodes_online("0,8")
    host = read_sysfs(sysfs.root)
    assert [cpu.numa_node for cpu in host.cpus] == [0, 8]
    assert host.numa_distances == {0: (10, 40), 8: (40, 10)}
    assert host.distances[0, 1] == 80
    assert host.memory_total_mib == 3


def test_nodes_count_without_the_list_of_those_online(laptop: FakeSysfs) -> None:
    laptop.remove("node/online")
    assert read_sysfs(laptop.root) == LAPTOP.build()


def test_a_kernel_without_nodes_has_one(laptop: FakeSysfs) -> None:
    laptop.remove("node")
    host = read_sysfs(laptop.root)
    assert host.numa_distances == {0: (10,)}
    assert {cpu.numa_node for cpu in host.cpus} == {0}


def _damages() -> Iterator[tuple[str, str | None, str]]:
    """A file, what is written to it (None: it is removed), what the error tells."""
    yield "cpu/online", None, "cannot be read (No such file or directory)"
    yield "cpu/online", "", "no CPU found"
    yield "cpu/online", "all", "CPU list 'all': 'all' is no number or range"
    yield "cpu/online", "0-99999999", "goes beyond 8191"
    yield "cpu/cpu2/topology/thread_siblings_list", "0;2", "'0;2' is no number or range"
    yield "cpu/cpu2/topology/physical_package_id", "a", "'a' found; a whole number is needed"
    yield "cpu/cpu2/cache/index3/id", "?", "'?' found; a whole number is needed"
    yield "cpu/cpu2/cache/index3/shared_cpu_list", "?", "'?' is no number or range"
    yield "cpu/cpu2/cpufreq/cpuinfo_max_freq", "fast", "'fast' found; a whole number is needed"
    yield "node/online", "0-1", "'10' found; 2 distances, one per node, are needed"
    yield "node/node0/cpulist", None, "cannot be read"
    yield "node/node0/cpulist", "0-2", "CPU 3 is online but in no node's cpulist"
    yield "node/node0/distance", "10 20", "'10 20' found; 1 distances, one per node, are needed"
    yield "node/node0/distance", "ten", "'ten' found"
    yield "node/node0/distance", "1" * 5000, "found; 1 distances"


@pytest.mark.parametrize(("name", "text", "message"), list(_damages()))
def test_a_file_that_says_nonsense_is_named(
    name: str, text: str | None, message: str, laptop: FakeSysfs
) -> None:
    laptop.remove(name)
    if text is not None:
        laptop.write(name, text)
    refusal = _refusal(laptop)
    assert message in refusal
    assert refusal.startswith(str(laptop.system))


@pytest.mark.parametrize(
    ("reserved", "message"),
    [
        (-1, "-1 MiB of memory cannot be reserved"),
        (1000, "1000 MiB of memory cannot be reserved: the host has 1000 MiB"),
    ],
)
def test_memory_that_is_not_there_cannot_be_reserved(
    reserved: int, message: str, laptop: FakeSysfs
) -> None:
    assert message in _refusal(laptop, reserved=reserved)


@pytest.mark.skipif(
    not Path("/sys/devices/system/cpu/online").exists(), reason="this machine has no sysfs"
)
def test_this_machine_is_read() -> None:
    host = read_sysfs()
    assert len(host) == os.sysconf("SC_NPROCESSORS_ONLN")
    assert host.memory_mib == host.memory_total_mib > 0
    assert np.array_equal(host.distances == 0, np.eye(len(host), dtype=bool))
