"""Write the files that a release leaves behind: `python -m releases.make CHECKOUT`.

CHECKOUT is a folder with the sources of the release. Its wheel is built, its daemons run, and what
they write is kept in a folder named after the version. README.md says what each file shows.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from clusters.wire import Wire
from libvirt_hosts.hosts import LibvirtHost, guest_xml
from waiting import wait_until

IMAGE = "/var/lib/libvirt/images/hello.qcow2"
STATE = "/var/lib/slackvm/local"
TWO_SOCKETS = "sockets=2 cores=8 threads=2 l3=4 distances=10,20 memory=16384"
ENV_PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: slackvm_env, tasks_from: settings}
      loop: [local, global]
      loop_control: {loop_var: slackvm_env_daemon}
  vars:
    slackvm_env_group: root
"""


class Release:
    """A release whose commands can be run.

    Args:
        checkout: the folder of its sources.
        folder: an empty folder for what it needs to run.
        kept: the folder that holds a folder of files for each release.
    """

    def __init__(self, checkout: Path, folder: Path, kept: Path) -> None:
        self.checkout = checkout
        _run(
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", folder, checkout),
        )
        [wheel] = folder.glob("*.whl")
        self.version = wheel.name.split("-")[1]
        self.kept = kept / self.version
        self.kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(wheel, self.kept)
        self.code = unpack(wheel, folder / "code")

    def command(self, module: str, *options: object) -> list[str]:
        return [sys.executable, "-m", module, *map(str, options)]

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.code), **settings}


