"""Hosts described by a few numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackvm.model.topology import CPU
from slackvm.topologies import (
    DESCRIPTION_KEYS,
    PRESETS,
    Description,
    TopologyError,
    parse_description,
    read_json,
    to_json,
)
from topology.strategies import descriptions


@pytest.mark.parametrize(
    ("preset", "file"),
    [
        ("epyc-7662", "topology_EPYC-7662-exp.json"),
        ("i7-1185g7", "topology_i7-1185G7.json"),
    ],
)
def test_a_preset_is_the_real_host(preset: str, file: str, reference_data: Path) -> None:
    path = reference_data / "topologies" / file
    built, real = PRESETS[preset].build(), read_json(path)
    assert json.loads(to_json(built)) == json.loads(path.read_text())
    assert [(c.cpu_id, c.core, c.numa_node, c.caches, c.max_freq_khz) for c in built.cpus] == [
        (c.cpu_id, c.core, c.numa_node, c.caches, c.max_freq_khz) for c in real.cpus
    ]
    assert (built.memory_mib, built.memory_total_mib) == (real.memory_mib, real.memory_total_mib)


def test_the_epyc_has_the_distances_of_the_paper() -> None:
    epyc = PRESETS["epyc-7662"].build()
    first = epyc.distances[0]
    others = {cpu: int(first[epyc.position[cpu]]) for cpu in (12, 140, 13, 16, 64, 255)}
    assert others == {12: 0, 140: 10, 13: 40, 16: 50, 64: 72, 255: 72}
    assert len(epyc) == 232


def test_cpus_are_numbered_thread_by_thread_as_linux_does() -> None:
    host = Description(sockets=2, cores=2, threads=2, memory_total_mib=10, cores_per_l3=1).build()
    assert [(c.cpu_id, c.socket, c.core) for c in host.cpus] == [
        (0, 0, 0),
        (1, 0, 1),
        (2, 1, 2),
        (3, 1, 3),
        (4, 0, 0),
        (5, 0, 1),
        (6, 1, 2),
        (7, 1, 3),
    ]
    assert host.cpus[6] == CPU(6, core=2, socket=1, numa_node=1, caches=(2, 2, 2, 2))


def test_three_distances_tell_the_nodes_of_a_socket_from_the_others() -> None:
    host = parse_description("sockets=2 cores=4 nodes=2 distances=10,12,32 memory=100").build()
    assert host.numa_distances == {
        0: (10, 12, 32, 32),
        1: (12, 10, 32, 32),
        2: (32, 32, 10, 12),
        3: (32, 32, 12, 10),
    }
    assert [cpu.numa_node for cpu in host.cpus] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_matrix_gives_the_distances_row_by_row() -> None:
    host = parse_description("sockets=2 cores=1 distances=10,21/31,11 memory=100").build()
    assert host.numa_distances == {0: (10, 21), 1: (31, 11)}
    assert np.array_equal(host.distances, [[0, 61], [71, 0]])


def test_a_text_describes_what_the_same_fields_do() -> None:
    text = """sockets=2 cores=64 threads=2 l3=4 nodes=1 distances=10,32 exclude=0-11,128-139
              memory=1031742 max_freq=2000000"""
    assert parse_description(text) == PRESETS["epyc-7662"]


def test_what_a_text_leaves_out_has_a_default() -> None:
    assert parse_description("cores=4 memory=8192") == Description(cores=4, memory_total_mib=8192)
    host = parse_description("cores=4 memory=8192 vm_memory=8000").build()
    assert (len(host), host.memory_mib, host.memory_total_mib) == (4, 8000, 8192)
    assert np.array_equal(host.distances, 40 - 40 * np.eye(4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cores and memory missing"),
        ("cores=4", "memory missing"),
        ("cores", "'cores' is not key=value"),
        ("cores=", "'cores=' is not key=value"),
        ("cores=4 cores=4 memory=1", "cores is given twice"),
        ("cores=4 memory=1 colour=red", f"allowed are {', '.join(DESCRIPTION_KEYS)}"),
        ("cores=x memory=1", "cores: 'x' is not a whole number"),
        ("cores=1.5 memory=1", "cores: '1.5' is not a whole number"),
        ("cores=-4 memory=1", "cores: '-4' is not a whole number"),
        ("cores=0 memory=1", "cores 0 is not allowed: a whole number from 1 to 8192"),
        ("cores=4 memory=0", "memory_total_mib 0 is not allowed"),
        ("cores=4 memory=99999999999", "memory: '99999999999' is not a whole number"),
        ("cores=4 memory=10 vm_memory=11", "memory_mib 11 is not allowed: the host has 10"),
        ("cores=9999 memory=1", "cores 9999 is not allowed: a whole number from 1 to 8192"),
        ("sockets=8192 cores=8192 memory=1", "67108864 CPUs: at most 8192"),
        ("cores=4 l3=3 memory=1", "cores_per_l3 3 is not allowed: it must divide the 4 cores"),
        ("cores=4 nodes=8 memory=1", "nodes_per_socket 8 is not allowed: it must divide"),
        ("cores=4 exclude=4 memory=1", "cannot exclude CPU 4: the host has CPUs 0-3"),
        ("cores=4 exclude=0-3 memory=1", "every CPU is excluded"),
        ("cores=4 exclude=a memory=1", "exclude: CPU list 'a'"),
        ("cores=4 exclude=0-999999999 memory=1", "goes beyond 8191"),
        ("cores=4 distances=ten memory=1", "distances: 'ten' is not a whole number"),
        ("cores=4 distances=0 memory=1", "distances: 0 is not allowed"),
        ("sockets=2 cores=4 distances=10 memory=1", "distances (10,) are not allowed"),
        ("cores=4 distances=10,20,30,40 memory=1", "are not allowed: 2 or 3 numbers"),
        ("sockets=2 cores=4 distances=10,20/10 memory=1", "must have 2 rows of 2 numbers"),
        ("sockets=3 cores=4 distances=10,20/20,10 memory=1", "must have 3 rows of 3 numbers"),
    ],
)
def test_a_wrong_text_is_refused_with_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(TopologyError) as refused:
        parse_description(text)
    assert message in str(refused.value)


_WORDS = st.sampled_from([*DESCRIPTION_KEYS, "x", ""])
_VALUES = st.sampled_from(["0", "1", "2", "3", "8", "0-3", "10,20", "1/2", "-1", "x", "", "9" * 20])


@given(st.lists(st.builds("{}={}".format, _WORDS, _VALUES), max_size=6))
def test_any_text_describes_a_host_or_is_refused(pairs: list[str]) -> None:
    try:
        description = parse_description(" ".join(["cores=4", "memory=8192", *pairs]))
    except TopologyError:
        return
    assert len(description.build()) == description.cpus - len(description.excluded)


@given(descriptions())
def test_a_built_host_has_the_parts_that_were_described(description: Description) -> None:
    host = description.build()
    whole = Description(**{**description.__dict__, "excluded": frozenset()}).build()
    assert set(host.position) == set(range(description.cpus)) - description.excluded
    assert whole.cores.max() + 1 == description.sockets * description.cores
    assert whole.numa_nodes.max() + 1 == description.nodes
    assert len({cpu.socket for cpu in whole.cpus}) == description.sockets
    threads = np.bincount(whole.cores)
    assert set(threads.tolist()) == {description.threads}
