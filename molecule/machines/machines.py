#!/usr/bin/env python3
"""Throw-away systemd machines for Molecule: systemd-nspawn on copies of one image.

A machine boots in about a second, has an address on a bridge of its own and lets root in over ssh
with a key made for it. Its disk is a layer over an image that is built once. It reaches packages
through a cache on this machine and nothing else outside, so that nothing of this machine's network
is changed but the bridge, which goes with the last machine. Machines are identified by their
addresses; those of several scenarios may bear the same names.

    machines.py up NAME,ADDRESS,IMAGE...
                              boot machines, unless they run. IMAGE is bare, or equipped: with the
                              distribution's packages that the roles install
    machines.py down ADDRESS...
                              end them, their disks included
    machines.py key           the file of the ssh key

The environment: MACHINES_SUITE, Debian's release (bookworm).
"""

import contextlib
import dataclasses
import functools
import ipaddress
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from images import CACHE, KEY, PROXY, image, lock, run

MACHINES = Path("/var/lib/slackvm-machines")
BRIDGE = "slackvmbr0"
GATEWAY, CACHE_PORT = PROXY.removeprefix("http://").split(":")
PATIENCE_S = 120.0
REBOOT = 133

CACHE_SETTINGS = f"""\
BindAddress: {GATEWAY}
Port: {CACHE_PORT}
CacheDir: {CACHE}/packages
LogDir: {CACHE}/packages-log
SupportDir: /usr/lib/apt-cacher-ng
PassThroughPattern: .*
ForeGround: 1
ExThreshold: 4
"""


def main(arguments: list[str]) -> int:
    """Run one command."""
    match arguments:
        case ["up", *machines] if machines:
            up([Machine.read(text) for text in machines])
        case ["down", *addresses] if addresses:
            down([Machine(address=address) for address in addresses])
        case ["key"]:
            print(KEY)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


@dataclasses.dataclass(frozen=True)
class Machine:
    """A machine: what it is called inside, where it is reached, what it starts from."""

    address: str
    name: str = ""
    image: str = "bare"

    def __post_init__(self) -> None:
        ipaddress.IPv4Address(self.address)  # it becomes part of paths
        if self.image not in ("bare", "equipped"):
            raise SystemExit(f"machines.py: image {self.image}: bare or equipped")

    @classmethod
    def read(cls, text: str) -> "Machine":
        """Read NAME,ADDRESS,IMAGE."""
        try:
            name, address, kind = text.split(",")
        except ValueError:
            raise SystemExit(f"machines.py: {text}: not NAME,ADDRESS,IMAGE") from None
        return cls(address, name, kind)

    @property
    def place(self) -> Path:
        """The folder of its disk, its console and its process id."""
        return MACHINES / self.address

    @property
    def unit(self) -> str:
        """What nspawn calls it; the kernel cuts names of interfaces made from it at 15 letters."""
        return f"slackvm-{self.address.rpartition('.')[2]}"

    def runs(self) -> bool:
        """Tell whether its systemd-nspawn, or the shell that starts it again, is there."""
        try:
            leader = (self.place / "pid").read_text()
            return "systemd-nspawn" in Path(f"/proc/{leader}/cmdline").read_text()
        except OSError:
            return False

    def cgroups(self, *, make: bool = False) -> Iterator[Path]:
        """Yield its cgroups, in whichever hierarchies systemd uses here."""
        base = Path("/sys/fs/cgroup")
        hierarchies = [base / "systemd", base / "unified"]
        if (base / "cgroup.controllers").exists():
            hierarchies = [base]
        for hierarchy in hierarchies:
            group = hierarchy / f"slackvm-machine-{self.address}"
            if make and hierarchy.is_dir():
                group.mkdir(exist_ok=True)
            if group.is_dir():
                yield group


def up(machines: list[Machine]) -> None:
    """Boot machines and wait until ssh answers on all."""
    booted = [machine for machine in machines if not machine.runs()]
    MACHINES.mkdir(parents=True, exist_ok=True)
    _clear(booted)
    with lock("network"):
        for machine in booted:
            machine.place.mkdir(parents=True)
        _network_up()
    processes = []
    for machine in booted:
        _lay_disk(machine)
        processes.append(_boot(machine))
    for machine, process in zip(booted, processes, strict=True):
        _wait_for_ssh(machine, process)


def down(machines: list[Machine]) -> None:
    """End machines and delete their disks; with the last one the bridge and the cache go."""
    MACHINES.mkdir(parents=True, exist_ok=True)
    _clear(machines)
    with lock("network"):
        if not any(path.is_dir() for path in MACHINES.iterdir()):
            _network_down()


