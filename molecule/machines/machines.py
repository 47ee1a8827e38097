#!/usr/bin/env python3
"""Throw-away systemd machines for Molecule: systemd-nspawn on copies of one image.

A machine boots in about a second, has an address on a bridge of its own and lets root in over ssh
with a key made for it. Its disk is a layer over an image that is built once. It reaches packages
through a cache on this machine and nothing else outside, so that nothing of this machine's network
is changed but the bridge, which goes with the last machine.

    machines.py up NAME ADDRESS [bare|equipped]
                                    boot a machine, unless it runs; an equipped one has the
                                    distribution's packages that the roles install
    machines.py down NAME           end it, its disk included
    machines.py key                 the file of the ssh key

The environment: MACHINES_SUITE, Debian's release (bookworm).
"""

import contextlib
import fcntl
import hashlib
import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SUITE = os.environ.get("MACHINES_SUITE", "bookworm")
CACHE = Path("/var/cache/slackvm-machines")
MACHINES = Path("/var/lib/slackvm-machines")
KEY = CACHE / "id_ed25519"
ROLES = Path(__file__).parents[2] / "roles"
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BRIDGE = "slackvmbr0"
GATEWAY = "10.213.77.1"
PROXY = f"http://{GATEWAY}:3142"
PATIENCE_S = 120.0
REBOOT = 133

PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "iproute2"),
    *("openssh-server", "sudo", "ca-certificates", "curl"),
    *("python3", "python3-apt"),
)
"""What a server has when Debian's installer is done with it, and Ansible needs."""

MASKED = (
    "systemd-sysctl.service",  # the kernel is this machine's too
    *("systemd-udevd.service", "systemd-udev-trigger.service"),  # and so are the devices
    *("systemd-networkd.service", "systemd-resolved.service"),  # would undo the fixed address
    *("apt-daily.timer", "apt-daily-upgrade.timer"),  # would hold dpkg's lock
    *("systemd-timesyncd.service", "e2scrub_all.timer", "fstrim.timer"),
)

NETWORK_UNIT = """\
[Unit]
Description=The machine's fixed address
DefaultDependencies=no
Wants=network.target
Before=network.target ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=/etc/machine-address
ExecStart=ip link set host0 up
ExecStart=ip address add ${ADDRESS}/24 dev host0

[Install]
WantedBy=multi-user.target
"""

