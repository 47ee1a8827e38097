"""The prototype's topology files."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slackvm.model.topology import CPU, Topology
from slackvm.topologies import Description, TopologyError, read_json, to_json, write_json
from topology.strategies import descriptions

REFERENCES = ("topology_EPYC-7662-exp.json", "topology_i7-1185G7.json")

SERVER = Description(
    sockets=2,
    cores=2,
    threads=2,
    distances=(10, 32),
    memory_total_mib=2000,
    memory_mib=1900,
    max_freq_khz=2_000_000,
).build()


@pytest.fixture
def document() -> Any:
    """The file of a host with CPUs 0-7: two sockets, two cores each, two threads each."""
    return json.loads(to_json(SERVER))


def _read(tmp_path: Path, document: object) -> Topology:
    path = tmp_path / "host.json"
    path.write_text(json.dumps(document))
    return read_json(path)


def _refusal(tmp_path: Path, document: object) -> str:
    with pytest.raises(TopologyError) as refused:
        _read(tmp_path, document)
    where, _, message = str(refused.value).partition(": ")
    assert where == str(tmp_path / "host.json")
    return message


@pytest.mark.parametrize("name", REFERENCES)
def test_a_real_file_read_and_written_is_the_same_text(name: str, reference_data: Path) -> None:
    path = reference_data / "topologies" / name
    assert to_json(read_json(path)) == path.read_text()


def test_the_real_epyc_has_two_sockets_of_two_threads_a_core(reference_data: Path) -> None:
    epyc = read_json(reference_data / "topologies" / REFERENCES[0])
    assert epyc.cpus[0] == CPU(
        12, core=12, socket=12, numa_node=0, caches=(12, 12, 12, 3), max_freq_khz=2_000_000
    )
    assert {cpu.socket for cpu in epyc.cpus} == {12, 64}
    assert np.bincount(epyc.cores).tolist() == [2] * 116


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(descriptions())
def test_a_written_host_reads_back(tmp_path: Path, description: Description) -> None:
    host = description.build()
    write_json(host, tmp_path / "host.json")
    read = read_json(tmp_path / "host.json")
    assert to_json(read) == to_json(host)
    assert np.array_equal(read.distances, host.distances)
    assert np.array_equal(read.cores, host.cores)
    assert (read.memory_mib, read.memory_total_mib) == (host.memory_mib, host.memory_total_mib)


def test_distances_are_written_nearest_first_then_in_the_order_of_the_list(document: Any) -> None:
    row = document["cpuset"]["distances"]["1"]
    assert list(row.items()) == [
        ("5", 10),
        ("0", 40),
        ("4", 40),
        ("2", 72),
        ("3", 72),
        ("6", 72),
        ("7", 72),
    ]


def test_siblings_are_the_other_offered_cpus_of_the_core_and_of_the_socket() -> None:
    host = Description(
        sockets=2, cores=2, threads=2, memory_total_mib=9, excluded=frozenset({4})
    ).build()
    listed = json.loads(to_json(host))["cpuset"]["cpu_list"]
    assert [(each["cpu_id"], each["sib_smt"], each["sib_cpu"]) for each in listed[:2]] == [
        (0, [], [1, 5]),
        (1, [5], [0, 5]),
    ]


def test_nodes_are_written_in_ascending_order_with_their_columns(tmp_path: Path) -> None:
    cpus = tuple(CPU(n, n, n, node, (n,)) for n, node in enumerate((10, 8, 0)))
    host = Topology(cpus, {10: (1, 2, 3), 8: (4, 5, 6), 0: (7, 8, 9)}, 5, 5)
    document = json.loads(to_json(host))
    assert list(document["cpuset"]["numa_distances"].items()) == [
        ("0", [9, 8, 7]),
        ("8", [6, 5, 4]),
        ("10", [3, 2, 1]),
    ]
    assert np.array_equal(_read(tmp_path, document).distances, host.distances)


def test_distances_in_a_file_are_recomputed(document: Any, tmp_path: Path) -> None:
    document["cpuset"]["distances"] = "nonsense"
    assert to_json(_read(tmp_path, document)) == to_json(SERVER)


@pytest.mark.parametrize("key", ["distances", "host_count"])
def test_what_follows_from_the_rest_may_be_missing(key: str, document: Any, tmp_path: Path) -> None:
    del document["cpuset"][key]
    assert to_json(_read(tmp_path, document)) == to_json(SERVER)


def test_without_the_siblings_of_the_socket_the_node_stands_for_it(
    document: Any, tmp_path: Path
) -> None:
    for entry in document["cpuset"]["cpu_list"]:
        del entry["sib_cpu"]
    assert to_json(_read(tmp_path, document)) == to_json(SERVER)


def test_the_clock_may_be_missing_or_null(document: Any, tmp_path: Path) -> None:
    document["cpuset"]["cpu_list"][0]["max_freq"] = None
    del document["cpuset"]["cpu_list"][1]["max_freq"]
    clocks = [cpu.max_freq_khz for cpu in _read(tmp_path, document).cpus]
    assert clocks == [None, None] + [2_000_000] * 6


def test_siblings_that_are_not_offered_do_not_matter(document: Any, tmp_path: Path) -> None:
    del document["cpuset"]["cpu_list"][0]
    host = _read(tmp_path, document)
    assert host.cores.tolist() == [0, 1, 2, 3, 0, 1, 2]


def test_caches_are_read_in_the_order_of_their_numbers(document: Any, tmp_path: Path) -> None:
    for entry in document["cpuset"]["cpu_list"]:
        entry["cache_level"] = {"10": 7, "2": entry["cpu_id"]}
    assert _read(tmp_path, document).cpus[3].caches == (3, 7)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("cpuset", 5, "cpuset: 5 is not an object"),
        ("cpuset.cpu_list", {}, "cpuset.cpu_list: {} is not a list"),
        ("cpuset.cpu_list", [], "the topology has no CPU"),
        ("cpuset.cpu_list", [0] * 9000, "cpuset.cpu_list: 9000 entries; at most 8192"),
        ("cpuset.cpu_list.3", None, "cpuset.cpu_list[3]: None is not an object"),
        ("cpuset.cpu_list.3.cpu_id", 0, "cpuset.cpu_list[3].cpu_id: CPU 0 is listed twice"),
        ("cpuset.cpu_list.3.cpu_id", True, "cpuset.cpu_list[3].cpu_id: True is not a whole number"),
        ("cpuset.cpu_list.3.cpu_id", -1, "cpuset.cpu_list[3].cpu_id: -1 is not from 0 to 8191"),
        ("cpuset.cpu_list.3.cpu_id", 10**30, "is not from 0 to 8191"),
        (
            "cpuset.cpu_list.3.numa_node",
            "x",
            "cpuset.cpu_list[3].numa_node: 'x' is not a whole number",
        ),
        (
            "cpuset.cpu_list.3.numa_node",
            4,
            "cpuset.cpu_list[3].numa_node: cpuset.numa_distances has no node 4",
        ),
        ("cpuset.cpu_list.3.sib_smt", 7, "cpuset.cpu_list[3].sib_smt: 7 is not a list"),
        ("cpuset.cpu_list.3.sib_smt", [1.0], "cpuset.cpu_list[3].sib_smt[0]: 1.0 is not a whole"),
        (
            "cpuset.cpu_list.3.sib_smt",
            [0],
            "cpuset.cpu_list[3].sib_smt: CPU 0 does not list CPU 3",
        ),
        ("cpuset.cpu_list.3.sib_cpu", None, "cpuset.cpu_list[3].sib_cpu: None is not a list"),
        (
            "cpuset.cpu_list.3.sib_cpu",
            [2, 6, 7, 0],
            "cpuset.cpu_list[2].sib_cpu: CPU 3 has other siblings than CPU 2",
        ),
        ("cpuset.cpu_list.3.cache_level", [1], "cpuset.cpu_list[3].cache_level: [1] is not an obj"),
        ("cpuset.cpu_list.3.cache_level", {"0": 1}, "CPU 3 has 1 cache indexes and CPU 0 has 4"),
        ("cpuset.cpu_list.3.cache_level.2", "", "cpuset.cpu_list[3].cache_level.2: '' is not a"),
        (
            "cpuset.cpu_list.3.cache_level",
            {"L3": 1},
            "cpuset.cpu_list[3].cache_level: the key 'L3' is not a whole number",
        ),
        (
            "cpuset.cpu_list.3.cache_level",
            {str(index): 0 for index in range(99)},
            "cpuset.cpu_list[3].cache_level: 99 entries; at most 16 are allowed",
        ),
        ("cpuset.cpu_list.3.max_freq", "4 GHz", "cpuset.cpu_list[3].max_freq: '4 GHz' is not a"),
        ("cpuset.numa_distances", [], "cpuset.numa_distances: [] is not an object"),
        ("cpuset.numa_distances.1", [10], "NUMA node 1 has 1 distances, but there are 2 nodes"),
        ("cpuset.numa_distances.1", [1, 2, 3], "cpuset.numa_distances.1: 3 entries; at most 2"),
        ("cpuset.numa_distances.1", [10, -5], "cpuset.numa_distances.1[1]: -5 is not from 0 to"),
        ("cpuset.numa_distances.01", [1, 2], "cpuset.numa_distances: the key '01' is not a whole"),
        ("cpuset.host_count", "8", "cpuset.host_count: '8' is not a whole number"),
        ("memset", [], "memset: [] is not an object"),
        ("memset.total", 1.5e6, "memset.total: 1500000.0 is not a whole number"),
        ("memset.total", 2**64, "memset.total: 18446744073709551616 is not from 0 to 4294967295"),
        ("memset.total", 5, "memory for VMs is 1900 MiB of 5 MiB"),
        ("memset.allowed", 0, "memory for VMs is 0 MiB of 2000 MiB"),
        ("memset.allowed", "x" * 9999, "memset.allowed: 'xxx"),
    ],
)
def test_a_wrong_piece_is_named_with_its_path(
    path: str, value: object, message: str, document: Any, tmp_path: Path
) -> None:
    piece = document
    *parents, last = path.split(".")
    for key in parents:
        piece = piece[int(key) if isinstance(piece, list) else key]
    piece[int(last) if isinstance(piece, list) else last] = value
    refusal = _refusal(tmp_path, document)
    assert message in refusal
    assert len(refusal) < 250


@pytest.mark.parametrize(
    "path",
    [
        "cpuset",
        "memset",
        "cpuset.numa_distances",
        "cpuset.cpu_list",
        "memset.total",
        "memset.allowed",
    ],
)
def test_a_missing_piece_is_named(path: str, document: Any, tmp_path: Path) -> None:
    piece = document
    *parents, last = path.split(".")
    for key in parents:
        piece = piece[key]
    del piece[last]
    assert _refusal(tmp_path, document) == f"{path}: missing"


@pytest.mark.parametrize("key", ["cpu_id", "numa_node", "sib_smt", "cache_level"])
def test_a_missing_piece_of_a_cpu_is_named(key: str, document: Any, tmp_path: Path) -> None:
    del document["cpuset"]["cpu_list"][3][key]
    assert _refusal(tmp_path, document) == f"cpuset.cpu_list[3].{key}: missing"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a JSON file"),
        (b"# a comment", "not a JSON file"),
        (b"\xff\xfe\x00", "not a JSON file"),
        (b"[]", "the whole file: [] is not an object"),
        (b"NaN", "NaN is not a number"),
        (b'{"memset": {"total": Infinity}}', "Infinity is not a number"),
        (b"[" * 100_000, "nested too deep"),
        (b"9" * 100_000, "not a JSON file"),
    ],
)
def test_a_file_of_something_else_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(content)
    with pytest.raises(TopologyError) as refused:
        read_json(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["missing.json", ".", "a\0b", "x" * 300])
def test_a_file_that_cannot_be_read_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="cannot be read"):
        read_json(tmp_path / name)


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(TopologyError, match="more than 268435456 bytes"):
        read_json(Path("/dev/zero"))


_TEXT = to_json(SERVER).encode()
_PLACES = st.integers(0, len(_TEXT) - 1)


def _read_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        host = read_json(path)
    except TopologyError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017
    else:
        assert host.distances.shape == (len(host), len(host))


_FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_FUZZ
@given(_PLACES)
def test_a_file_cut_short_is_refused(tmp_path: Path, place: int) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(_TEXT[:place])
    with pytest.raises(TopologyError, match="not a JSON file"):
        read_json(path)


@_FUZZ
@given(st.lists(st.tuples(_PLACES, st.integers(1, 255)), min_size=1, max_size=4))
def test_a_file_with_flipped_bits_is_read_or_refused(
    tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    content = bytearray(_TEXT)
    for place, bits in flips:
        content[place] ^= bits
    _read_or_refused(tmp_path / "host.json", bytes(content))


@_FUZZ
@given(_PLACES, _PLACES)
def test_a_file_with_swapped_characters_is_read_or_refused(
    tmp_path: Path, one: int, other: int
) -> None:
    content = bytearray(_TEXT)
    content[one], content[other] = content[other], content[one]
    _read_or_refused(tmp_path / "host.json", bytes(content))


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda piece: (
        st.lists(piece, max_size=3)
        | st.dictionaries(st.sampled_from(["0", "1", "cpu_id", "x"]), piece, max_size=3)
    ),
    max_leaves=6,
)


@settings(_FUZZ, max_examples=300)
@given(st.data(), _JUNK)
def test_a_file_with_any_piece_replaced_is_read_or_refused(
    tmp_path: Path, data: st.DataObject, junk: object
) -> None:
    document = json.loads(_TEXT)
    del document["cpuset"]["distances"]
    piece: Any = document
    while True:
        keys = list(piece) if isinstance(piece, dict) else list(range(len(piece)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(piece[key], dict | list) or not piece[key] or data.draw(st.booleans()):
            break
        piece = piece[key]
    piece[key] = copy.deepcopy(junk)
    _read_or_refused(tmp_path / "host.json", json.dumps(document).encode())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "host.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(SERVER, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_json(SERVER, tmp_path / "host.json")
    assert (tmp_path / "host.json").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_is_followed_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("host.json")
    write_json(SERVER, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "host.json").read_text() == to_json(SERVER)
    write_json(SERVER, Path(os.devnull))
    assert not Path(os.devnull).is_file()
