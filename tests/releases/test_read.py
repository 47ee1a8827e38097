"""This release reads what earlier releases wrote: a folder for each, made by `make.py`."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from clusters.processes import LAPTOP, Controller
from clusters.replaying import hosts_of_vms
from command import slackvm_local
from libvirt_hosts.hosts import LibvirtHost
from live.daemons import Daemon, running
from recordings import vnodes_by_time
from slackvm.settings import GlobalSettings, LocalSettings, load_settings
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]

RELEASES = sorted(path for path in Path(__file__).parent.iterdir() if path.name[0].isdigit())
SIZES = {"web": (2, 128, 2.0), "db": (2, 128, 1.0), "batch": (3, 192, 3.0)}
LOGS = {"host": None, "memory": LAPTOP}


@pytest.fixture(params=RELEASES, ids=lambda path: path.name, scope="module")
def release(request: pytest.FixtureRequest) -> Path:
    """The files of one release."""
    folder: Path = request.param
    return folder


@pytest.fixture(scope="module")
def older(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """A function that runs a program with that release's own code, and returns its JSON."""
    [wheel] = release.glob("*.whl")
    code = tmp_path_factory.mktemp("code")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(code)

    def run(program: str) -> Any:
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(code)},
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


@pytest.fixture
def host(release: Path, tmp_path: Path) -> Iterator[Daemon]:
    """A host of this release, without guests, on the state of that release's."""
    with running(_simulated(release, tmp_path, "host-a")) as daemon:
        yield daemon


def _simulated(release: Path, folder: Path, name: str) -> Daemon:
    """Return a host without guests; host-a has the state folder that the release left."""
    place = folder / name
    place.mkdir()
    if name == "host-a":
        shutil.copytree(release / "memory", place / "state")
    return Daemon(place, f"--topology={LAPTOP}", SCL_NAME=name)


def _sizes(vms: list[dict[str, Any]]) -> dict[str, tuple[int, int, float]]:
    return {vm["name"]: (vm["vcpus"], vm["memory_mib"], vm["level"]) for vm in vms}


def _cpus_in_order(state: Mapping[str, Any]) -> dict[str, list[int]]:
    return {str(vnode["level"]): vnode["cpus"] for vnode in state["vnodes"]}