CACHE_SETTINGS = f"""\
BindAddress: {GATEWAY}
Port: 3142
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
        case ["up", name, address, *kind] if kind in ([], ["bare"], ["equipped"]):
            up(name, address, equipped=kind == ["equipped"])
        case ["down", name]:
            down(name)
        case ["key"]:
            print(KEY)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def up(name: str, address: str, *, equipped: bool = False) -> None:
    """Boot a machine and wait until ssh answers."""
    place = MACHINES / name
    if _running(place):
        return
    _clear(name)
    with _lock("network"):
        place.mkdir(parents=True)
        _network_up()
    image = _image(equipped=equipped)
    for part in ("root", "upper", "work"):
        (place / part).mkdir(parents=True)
    root = place / "root"
    layers = f"lowerdir={image},upperdir={place}/upper,workdir={place}/work"
    _run("mount", "-t", "overlay", f"slackvm-{name}", "-o", layers, str(root))
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{address} {name}\n")
    (root / "etc/machine-address").write_text(f"ADDRESS={address}\n")
    _run(
        "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{root}/etc/ssh/ssh_host_ed25519_key"
    )
    _boot(name, place)
    _wait_for_ssh(name, address, place)


def down(name: str) -> None:
    """End a machine and delete its disk; with the last one the bridge and the cache go."""
    _clear(name)
    with _lock("network"):
        if not any(path.is_dir() for path in MACHINES.iterdir()):
            _network_down()


def _clear(name: str) -> None:
    """End a machine and delete its disk."""
    place = MACHINES / name
    _wait_until(lambda: not _killed(name), f"{name} does not end")
    while (
        subprocess.run(["umount", str(place / "root")], stderr=subprocess.DEVNULL).returncode == 0
    ):
        pass
    for group in _cgroups(name):
        for folder in sorted(group.rglob("*/"), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()
    shutil.rmtree(place, ignore_errors=True)


def _boot(name: str, place: Path) -> None:
    """Start systemd-nspawn in a cgroup of the machine's own."""
    environment = os.environ | {
        # cgroup v2 inside, and a writable /proc/sys: libvirt needs both.
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes",
    }
    command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"]
    command += ["--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off"]
    command += [f"--directory={place}/root", f"--machine={name}", f"--network-bridge={BRIDGE}"]
    command += ["--capability=all", "--bind=/dev/net/tun"]
    # A machine that reboots ends systemd-nspawn with this code.
    again = f'while true; do "$@"; test $? = {REBOOT} || break; done'
    groups = list(_cgroups(name, make=True))

    def enter() -> None:
        for group in groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    with (place / "console").open("wb") as console:
        process = subprocess.Popen(
            ["sh", "-c", again, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env=environment,
            start_new_session=True,
            preexec_fn=enter,
        )
    (place / "pid").write_text(str(process.pid))


def _wait_for_ssh(name: str, address: str, place: Path) -> None:
    ssh = ["ssh", "-i", str(KEY), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
    ssh += ["-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5", f"root@{address}"]

    def answers() -> bool:
        if not _running(place):
            raise SystemExit(f"{name} did not boot:\n{(place / 'console').read_text()}")
        done = subprocess.run([*ssh, "true"], capture_output=True)
        return done.returncode == 0

    _wait_until(answers, f"{name} does not let ssh in; see {place}/console")


def _running(place: Path) -> bool:
    try:
        leader = (place / "pid").read_text()
        return "systemd-nspawn" in Path(f"/proc/{leader}/cmdline").read_text()
    except OSError:
        return False


def _cgroups(name: str, *, make: bool = False) -> Iterator[Path]:
    """Yield the cgroups of a machine, in whichever hierarchies systemd uses here."""
    base = Path("/sys/fs/cgroup")
    hierarchies = [base / "systemd", base / "unified"]
    if (base / "cgroup.controllers").exists():
        hierarchies = [base]
    for hierarchy in hierarchies:
        group = hierarchy / f"slackvm-machine-{name}"
        if make and hierarchy.is_dir():
            group.mkdir(exist_ok=True)
        if group.is_dir():
            yield group


def _killed(name: str) -> set[int]:
    """Kill every process of a machine, and return which there were."""
    processes = {
        int(line)
        for group in _cgroups(name)
        for path in (group / "cgroup.procs", *group.rglob("cgroup.procs"))
        for line in path.read_text().split()
    }
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return processes


def _network_up() -> None:
    """Make the bridge, and start the cache of packages on it."""
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "address", "add", f"{GATEWAY}/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
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


def _image(*, equipped: bool) -> Path:
    """Return the folder of the image; it is built if there is none of this script's."""
    sources = SOURCES.read_text().replace("bookworm", SUITE)
    packages = list(PACKAGES)
    if equipped:
        for path in sorted(ROLES.glob("*/vars/Debian.yml")):
            packages += re.findall(r"^  - ([a-z0-9.+-]+)", path.read_text(), re.MULTILINE)
    recipe = (sources, packages, MASKED, NETWORK_UNIT, PROXY, inspect.getsource(_build))
    checksum = hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]
    image = CACHE / f"{SUITE}-{'equipped' if equipped else 'bare'}-{checksum}"
    with _lock("image"):
        if not KEY.exists():
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "molecule", "-f", str(KEY))
        if not image.exists():
            building = image.with_suffix(".building")
            shutil.rmtree(building, ignore_errors=True)
            _build(building, sources, packages)
            building.rename(image)
    return image


def _build(root: Path, sources: str, packages: list[str]) -> None:
    """Build the image from this machine's own package sources."""
    listed = CACHE / f"{SUITE}.sources"
    listed.write_text(sources)
    apt = [f'Acquire::http::Proxy "{PROXY}"', 'Acquire::Check-Valid-Until "false"']
    options = [f"--aptopt={option}" for option in apt]
    include = ",".join(packages)
    _run(
        "mmdebstrap",
        "--variant=minbase",
        f"--include={include}",
        *options,
        SUITE,
        str(root),
        str(listed),
    )
    _write(root / "etc/apt/apt.conf.d/90machine", ";\n".join(apt) + ";\n")
    _write(root / "etc/dpkg/dpkg.cfg.d/machine", "force-unsafe-io\n")
    # pip and apt must trust what this machine trusts: there may be a proxy with a CA of its own.
    shutil.copy(CERTIFICATES, root / "etc/ssl/certs/ca-certificates.crt")
    _write(root / "etc/pip.conf", f"[global]\nproxy = {PROXY}\ncert = {CERTIFICATES}\n")
    _write(root / "etc/systemd/system/machine-network.service", NETWORK_UNIT)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "machine-network.service").symlink_to("../machine-network.service")
    for unit in MASKED:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    _write(root / "root/.ssh/authorized_keys", KEY.with_suffix(".pub").read_text())
    (root / "root/.ssh").chmod(0o700)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    _write(root / "etc/ssh/sshd_config.d/machine.conf", "UseDNS no\n")
    _write(root / "etc/machine-id", "")  # each machine makes one of its own
    _run("chroot", str(root), "apt-get", "--quiet=2", "update")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@contextlib.contextmanager
def _lock(name: str) -> Iterator[None]:
    for folder in (CACHE, MACHINES):
        folder.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _wait_until(condition: Callable[[], bool], message: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(message)
        time.sleep(0.1)


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(f"machines.py: {' '.join(command)}: exit code {done.returncode}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
