"""Libvirt hosts of our own on this machine, and small guests; README.md says what is real."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
HOST_SH = HERE / "host.sh"
PACKAGES = HERE / "debian-packages"
GUEST_IS_UP = "SLACKVM-GUEST-UP"
"""A guest's line on its console begins so; `vcpus=N memory_kib=N seconds=N` follow."""


def needed_packages() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in PACKAGES.read_text().splitlines())
    return [line for line in lines if line]


def missing_packages() -> list[str]:
    """Return the Debian packages that hosts and guests need and this machine has not."""
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n"]
    needed = needed_packages()
    # a package it does not know makes it fail, and it still tells of the others
    listed = subprocess.run([*query, *needed], capture_output=True, text=True, check=False)
    installed = {line.removesuffix(" installed") for line in listed.stdout.splitlines()}
    return [name for name in needed if name not in installed]


@cache
def why_not() -> str | None:
    """Return why this machine cannot run libvirt hosts, and what helps; None if it can."""
    if os.geteuid() != 0:
        return "libvirt hosts need root"
    if shutil.which("dpkg-query") is None:
        return "libvirt hosts need Debian: there is no dpkg-query"
    if missing := missing_packages():
        return f"Debian packages are missing: apt-get install {' '.join(missing)}"
    if find_spec("libvirt") is None:
        return "the Python module libvirt is missing: pip install libvirt-python"
    namespaces = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "true"]
    tried = subprocess.run(namespaces, capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"this machine does not let root make namespaces: {tried.stderr.strip()}"
    return None


class LibvirtHost:
    """A host with a libvirtd and real QEMU guests, made by host.sh; up within a `with`.

    It is taken down at the end of the `with`, or when this process ends, however it ends.

    Args:
        name: its host name.
        cgroups: whether it has cgroup controllers.
        private_network: whether its network is a loopback of its own or the machine's.
        made_up_cpus: SIMULATED: so many CPUs are shown to libvirt, and pinned to in name only;
            from 32 up in two NUMA nodes. The host then has no cgroups.

    Every method raises `RuntimeError` with the output of host.sh or of the command if it failed.
    """

    def __init__(
        self,
        name: str = "host",
        *,
        cgroups: bool = True,
        private_network: bool = True,
        made_up_cpus: int | None = None,
    ) -> None:
        # A socket's path may have 107 characters: pytest's folders would leave too few.
        self.directory = Path(tempfile.gettempdir()) / f"slackvm-host-{secrets.token_hex(4)}"
        self.uri = f"qemu+unix:///system?socket={self.directory}/run/libvirt/libvirt-sock"
        self._options = ["--name", name, "--owner", str(os.getpid())]
        if not cgroups:
            self._options.append("--no-cgroups")
        if not private_network:
            self._options.append("--shared-network")
        if made_up_cpus is not None:
            self._options += ["--made-up-cpus", str(made_up_cpus)]

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.down()

    def up(self) -> None:
        """Power on, for the first time or after `power_loss`; libvirtd answers on return."""
        self._host_sh("up", *self._options)

    def power_loss(self) -> None:
        """End everything that runs on the host, at once; its files stay, but those in /run."""
        self._host_sh("crash")

    def down(self) -> None:
        """Take the host away with its files; without effect when it is already."""
        if self.directory.exists():
            self._host_sh("down")

    def start(self) -> None:
        """Start libvirtd; it answers on return."""
        self._host_sh("start")

    def stop(self) -> None:
        """End libvirtd as a service manager does; guests live on."""
        self._host_sh("stop")

    def kill9(self) -> None:
        """Kill libvirtd; guests live on."""
        self._host_sh("kill9")

    def pause(self) -> None:
        """Stop libvirtd with SIGSTOP: it hangs, and does not close its connections."""
        self._host_sh("pause")

    def resume(self) -> None:
        """Let a paused libvirtd go on."""
        self._host_sh("resume")

    def command(self, *command: str | Path) -> list[str]:
        """Return the command line that runs a command on the host, for what runs long.

        The process that it starts gives the command a SIGTERM when it is ended itself.
        """
        return [str(HOST_SH), "run", str(self.directory), *map(str, command)]

    def run(self, *command: str | Path) -> str:
        """Run a command on the host, in the present folder, and return what it printed."""
        return _output(self.command(*command))

    def _host_sh(self, command: str, *options: str) -> None:
        _output([str(HOST_SH), command, str(self.directory), *options])


def build_guest(path: Path) -> None:
    """Build the bootable disk (qcow2) of a guest that tells its console when it is up."""
    _output([str(HERE / "guest.sh"), str(path)])


def overlay(image: Path, path: Path) -> Path:
    """Make a disk (qcow2) that begins as `image`, which several may do; return its path."""
    formats = ["-q", "-f", "qcow2", "-F", "qcow2"]
    _output(["qemu-img", "create", *formats, "-b", str(image), str(path)])
    return path


def guest_xml(name: str, disk: Path, console: Path, vcpus: int = 1) -> str:
    """Return libvirt's XML of a guest with 128 MiB that writes what it prints to `console`."""
    text = (HERE / "guest.xml").read_text()
    values = {"NAME": name, "IMAGE": disk, "CONSOLE": console, "VCPUS": vcpus}
    for key, value in values.items():
        text = text.replace(f"@{key}@", escape(str(value), {"'": "&apos;"}))
    return text


def wait_for(text: str, console: Path, seconds: float = 60) -> str:
    """Wait until a guest has printed a line with this text, and return the line.

    Raises:
        TimeoutError: it has not.
    """
    end = time.monotonic() + seconds
    printed = ""
    while time.monotonic() < end:
        if console.exists():
            printed = console.read_text(errors="replace")
        for line in printed.splitlines(keepends=True):
            if text in line and line.endswith("\n"):
                return line.strip()
        time.sleep(0.05)
    raise TimeoutError(f"{text!r} is not in {console} after {seconds} s; there is: {printed!r}")


def _output(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        output = (result.stderr + result.stdout).strip()
        raise RuntimeError(f"{' '.join(command)} failed with {result.returncode}: {output}")
    return result.stdout
