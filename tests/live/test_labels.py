"""Labels of hosts and VMs on a host: in replies, kept, logged, part of what a request asks for."""

import json
from pathlib import Path
from typing import Any

import pytest

from command import slackvm_local
from live.daemons import serving
from live.places import Place
from slackvm.model.labels import MOST_LABELS

pytest_plugins = ["libvirt_hosts.fixtures"]

LAPTOP = "--topology=i7-1185g7"
LABELS = {"team": "web", "example.org/tier": "a.b_c-d", "spare": ""}


def logged(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_host_answers_its_labels(tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP, SCL_LABELS="zone=a, disk=ssd,spare=") as daemon:
        labels = daemon.get("/v1/host")["labels"]
    assert labels == {"zone": "a", "disk": "ssd", "spare": ""}


@pytest.mark.parametrize("labels", ["zone", "zone=a,zone=b", "=a", "zone=a b", "-z=a"])
def test_wrong_labels_of_a_host_stop_the_start(labels: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SCL_HYPERVISOR=memory\nSCL_LABELS={labels}\n")
    error = slackvm_local(LAPTOP, expect=2, cwd=tmp_path).stderr
    assert f"SCL_LABELS: {labels!r} is not allowed: " in error


def test_labels_of_a_vm_are_kept(tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP) as daemon:
        assert daemon.deploy("web", 2, 2.0, labels=LABELS).json()["labels"] == LABELS
        assert daemon.deploy("plain", 1, 2.0).json()["labels"] == {}
        daemon.end()
    with serving(tmp_path, LAPTOP) as daemon:
        assert daemon.get("/v1/vms/web")["labels"] == LABELS
        assert daemon.get("/v1/vms/plain")["labels"] == {}
        assert daemon.call("POST", "/v1/vms/web/restart").json()["labels"] == LABELS


def test_the_log_has_labels_where_a_vm_has_any(tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP) as daemon:
        daemon.deploy("web", 2, 2.0, labels=LABELS)
        daemon.deploy("plain", 1, 2.0)
        assert daemon.deploy("large", 99, 2.0, labels=LABELS).status_code == 409
        daemon.remove("web")
        daemon.end()
    labels = [(each["op"], each.get("labels")) for each in logged(daemon.operations)]
    assert labels == [
        ("deploy", LABELS),
        ("deploy", None),
        ("deploy", LABELS),
        ("remove", None),
    ]
    assert "labels" not in logged(daemon.operations)[1]
    result = slackvm_local(LAPTOP, f"--load={daemon.operations}")
    assert "4 operations: every decision as in the log" in result.stderr


def test_the_same_vm_with_other_labels_is_another_request(tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP) as daemon:
        assert daemon.deploy("web", 2, 2.0, labels={"a": "1", "b": "2"}).status_code == 201
        assert daemon.deploy("web", 2, 2.0, labels={"b": "2", "a": "1"}).status_code == 200
        for labels in ({"a": "1"}, {}, {"a": "1", "b": "3"}):
            other = daemon.deploy("web", 2, 2.0, labels=labels)
            assert (other.status_code, other.json()["error"]["code"]) == (409, "name_taken")


@pytest.mark.parametrize(
    "labels",
    [
        *({"a b": "c"}, {"a": "b,c=d"}, {"a": 1}, {"": "a"}, {"a": "x" * 64}, {"'/><x y='": "z"}),
        {f"key{number}": "" for number in range(MOST_LABELS + 1)},
    ],
    ids=lambda labels: str(labels)[:20],
)
def test_wrong_labels_of_a_vm_are_refused(labels: dict[str, Any], tmp_path: Path) -> None:
    with serving(tmp_path, LAPTOP) as daemon:
        refused = daemon.deploy("web", 2, 2.0, labels=labels)
        assert refused.status_code == 400
        assert "[A-Z" not in refused.json()["error"]["message"], "it is a regular expression"
        assert daemon.get("/listvm") == []


def test_labels_of_a_real_guest_are_in_its_metadata(libvirt_host: Any, tmp_path: Path) -> None:
    """They survive the daemon's state, and a restart of the guest."""
    place = Place(libvirt_host, tmp_path)
    with place.serving() as daemon:
        assert place.deploy("labelled", 1, 2.0, labels=LABELS).json()["labels"] == LABELS
        daemon.end()
    (place.state / "state.json").unlink()
    with place.serving() as daemon:
        assert daemon.get("/v1/vms/labelled")["labels"] == LABELS
        assert daemon.remove("labelled").status_code == 200