class Daemon:
    """A daemon of a release, which answers once this is made."""

    def __init__(
        self, release: Release, module: str, folder: Path, *options: object, **settings: str
    ) -> None:
        prefix = "SCL" if module == "schedulerlocal" else "SCG"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            release.command(module, *options),
            cwd=folder,
            env=release.environment({**settings, f"{prefix}_PORT": str(port)}),
        )
        wait_until(lambda: _answers(f"{self.url}/healthz"))

    def call(self, method: str, path: str, **body: Any) -> requests.Response:
        return requests.request(method, self.url + path, json=body or None, timeout=90)

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()

    def deploy(self, name: str, vcpus: int, level: float, **more: Any) -> requests.Response:
        size = {"vcpus": vcpus, "memory_gib": 0.0625 * vcpus, "level": level}
        return self.call("POST", "/v1/vms", **{"name": name, "image": IMAGE, **size, **more})

    def end(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(60)


def unpack(wheel: Path, folder: Path) -> Path:
    """Unpack a wheel, whose modules can then be imported from the folder; return the folder."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def libvirt_host(release: Release, folder: Path) -> None:
    """Keep what a host with real domains writes: its state, its log, its domains."""
    topology = release.kept / "topology.json"
    _run(
        *release.command("schedulerlocal", "topology", "--output", topology),
        *("--describe", TWO_SOCKETS),
        env=release.environment({}),
    )
    images = folder / "images"
    images.mkdir()
    for name in ("web", "db", "batch", "small", "other"):
        _run("qemu-img", "create", "-q", "-f", "qcow2", images / f"{name}.qcow2", "1M")
    with LibvirtHost(made_up_cpus=32) as machine:
        settings = {
            "SCL_HYPERVISOR": "libvirt",
            "SCL_NAME": "host-libvirt",
            "SCL_STATE_DIR": str(folder / "state"),
            "SCL_IMAGE_DIRS": str(images),
            "SCL_DELAY": "0.5",
            "QEMU_URL": machine.uri,
            "QEMU_DOMAIN_TYPE": "qemu",
            "QEMU_NETWORK": "",
        }

        def started() -> Daemon:
            return Daemon(release, "schedulerlocal", folder, f"--topology={topology}", **settings)

        def deployed(daemon: Daemon, name: str, vcpus: int, level: float, **more: Any) -> None:
            made = daemon.deploy(name, vcpus, level, image=str(images / f"{name}.qcow2"), **more)
            assert made.status_code == 201, made.text

        daemon = started()
        deployed(daemon, "web", 4, 2.0, clone=True)
        deployed(daemon, "small", 1, 1.0)
        # A VM that another tool made, pinned to two CPUs.
        other = folder / "other.xml"
        other.write_text(
            guest_xml("other", images / "other.qcow2", folder / "console").replace(
                "<vcpu placement='static'>", "<vcpu placement='static' cpuset='0-1'>"
            )
        )
        machine.run("virsh", "--connect", machine.uri, "create", other)
        wait_until(lambda: daemon.get("/v1/host")["foreign"])
        assert daemon.call("DELETE", "/v1/vms/absent").status_code == 404
        assert daemon.deploy("huge", 128, 1.0, image=str(images / "batch.qcow2")).status_code > 400
        daemon.call("POST", "/v1/vms/never/withdraw", attempt="0123456789abcdef0123456789abcdef")
        deployed(daemon, "db", 2, 1.0)
        assert daemon.call("DELETE", "/v1/vms/small").status_code == 200
        # A state file that is lost: the host begins again, and its VMs are placed once more.
        daemon.end()
        (folder / "state" / "state.json").unlink()
        daemon = started()
        deployed(daemon, "batch", 3, 3.0)
        # CPUs are taken in another order than they are numbered.
        assert daemon.call("POST", "/v1/vms/batch/stop").status_code < 300
        wait_until(lambda: daemon.get("/v1/vms/batch")["state"] == "stopped")
        told = {"host": daemon.get("/v1/host"), "vms": daemon.get("/v1/vms")["vms"]}
        daemon.end()
        places = {str(folder / "state"): STATE, str(images): str(Path(IMAGE).parent)}
        for name in ("state.json", "operations.jsonl"):
            _keep(folder / "state" / name, release.kept / "host" / name, places)
        (release.kept / "host" / "replies.json").write_text(_cleaned(json.dumps(told), places))
        for name in ("web", "db", "batch"):
            xml = machine.run("virsh", "--connect", machine.uri, "dumpxml", "--inactive", name)
            path = release.kept / "host" / f"{name}.xml"
            path.write_text(_cleaned(xml, {**places, str(folder): STATE}))


def cluster(release: Release, folder: Path) -> None:
    """Keep what a controller and hosts without guests write."""
    hosts = []
    wires = []
    for name in ("host-a", "host-b"):
        place = folder / name
        place.mkdir()
        hosts.append(
            Daemon(
                *(release, "schedulerlocal", place, "--topology=i7-1185g7"),
                *([f"--output={place}/recording.csv"] if name == "host-a" else []),
                SCL_HYPERVISOR="memory",
                SCL_NAME=name,
                SCL_STATE_DIR=str(place / "state"),
                SCL_DELAY="0.5",
            )
        )
        wires.append(Wire(hosts[-1].url))
    place = folder / "controller"
    place.mkdir()
    controller = Daemon(
        *(release, "schedulerglobal", place),
        SCG_STORE=f"sqlite:///{place}/store.sqlite",
        SCG_NODE_URL_LIST=",".join(wire.url for wire in wires),
        SCG_DELAY="0.5",
        SCG_TIMEOUT="3",
    )
    wait_until(
        lambda: [host["state"] for host in controller.get("/v1/hosts")["hosts"]] == ["ready"] * 2
    )
    for name, vcpus, level in (("web", 2, 2.0), ("db", 2, 1.0), ("batch", 3, 3.0), ("old", 1, 1.0)):
        made = controller.deploy(name, vcpus, level, clone=name == "web")
        assert made.status_code == 201, made.text
    time.sleep(3)  # long enough to be in the recording
    assert controller.call("DELETE", "/v1/vms/old").status_code == 200
    assert controller.call("DELETE", "/v1/vms/absent").status_code == 404
    assert controller.deploy("huge", 64, 1.0).status_code == 409
    assert controller.call("POST", "/v1/vms/db/stop").status_code < 300
    assert controller.call("POST", "/v1/hosts/host-b/cordon").status_code == 200
    # A request that stays in the network: the controller cancels it.
    for wire in wires:
        wire.on("POST /v1/vms HTTP", "hold")
    assert controller.deploy("late", 1, 2.0).status_code == 503
    for wire in wires:
        wire.mend()
    wait_until(lambda: "late" not in _reserved(place / "store.sqlite"), 120)
    time.sleep(3)  # some more lines of the recording
    # A reservation that is open when the controller dies.
    for wire in wires:
        wire.on("POST /v1/vms HTTP", "hold")
    asking = threading.Thread(target=_ignoring_errors(controller.deploy), args=("open", 1, 3.0))
    asking.start()
    wait_until(lambda: "open" in _reserved(place / "store.sqlite"))
    controller.end(signal.SIGKILL)
    asking.join()
    for host in hosts:
        host.end()
    kept = release.kept / "controller"
    kept.mkdir(exist_ok=True)
    shutil.copy(place / "operations.jsonl", kept)
    (kept / "store.sqlite").unlink(missing_ok=True)
    with _database(place / "store.sqlite") as source, _database(kept / "store.sqlite") as copy:
        source.backup(copy)
    for name in ("state.json", "operations.jsonl", "guests.json"):
        _keep(folder / "host-a" / "state" / name, release.kept / "memory" / name, {})
    recording = release.kept / "recording"
    recording.mkdir(exist_ok=True)
    shutil.copy(folder / "host-a" / "recording.csv", recording)
    # What the release decides and draws, when it replays its own recording.
    for output in ("replay.csv", "replay.parquet"):
        _run(
            *release.command("schedulerlocal", "--topology=i7-1185g7"),
            *("--load", recording / "recording.csv", "--output", recording / output),
            *("--operations", recording / "replay.jsonl"),
            env=release.environment({}),
        )


def settings(release: Release, folder: Path) -> None:
    """Keep the settings that the release's role writes, for a host and for the controller."""
    playbook = folder / "settings.yml"
    playbook.write_text(ENV_PLAYBOOK)
    variables = {
        "slackvm_env_dir": str(folder),
        "slackvm_env_secrets_dir": str(folder / "secrets"),
        "slackvm_env_scl_token": "host-token-0123456789",
        "slackvm_env_scl_read_token": "host-read-token-0123456789",
        "slackvm_env_scg_token": "full-token-0123456789",
        "slackvm_env_scg_read_token": "read-token-0123456789",
        "slackvm_env_tls_dir": "/etc/slackvm/tls",
    }
    _run(
        *("ansible-playbook", "--connection=local", "--inventory=localhost,", playbook),
        *("--extra-vars", json.dumps(variables)),
        env={**os.environ, "ANSIBLE_ROLES_PATH": str(release.checkout / "roles")},
    )
    for name in ("local.env", "global.env"):
        _keep(folder / name, release.kept / "settings" / name, {})


def _keep(source: Path, copy: Path, places: Mapping[str, str]) -> None:
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(_cleaned(source.read_text(), places))


def _cleaned(text: str, places: Mapping[str, str]) -> str:
    for path, instead in places.items():
        text = text.replace(path, instead)
    assert tempfile.gettempdir() not in text, "the text names a folder of this machine"
    return text


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _ignoring_errors(call: Callable[..., object]) -> Callable[..., None]:
    def ignoring(*arguments: object) -> None:
        with suppress(requests.RequestException):
            call(*arguments)

    return ignoring


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(path)
    try:
        yield database
    finally:
        database.close()


def _reserved(path: Path) -> list[str]:
    """Return the names of the VMs that the controller has reserved a place for."""
    with _database(path) as database:
        found = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        table = "orders" if ("orders",) in found.fetchall() else "reservations"
        return [name for [name] in database.execute(f"SELECT name FROM {table}")]  # noqa: S608


def _run(*command: object, env: Mapping[str, str] | None = None) -> None:
    subprocess.run([str(part) for part in command], check=True, env=env)


def main() -> None:
    """Make the files of one release."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="the folder of the release's sources")
    parser.add_argument("--kept", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slackvm-release-") as temporary:
        folders = [Path(temporary) / name for name in ("code", "libvirt", "cluster", "settings")]
        for folder in folders:
            folder.mkdir()
        release = Release(arguments.checkout.absolute(), folders[0], arguments.kept)
        libvirt_host(release, folders[1])
        cluster(release, folders[2])
        settings(release, folders[3])


if __name__ == "__main__":
    main()
