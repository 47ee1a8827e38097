"""A topology by name, and what is kept of one for the system."""

from pathlib import Path

import numpy as np
import pytest

from slackvm.topologies import (
    PRESETS,
    TopologyError,
    load_topology,
    parse_description,
    reserve_for_system,
    to_json,
    write_json,
)

HOST = parse_description("cores=4 threads=2 memory=1000 vm_memory=900").build()


@pytest.mark.parametrize("spec", ["i7-1185g7", "i7-1185G7"])
def test_a_preset_is_found_by_name(spec: str) -> None:
    assert load_topology(spec) == PRESETS["i7-1185g7"].build()


def test_a_file_wins_over_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(HOST, Path("epyc-7662"))
    assert to_json(load_topology("epyc-7662")) == to_json(HOST)


def test_a_folder_does_not_hide_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("epyc-7662").mkdir()
    assert len(load_topology("epyc-7662")) == 232


@pytest.mark.parametrize("spec", ["", "epyc", "/no/such/file", "a\0b"])
def test_what_is_neither_is_refused_with_the_presets(spec: str) -> None:
    with pytest.raises(TopologyError) as refused:
        load_topology(spec)
    assert str(refused.value) == (
        f"topology {spec!r}: no such file, and no preset of that name "
        "(presets: epyc-7662, i7-1185g7)"
    )


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(TopologyError, match="File name too long"):
        load_topology("x" * 5000)


def test_reserved_cpus_and_memory_are_not_offered() -> None:
    left = reserve_for_system(HOST, exclude=(0, 4), memory_reserved_mib=100)
    assert left.cpu_ids.tolist() == [1, 2, 3, 5, 6, 7]
    assert (left.memory_mib, left.memory_total_mib) == (800, 1000)
    kept = [HOST.position[cpu] for cpu in left.cpu_ids.tolist()]
    assert np.array_equal(left.distances, HOST.distances[np.ix_(kept, kept)])


@pytest.mark.parametrize(
    ("exclude", "reserved", "message"),
    [
        ((8, 9), 0, "cannot exclude CPU 8-9: the topology offers CPUs 0-7"),
        (range(8), 0, "every CPU is excluded"),
        ((), 900, "900 MiB of memory cannot be reserved: the host has 900 MiB"),
        ((), -1, "-1 MiB of memory cannot be reserved"),
    ],
)
def test_more_than_the_host_has_cannot_be_reserved(
    exclude: tuple[int, ...], reserved: int, message: str
) -> None:
    with pytest.raises(TopologyError) as refused:
        reserve_for_system(HOST, exclude, reserved)
    assert message in str(refused.value)