def _lay_disk(machine: Machine) -> None:
    """Lay a machine's own layer over its image, and write what differs between machines."""
    for part in ("root", "upper", "work"):
        (machine.place / part).mkdir()
    root = machine.place / "root"
    layers = f"lowerdir={image(machine.image)},upperdir={machine.place}/upper"
    layers += f",workdir={machine.place}/work"
    run("mount", "-t", "overlay", machine.unit, "-o", layers, str(root))
    (root / "etc/hostname").write_text(f"{machine.name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{machine.address} {machine.name}\n")
    (root / "etc/machine-address").write_text(f"ADDRESS={machine.address}\n")
    key = root / "etc/ssh/ssh_host_ed25519_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))


def _clear(machines: list[Machine]) -> None:
    """End machines and delete their disks."""
    for machine in machines:
        _kill(machine)
    for machine in machines:
        _wait_until(functools.partial(_is_dead, machine), f"{machine.address} does not end")
        mounted = ["umount", str(machine.place / "root")]
        while subprocess.run(mounted, stderr=subprocess.DEVNULL).returncode == 0:
            pass
        for group in machine.cgroups():
            for folder in sorted(group.rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
        shutil.rmtree(machine.place, ignore_errors=True)


def _is_dead(machine: Machine) -> bool:
    return not _kill(machine)


def _kill(machine: Machine) -> set[int]:
    """Kill every process of a machine, and return which there were."""
    processes = {
        int(line)
        for group in machine.cgroups()
        for path in (group / "cgroup.procs", *group.rglob("cgroup.procs"))
        for line in path.read_text().split()
    }
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return processes


def _boot(machine: Machine) -> "subprocess.Popen[bytes]":
    """Start systemd-nspawn in a cgroup of the machine's own."""
    environment = os.environ | {
        # cgroup v2 inside, and a writable /proc/sys: libvirt needs both.
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes",
    }
    command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"]
    command += ["--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off"]
    command += [f"--directory={machine.place}/root", f"--network-bridge={BRIDGE}"]
    command += [f"--machine={machine.unit}", f"--hostname={machine.name}"]
    command += ["--capability=all", "--bind=/dev/net/tun"]
    enter = "".join(f"echo $$ >{group}/cgroup.procs; " for group in machine.cgroups(make=True))
    # A machine that reboots ends systemd-nspawn with this code.
    again = f'while true; do "$@"; test $? = {REBOOT} || break; done'
    with (machine.place / "console").open("wb") as console:
        process = subprocess.Popen(
            ["sh", "-c", enter + again, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env=environment,
            start_new_session=True,
        )
    (machine.place / "pid").write_text(str(process.pid))
    return process


def _wait_for_ssh(machine: Machine, process: "subprocess.Popen[bytes]") -> None:
    ssh = ["ssh", "-i", str(KEY), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
    ssh += ["-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5"]
    console = machine.place / "console"

    def answers() -> bool:
        if process.poll() is not None:
            raise SystemExit(f"{machine.name} did not boot:\n{console.read_text()}")
        done = subprocess.run([*ssh, f"root@{machine.address}", "true"], capture_output=True)
        return done.returncode == 0

    _wait_until(answers, f"{machine.name} does not let ssh in; see {console}")


def _network_up() -> None:
    """Make the bridge, and start the cache of packages on it."""
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{GATEWAY}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
    if _cache_pid() is not None:
        return
    settings = CACHE / "packages-settings"
    for folder in (settings, CACHE / "packages", CACHE / "packages-log"):
        folder.mkdir(parents=True, exist_ok=True)
    (settings / "acng.conf").write_text(CACHE_SETTINGS)
    process = subprocess.Popen(
        ["/usr/sbin/apt-cacher-ng", "-c", str(settings)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (MACHINES / "cache.pid").write_text(str(process.pid))


def _network_down() -> None:
    cache = _cache_pid()
    if cache is not None:
        os.kill(cache, signal.SIGTERM)
    (MACHINES / "cache.pid").unlink(missing_ok=True)
    subprocess.run(["ip", "link", "delete", BRIDGE], stderr=subprocess.DEVNULL, check=False)


def _cache_pid() -> int | None:
    try:
        pid = int((MACHINES / "cache.pid").read_text())
        return pid if "apt-cacher-ng" in Path(f"/proc/{pid}/cmdline").read_text() else None
    except (OSError, ValueError):
        return None


def _wait_until(condition: Callable[[], bool], message: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(message)
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
