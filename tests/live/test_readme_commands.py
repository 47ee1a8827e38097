"""The commands of the prototype's README, word for word, on a real libvirt host."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from libvirt_hosts.hosts import LibvirtHost

pytest_plugins = ["libvirt_hosts.fixtures"]

ROOT = Path(__file__).parents[2]
START_S = 60

DAEMON = "python3 -m schedulerlocal"
DEPLOY = (
    "curl 'http://127.0.0.1:8099/deploy?name=example&cpu=2&mem=2&oc=2"
    "&qcow2=/var/lib/libvirt/images/hello.qcow2'"
)
REMOVE = "curl 'http://127.0.0.1:8099/remove?name=example'"
PROGRESS = "curl 'http://127.0.0.1:8099/progress?cpu=2&mem=2&oc=2'"
STATUS = "curl http://127.0.0.1:8099/status"


class Shell:
    """A shell on a libvirt host, in a folder with a `.env`, with the virtual environment active."""

    def __init__(self, host: LibvirtHost, folder: Path) -> None:
        self._host, self._folder = host, folder
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path}

    def start(self, command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._host.command("bash", "-c", f"exec {command}"),
            cwd=self._folder,
            env=self._environment,
        )

    def run(self, command: str) -> str:
        result = subprocess.run(
            self._host.command("bash", "-c", command),
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout


@pytest.fixture
def shell(libvirt_host: LibvirtHost, guest_image: Path, tmp_path: Path) -> Iterator[Shell]:
    """A shell where the daemon serves with the settings that a user has after `cp dotenv .env`."""
    settings = (ROOT / "dotenv").read_text()
    settings = settings.replace("QEMU_DOMAIN_TYPE=auto", "QEMU_DOMAIN_TYPE=qemu")
    settings = settings.replace("SCL_STATE_DIR=/var/lib/slackvm/local", "SCL_STATE_DIR=state")
    (tmp_path / ".env").write_text(settings)
    shutil.copy(guest_image, tmp_path / "hello.qcow2")
    shell = Shell(libvirt_host, tmp_path)
    # /var/lib/libvirt is the host's own.
    shell.run("mkdir -p /var/lib/libvirt/images && cp hello.qcow2 /var/lib/libvirt/images/")
    daemon = shell.start(DAEMON)
    try:
        wait_until_it_answers(shell, daemon)
        yield shell
    finally:
        daemon.terminate()
        daemon.wait(START_S)


def wait_until_it_answers(shell: Shell, daemon: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert daemon.poll() is None, "the daemon has ended"
        try:
            shell.run("curl --silent --fail http://127.0.0.1:8099/readyz")
        except subprocess.CalledProcessError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the daemon does not answer")


def test_the_commands_of_the_local_scheduler_work_as_written(shell: Shell) -> None:
    free = json.loads(shell.run(STATUS))["cpu"]["avail"]
    assert isinstance(json.loads(shell.run(PROGRESS))["progress"], float)
    assert json.loads(shell.run(DEPLOY)) == {"success": True, "reason": None}
    status = json.loads(shell.run(STATUS))
    assert status["cpu"]["avail"] == free - 2
    vnode = status["cpu"]["subset"]["2.0"]
    assert (vnode["pcap"], vnode["palloc"], vnode["vavail"]) == (2, 2, 2)
    assert json.loads(shell.run("curl http://127.0.0.1:8099/listvm")) == ["example"]
    assert "running" in shell.run("virsh --connect qemu:///system list --all")
    assert json.loads(shell.run(REMOVE)) == {"success": True, "reason": None}
    assert json.loads(shell.run(STATUS))["cpu"]["avail"] == free
    assert "example" not in shell.run("virsh --connect qemu:///system list --all")
    assert shell.run("ls /var/lib/libvirt/images") == "hello.qcow2\n"
