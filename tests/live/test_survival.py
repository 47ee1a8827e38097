"""A daemon that is killed, at any moment and under load, loses nothing."""

import itertools
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from command import slackvm_local
from live.daemons import Daemon, check_consistent, serving
from live.load import put_load
from recordings import rows
from slackvm.model import Host
from slackvm.topologies import PRESETS
from slackvm.verification import verify

EPYC = "--topology=epyc-7662"


def check(daemon: Daemon) -> None:
    """API and log agree, and both keep the rules."""
    host = daemon.get("/v1/host")
    check_consistent(host, daemon.get("/v1/vms")["vms"])
    model = Host(PRESETS["epyc-7662"].build())
    _, difference = verify(daemon.operations, model)
    assert difference is None, str(difference)
    assert {str(level): list(model.cpu_ids(level)) for level in model.vnodes} == {
        level: vnode["cpu_list"] for level, vnode in host["levels"].items()
    }


def test_64_clients_for_a_minute_lose_no_update(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path, EPYC) as daemon:
        load = put_load(daemon.url, clients=64, lasting_s=60)
        assert set(daemon.get("/listvm")) == load.there
        check(daemon)
    with capsys.disabled():
        print(f" [{load.done_per_second:.0f} done/s, p99 {load.percentile_s(99):.2f} s]", end="")


class Client(threading.Thread):
    """A client that goes on until the daemon is killed, and remembers the replies.

    Attributes:
        there: VMs whose creation was confirmed, and whose removal was not requested.
        doubtful: VMs of which it asked something and had no answer.
    """

    def __init__(self, daemon: Daemon, life: int, there: set[str]) -> None:
        super().__init__()
        self.there, self.doubtful = there, set[str]()
        self._daemon, self._life = daemon, life

    def run(self) -> None:
        chance = random.Random(self._life)
        url = f"{self._daemon.url}/v1/vms"
        with suppress(requests.RequestException), requests.Session() as session:
            for number in itertools.count():
                body = {"vcpus": 1, "memory_gib": 0.25, "level": chance.choice([1.0, 3.0])}
                name = f"vm-{self._life}-{number}"
                self.doubtful.add(name)
                body |= {"name": name, "image": "/i.qcow2"}
                if session.post(url, json=body, timeout=60).status_code == 201:
                    self.there.add(name)
                self.doubtful.discard(name)
                if number % 3 == 2:
                    gone = f"vm-{self._life}-{number - 1}"
                    self.there.discard(gone)
                    self.doubtful.add(gone)
                    session.delete(f"{url}/{gone}", timeout=60)
                    self.doubtful.discard(gone)


def test_a_daemon_killed_under_load_restarts_with_every_vm(tmp_path: Path) -> None:
    """Killed eight times in the middle of requests; what was answered 201 is there."""
    chance = random.Random(1)
    daemon = Daemon(tmp_path, EPYC)
    daemon.start()
    there: set[str] = set()
    try:
        for life in range(8):
            load = Client(daemon, life, there)
            load.start()
            time.sleep(0.1 + 0.3 * chance.random())
            daemon.end(signal.SIGKILL)
            load.join()
            daemon.start()
            there = set(daemon.get("/listvm"))
            assert load.there <= there <= load.there | load.doubtful
            check(daemon)
        assert len(there) > 10
    finally:
        daemon.end(signal.SIGKILL)
        daemon.session.close()


def test_sigterm_ends_the_daemon_and_leaves_the_vms(tmp_path: Path) -> None:
    with serving(tmp_path, EPYC) as daemon:
        daemon.deploy("a", 2, 1.0)
        before = daemon.get("/v1/host")
        assert daemon.end() == 0
        daemon.start()
        after = daemon.get("/v1/host")
        of_this_life = {"generation": 0, "boot_id": "", "instance": ""}
        assert {**after, **of_this_life} == {**before, **of_this_life}
        assert after["instance"] != before["instance"]


def test_a_recording_of_a_live_host_replays_to_the_same_vnodes(tmp_path: Path) -> None:
    """Sampled once per simulated minute, VMs coming and going in between."""
    recording = tmp_path / "monitoring.csv"
    environment = {"SCL_TIME_SCALE": "600", "SCL_DELAY": "60"}
    with serving(tmp_path, EPYC, f"--output={recording}", **environment) as daemon:
        chance = random.Random(5)
        names: list[str] = []
        for number in range(60):
            daemon.deploy(f"vm{number}", chance.choice([1, 2, 4]), chance.choice([1.0, 2.0, 3.0]))
            names.append(f"vm{number}")
            if number % 3 == 2:
                daemon.remove(names.pop(chance.randrange(len(names))))
            time.sleep(0.03)
        time.sleep(0.5)
        assert daemon.end() == 0
    output = tmp_path / "replayed.csv"
    slackvm_local(EPYC, f"--load={recording}", f"--output={output}")

    def vnode_sizes(file: Path) -> list[tuple[str, str, str]]:
        return [
            (row["tmp"], row["subset"], row["config"])
            for row in rows(file)
            if row["rec"] == "subset" and row["config"] != "0"
        ]

    assert len(vnode_sizes(recording)) > 60
    assert vnode_sizes(output) == vnode_sizes(recording)
    used = [float(row["val"]) for row in rows(recording) if row["rec"] == "vm"]
    assert max(used) > 0.2
