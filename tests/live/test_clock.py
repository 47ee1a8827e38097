"""The clock of the machine jumps by an hour, forward and back, while the daemon of a real host runs
and while it does not."""

import json
import time
from pathlib import Path
from signal import SIGKILL

import pytest

from libvirt_hosts.hosts import LibvirtHost
from live.places import Place, metrics
from live.rigs import Rig
from recordings import rows
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]

HOUR_S = 3600.0


@pytest.fixture
def place(libvirt_host: LibvirtHost, tmp_path: Path) -> Place:
    return Place(libvirt_host, tmp_path)


def test_the_clock_jumps(place: Place) -> None:
    """VMs stay in the order in which they came; use stays what it can be; log and rows go on."""
    recording = place.folder / "recording.csv"
    offsets = {"a": 0.0, "b": HOUR_S, "c": -HOUR_S, "d": -HOUR_S, "e": HOUR_S, "f": 0.0}
    with (
        Rig(place.folder / "rig") as rig,
        place.serving(rig.daemon, f"--output={recording}", SCL_DELAY="0.5") as daemon,
    ):
        for name, offset in offsets.items():
            rig.shift_clock(offset)
            if name in "def":
                daemon.end(SIGKILL)
                daemon.start()
            assert place.deploy(name, 1, 3.0).status_code == 201
            vms = daemon.get("/v1/vms")["vms"]
            assert [vm["name"] for vm in vms] == list(offsets)[: len(vms)]
            assert [vm["created"] for vm in vms] == sorted({vm["created"] for vm in vms})
            wait_until(lambda: f'vm_cpu_use_ratio{{level="3.0",vm="{name}"}}' in metrics(daemon))  # noqa: B023
            uses = [v for k, v in metrics(daemon).items() if "use_ratio" in k or "wait_ratio" in k]
            assert len(uses) >= 3 * len(vms)
            assert min(uses) >= 0
            place.settled()

        # Were the state lost, their age alone would tell the order
        daemon.end(SIGKILL)
        (place.state / "state.json").unlink()
        daemon.start()
        place.settled()
        assert daemon.get("/v1/vms")["vms"] == vms
        logged = [json.loads(line) for line in daemon.operations.read_text().splitlines()]
        for name in offsets:
            assert daemon.remove(name).status_code == 200

    # The daemon reads the machine's clock when it starts
    now, read = time.time(), {"a": 0.0, "b": 0.0, "c": 0.0, "d": -HOUR_S, "e": HOUR_S, "f": 0.0}
    for entry in logged[: len(offsets)]:
        assert abs(entry["time"] - (now + read[entry["name"]])) < HOUR_S / 2
    files = [recording, *place.folder.glob("recording.csv.*")]
    assert len(files) == 5
    for file in files:
        times = [int(row["tmp"]) for row in rows(file)]
        assert times == sorted(times)
