"""What the controller must not forget, and what it does when it cannot write it down."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from clusters.processes import Controller, Running, end, make_controller, running
from clusters.replaying import hosts_of_vms, replayed
from waiting import wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("cluster")
    with running(folder, ["i7-1185g7"] * 2, SCG_TIMEOUT="1") as cluster:
        yield cluster


@pytest.fixture
def controller(cluster: Running) -> Controller:
    """A controller that runs and has no VMs; both hosts are open."""
    if cluster.controller.process is None or cluster.controller.process.poll() is not None:
        cluster.controller.start()
    cluster.empty()
    return cluster.controller


def again(controller: Controller, number: signal.Signals = signal.SIGTERM) -> None:
    controller.end(number)
    controller.start()
    controller.wait_ready(2)


def test_a_second_controller_on_one_store_refuses_to_start(
    controller: Controller, tmp_path: Path
) -> None:
    second = make_controller(tmp_path, [], SCG_STORE=f"sqlite:///{controller.folder}/store.sqlite")
    with pytest.raises(AssertionError, match=r"store\.sqlite is in use by another controller"):
        second.start()
    assert controller.deploy("web", 1, 1.0).status_code == 201


def test_sigterm_ends_it_and_leaves_the_vms(controller: Controller, cluster: Running) -> None:
    controller.deploy("web", 2, 2.0)
    before = controller.get("/v1/vms")
    assert controller.end() == 0
    assert set(cluster.where()) == {"web"}
    controller.start()
    controller.wait_ready(2)
    assert controller.get("/v1/vms") == before


def test_a_cordon_is_kept_to_and_survives(controller: Controller) -> None:
    assert controller.call("POST", "/v1/hosts/host0/cordon").json()["cordoned"] is True
    again(controller, signal.SIGKILL)
    assert controller.hosts()["host0"]["cordoned"] is True
    for number in range(3):
        assert controller.deploy(f"vm{number}", 2, 1.0).json()["host"] == "host1"
    controller.call("POST", "/v1/hosts/host1/cordon")
    refused = controller.deploy("one-more", 2, 1.0)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "cordoned")
    assert controller.remove("vm0").status_code == 200
    for name in ("host0", "host1"):
        assert controller.call("POST", f"/v1/hosts/{name}/uncordon").json()["cordoned"] is False
    host = controller.deploy("one-more", 2, 1.0).json()["host"]
    there = {"host0": set(), "host1": {"vm1", "vm2"}}
    there[host].add("one-more")
    assert replayed(controller.operations).vms == there


def test_hosts_that_were_added_stay_and_those_forgotten_are_gone(
    controller: Controller,
) -> None:
    for place in ("127.0.0.1:9", "[::1]:10"):
        added = controller.call("POST", "/v1/hosts", json={"url": place, "force": True})
        assert (added.status_code, added.json()["name"]) == (201, place)
        assert controller.call("POST", "/v1/hosts", json={"url": place}).status_code == 200
    assert controller.call("DELETE", "/v1/hosts/127.0.0.1:9").status_code == 200
    again(controller)
    assert set(controller.hosts()) == {"host0", "host1", "[::1]:10"}
    assert controller.call("DELETE", "/v1/hosts/%5B::1%5D:10").status_code == 200
    assert controller.call("DELETE", "/v1/hosts/%5B::1%5D:10").status_code == 404


def test_a_lost_store_is_rebuilt_from_the_hosts(controller: Controller, cluster: Running) -> None:
    """Without its store it is another controller, and takes over the hosts before it places VMs."""
    for number in range(4):
        controller.deploy(f"vm{number}", 2, 2.0)
    before = controller.get("/v1/vms")
    controller.end(signal.SIGKILL)
    for file in controller.folder.glob("store.sqlite*"):
        file.unlink()
    controller.start()
    controller.wait_ready(2)
    assert controller.get("/v1/vms") == before
    taken = controller.deploy("vm0", 1, 1.0)
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "name_taken")
    refused = controller.deploy("more", 1, 1.0)
    assert refused.json()["error"]["code"] == "other_controller"
    assert controller.call("POST", "/v1/controller/take-over").status_code == 200
    assert controller.deploy("more", 1, 1.0).status_code == 201
    assert hosts_of_vms(controller.operations) == cluster.where()


def test_vms_of_a_host_that_is_down_are_known_after_a_restart(
    controller: Controller, cluster: Running
) -> None:
    controller.call("POST", "/v1/hosts/host1/cordon")
    controller.deploy("web", 2, 2.0)
    controller.call("POST", "/v1/hosts/host1/uncordon")
    cluster.hosts[0].end(signal.SIGKILL)
    controller.end(signal.SIGKILL)
    controller.start()
    wait_until(lambda: controller.hosts()["host1"]["state"] == "ready")
    wait_until(lambda: controller.hosts()["host0"]["reason"])
    assert controller.hosts()["host0"]["state"] == "unknown"
    assert controller.hosts()["host0"]["vms"] == ["web"]
    assert controller.vms()["web"]["state"] == "unknown"
    taken = controller.deploy("web", 1, 1.0)
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "name_taken")
    same = controller.deploy("web", 2, 2.0)
    assert (same.status_code, same.json()["error"]["code"]) == (503, "host_unreachable")
    cluster.restart(0)
    controller.wait_ready(2)
    assert controller.deploy("web", 2, 2.0).status_code == 200


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("PRAGMA user_version = 7", "its version is 7, written by a later release"),
        ("", "file is not a database"),
    ],
    ids=["another version", "damaged"],
)
def test_a_store_that_is_not_ours_is_left_alone(harm: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    if harm:
        with sqlite3.connect(path) as database:
            database.execute(harm)
            database.execute("CREATE TABLE mine (x)")
        database.close()
    else:
        path.write_bytes(b"not a database at all" * 100)
    content = path.read_bytes()
    controller = make_controller(tmp_path, [], SCG_STORE=f"sqlite:///{path}")
    with pytest.raises(AssertionError, match=message):
        controller.start()
    assert path.read_bytes() == content


class TestDiskFull:
    """The store's disk is full."""

    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Path]:
        """A disk of 3 MiB."""
        if os.geteuid():
            pytest.skip("needs root, to mount a small disk")
        disk = tmp_path / "disk"
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted here: {mounted.stderr}")
        yield disk
        subprocess.run(["umount", "--lazy", disk], check=True)

    def test_deploys_are_refused_and_all_else_goes_on(
        self, cluster: Running, disk: Path, tmp_path: Path
    ) -> None:
        cluster.controller.end()
        urls = [wire.url for wire in cluster.wires]
        controller = make_controller(tmp_path, urls, SCG_STORE=f"sqlite:///{disk}/store.sqlite")
        controller.start()
        try:
            controller.wait_ready(2)
            # The hosts obey the controller of the other tests.
            assert controller.call("POST", "/v1/controller/take-over").status_code == 200
            for name in controller.vms():
                controller.remove(name)
            assert controller.deploy("before", 1, 1.0).status_code == 201
            filling = disk / "filling"
            with filling.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            refused = controller.deploy("refused", 1, 1.0)
            assert refused.status_code == 503, refused.text
            assert refused.json()["error"]["code"] == "storage_full"
            assert "Retry-After" in refused.headers
            assert set(cluster.where()) == {"before"}
            cordoned = controller.call("POST", "/v1/hosts/host0/cordon")
            assert (cordoned.status_code, cordoned.json()["error"]["code"]) == (503, "storage_full")
            assert controller.hosts()["host0"]["cordoned"] is False
            assert set(controller.vms()) == {"before"}
            assert controller.remove("before").status_code == 200
            assert controller.vms() == cluster.where() == {}
            assert controller.call("GET", "/readyz").status_code == 503
            assert controller.call("GET", "/healthz").status_code == 200
            filling.unlink()
            wait_until(lambda: controller.call("GET", "/readyz").status_code == 200)
            assert controller.deploy("refused", 1, 1.0).status_code == 201
            controller.end(signal.SIGKILL)
            controller.start()
            controller.wait_ready(2)
            assert set(controller.vms()) == {"refused"}
            assert set(hosts_of_vms(disk / "operations.jsonl")) == {"refused"}
        finally:
            end(controller)