def _operations(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_host_keeps_its_vms_and_the_order_of_its_cpus(release: Path, host: Daemon) -> None:
    """From the state file and the file of simulated VMs; nothing is placed a second time."""
    vms = host.get("/v1/vms")["vms"]
    assert _sizes(vms) == SIZES
    assert {vm["name"]: vm["state"] for vm in vms} == {
        "web": "running",
        "db": "stopped",
        "batch": "running",
    }
    written = {each["order"]["vm"]["name"]: each["order"] for each in _guests(release)}
    for vm in vms:
        kept = written[vm["name"]]
        assert (vm["image"], vm["clone"], vm["created"]) == (
            kept["image"],
            kept["clone"],
            kept["created"],
        )
    state = json.loads((release / "memory" / "state.json").read_text())
    levels = host.get("/v1/host")["levels"]
    assert {level: vnode["cpu_list"] for level, vnode in levels.items()} == _cpus_in_order(state)
    before = (release / "memory" / "operations.jsonl").read_text()
    assert host.operations.read_text() == before


def _guests(release: Path) -> list[dict[str, Any]]:
    document = json.loads((release / "memory" / "guests.json").read_text())
    guests: list[dict[str, Any]] = document if release.name == "0.1.0" else document["vms"]
    return guests


def test_a_host_goes_on_where_the_earlier_release_stopped(release: Path, host: Daemon) -> None:
    """The next VM takes the CPUs that it would have taken there; one log holds both releases."""
    assert host.deploy("more", 1, 3.0).status_code == 201
    assert host.deploy("new", 1, 1.0).status_code == 201
    assert host.remove("web").status_code == 200
    host.end()
    slackvm_local(f"--topology={LAPTOP}", f"--load={host.operations}")
    seqs = [operation["seq"] for operation in _operations(host.operations)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) == len(_operations(release / "memory" / "operations.jsonl")) + 3


def test_the_earlier_release_reads_the_state_file_of_this_one(
    release: Path, host: Daemon, older: Callable[[str], Any]
) -> None:
    """So a host can go back without another order of its CPUs."""
    host.deploy("more", 2, 3.0)
    levels = host.get("/v1/host")["levels"]
    host.end()
    if release.name == "0.1.0":
        reader = "from schedulerlocal.live.state import read_state"
    else:
        reader = "from schedulerlocal.agent.state_file import read_state"
    state = older(
        f"{reader}; import json; from pathlib import Path;"
        f"state = read_state(Path({str(host.folder / 'state' / 'state.json')!r}));"
        "print(json.dumps({str(level): cpus for level, cpus, vms in state.vnodes}))"
    )
    assert state == {level: vnode["cpu_list"] for level, vnode in levels.items()}


def test_a_host_with_libvirt_recognises_its_vms(
    release: Path, tmp_path: Path, new_libvirt_host: Callable[..., LibvirtHost]
) -> None:
    """From the metadata of the domains; SIMULATED CPUs. Their disks are not there: none runs."""
    told = json.loads((release / "host" / "replies.json").read_text())
    machine = new_libvirt_host(made_up_cpus=32)
    for domain in (release / "host").glob("*.xml"):
        machine.run("virsh", "--connect", machine.uri, "define", domain)
    state = tmp_path / "state"
    state.mkdir()
    for name in ("state.json", "operations.jsonl"):
        shutil.copy(release / "host" / name, state)
    daemon = Daemon(
        tmp_path,
        f"--topology={release / 'topology.json'}",
        SCL_HYPERVISOR="libvirt",
        SCL_NAME="host-libvirt",
        QEMU_URL=machine.uri,
        QEMU_DOMAIN_TYPE="qemu",
        QEMU_NETWORK="",
    )
    with running(daemon):
        wait_until(lambda: daemon.get("/v1/host")["state"] == "ready")
        vms = {vm["name"]: vm for vm in daemon.get("/v1/vms")["vms"]}
        host = daemon.get("/v1/host")
    assert host["foreign"] == []
    kept = ("vcpus", "memory_mib", "level", "image", "clone", "created", "host")
    for vm in told["vms"]:
        assert {key: vms[vm["name"]][key] for key in kept} == {key: vm[key] for key in kept}
    assert {level: vnode["cpu_list"] for level, vnode in host["levels"].items()} == {
        level: vnode["cpu_list"] for level, vnode in told["host"]["levels"].items()
    }
    written = _operations(daemon.operations)[len(_operations(release / "host/operations.jsonl")) :]
    assert "reset" not in [operation["op"] for operation in written]


@pytest.mark.parametrize("folder", LOGS)
def test_a_hosts_log_has_the_same_decisions(release: Path, folder: str) -> None:
    topology = LOGS[folder] or release / "topology.json"
    log = release / folder / "operations.jsonl"
    result = slackvm_local(f"--topology={topology}", f"--load={log}")
    assert f"{len(_operations(log))} operations: every decision as in the log" in result.stderr


def test_a_controllers_log_has_the_same_decisions(release: Path) -> None:
    """Codes and outcomes of that release are read, though this one has other words."""
    assert hosts_of_vms(release / "controller" / "operations.jsonl") == {
        "web": ["host-a"],
        "db": ["host-a"],
        "batch": ["host-a"],
        "open": ["host-a"],
    }


def test_a_controller_goes_on_with_the_store(
    release: Path, tmp_path: Path, older: Callable[[str], Any]
) -> None:
    """VMs, cordon and open reservation are there; a copy of the old store allows the way back."""
    place = tmp_path / "controller"
    shutil.copytree(release / "controller", place)
    with ExitStack() as stack:
        hosts = {
            name: stack.enter_context(running(_simulated(release, tmp_path, name)))
            for name in ("host-a", "host-b")
        }
        store = place / "store.sqlite"
        with closing(sqlite3.connect(store)) as database, database:
            for name, host in hosts.items():
                database.execute("UPDATE hosts SET url = ? WHERE name = ?", (host.url, name))
            [[version]] = database.execute("PRAGMA user_version")
        controller = Controller(place, [host.url for host in hosts.values()])
        with running(controller):
            known = {host["name"]: host for host in controller.get("/v1/hosts")["hosts"]}
            assert {name: host["cordoned"] for name, host in known.items()} == {
                "host-a": False,
                "host-b": True,
            }
            controller.wait_ready(2)
            assert _sizes(list(controller.vms().values())) == SIZES
            # The host never saw the request that the controller died in: it is cancelled.
            wait_until(lambda: not controller.hosts()["host-a"]["pending"])
            assert controller.deploy("open", 1, 3.0).json()["host"] == "host-a"
        hosts_of_vms(controller.operations)
        assert [each["seq"] for each in _operations(controller.operations)] == list(
            range(1, len(_operations(controller.operations)) + 1)
        )
        with closing(sqlite3.connect(store)) as database:
            [[migrated]] = database.execute("PRAGMA user_version")
    if migrated == version:
        return
    backup = place / f"store.sqlite.v{version}-backup"
    if release.name == "0.1.0":
        reader, kept_as = "from schedulerglobal.sqlite_store import SqliteStore", "orders"
    else:
        reader, kept_as = "from schedulerglobal.store.sqlite import SqliteStore", "reservations"
    kept = older(
        f"{reader}; import json; from pathlib import Path;"
        f"stored = SqliteStore(Path({str(backup)!r})).load();"
        "print(json.dumps([[host.name for host in stored.hosts if host.cordoned],"
        f" sorted(vm.name for vms in stored.vms.values() for vm in vms), len(stored.{kept_as})]))"
    )
    assert kept == [["host-b"], sorted(SIZES), 1]


def test_a_controller_knows_its_vms_before_any_host_answers(release: Path, tmp_path: Path) -> None:
    """The hosts of the store are not there any more: what was reserved on them stays reserved."""
    place = tmp_path / "controller"
    shutil.copytree(release / "controller", place)
    with closing(sqlite3.connect(place / "store.sqlite")) as database:
        urls = [url for [url] in database.execute("SELECT url FROM hosts")]
    controller = Controller(place, urls, SCG_TIMEOUT="1")
    with running(controller):
        assert {name: vm["host"] for name, vm in controller.vms().items()} == dict.fromkeys(
            SIZES, "host-a"
        )
        assert controller.hosts()["host-a"]["pending"] == ["open"]
        assert controller.hosts()["host-b"]["cordoned"] is True


def test_a_recording_replays_to_the_same_decisions(release: Path, tmp_path: Path) -> None:
    folder = release / "recording"
    again = tmp_path / "replay.jsonl"
    for name in ("replay.csv", "replay.parquet"):
        slackvm_local(
            f"--topology={LAPTOP}",
            f"--load={folder / 'recording.csv'}",
            f"--output={tmp_path / name}",
            f"--operations={again}",
        )
    before = _operations(folder / "replay.jsonl")
    assert len(before) == 5
    for now, then in zip(_operations(again), before, strict=True):
        assert {key: now[key] for key in then} == then
    assert vnodes_by_time(tmp_path / "replay.csv") == vnodes_by_time(folder / "replay.csv")
    then, now = (parquet.read_table(place / "replay.parquet") for place in (folder, tmp_path))
    assert now.select(then.column_names).equals(then)


def test_a_replay_in_parquet_replays_again(release: Path) -> None:
    summary = slackvm_local(
        f"--topology={LAPTOP}", f"--load={release / 'recording' / 'replay.parquet'}", "--json"
    )
    assert json.loads(summary.stdout)["refused"] == {}


def test_settings_of_the_roles_are_read(release: Path) -> None:
    local = load_settings(LocalSettings, release / "settings" / "local.env")
    assert (local.scl_port, local.scl_hypervisor) == (8099, "libvirt")
    assert local.scl_token
    assert local.scl_token.get_secret_value() == "host-token-0123456789"
    cluster = load_settings(GlobalSettings, release / "settings" / "global.env")
    assert (cluster.scg_port, cluster.scg_policy) == (8100, "progress")
    assert cluster.scg_token
    assert cluster.scg_token.get_secret_value() == "full-token-0123456789"
