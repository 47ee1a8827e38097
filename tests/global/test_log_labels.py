"""A controller's log is verified with the labels of hosts and requests."""

import json
from pathlib import Path
from typing import Any

from slackvm.verification import verify_cluster

HOST = {"state": "ready", "cpus": 4, "memory_mib": 4096, "withheld_cpus": 0, "withheld_mib": 0}


def line(op: str, host: str = "", **more: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("vcpus", "memory_mib", "level", "code"))
    return {"time": 0.0, "op": op, "name": "", **empty, "host": host, "outcome": "accepted", **more}


def reserve(name: str, host: str, **more: Any) -> dict[str, Any]:
    vm = {"name": name, "vcpus": 1, "memory_mib": 64, "level": 1.0}
    return line("reserve", host, **vm, **more)


def log(folder: Path, *placements: dict[str, Any]) -> Path:
    lines = [
        line("start", policy="first-fit"),
        line("host", "a", room={"position": 0, **HOST, "labels": {"rack": "a"}}),
        line("host", "b", room={"position": 1, **HOST, "labels": {"rack": "b"}, "later": 1}),
        *placements,
    ]
    path = folder / "operations.jsonl"
    path.write_text(
        "".join(json.dumps({"seq": seq, **each}) + "\n" for seq, each in enumerate(lines, start=1))
    )
    return path


def test_placements_are_decided_with_labels(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        reserve("one", "a"),
        reserve("two", "b", require={"rack": "b"}, labels={"team": "x"}),
        reserve("three", "", require={"rack": "c"}, outcome="refused", code="labels_not_matched"),
        line("host", "a", room={"position": 0, "labels": {"rack": "c"}}),
        reserve("three", "a", require={"rack": "c"}),
    )
    verified = verify_cluster(path)
    assert verified.difference is None
    assert verified.vms == {"a": {"one", "three"}, "b": {"two"}}


def test_a_placement_against_the_labels_is_a_difference(tmp_path: Path) -> None:
    verified = verify_cluster(log(tmp_path, reserve("one", "a", require={"rack": "b"})))
    assert str(verified.difference) == "seq 4 (reserve one): host 'a' in the log, 'b' now"


def test_codes_of_release_0_1_0_mean_what_they_meant(tmp_path: Path) -> None:
    """There a host that does not answer refused with `unknown`."""
    path = log(
        tmp_path,
        line("host", "a", room={"position": 0, "state": "unknown"}),
        line("host", "b", room={"position": 1, "state": "unknown"}),
        reserve("one", "", outcome="refused", code="unknown"),
    )
    assert verify_cluster(path).difference is None


def test_operations_of_a_later_release_are_counted(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        line("migrate", "a", name="one", room="another"),
        line("host", "b", room={"position": 1, "state": "draining"}),
        reserve("one", "", require={"rack": "b"}, outcome="refused", code="not_ready"),
        line("reserve", "a", outcome="postponed"),
    )
    verified = verify_cluster(path)
    assert verified.difference is None
    assert verified.unknown == 2
