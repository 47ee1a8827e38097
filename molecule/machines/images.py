"""The images that throw-away machines start from: Debian, built once and kept.

Packages come from this machine's own sources, through the cache that machines.py runs. The
environment: MACHINES_SUITE, Debian's release (bookworm).
"""

import contextlib
import fcntl
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

SUITE = os.environ.get("MACHINES_SUITE", "bookworm")
CACHE = Path("/var/cache/slackvm-machines")
KEY = CACHE / "id_ed25519"
PROXY = "http://10.213.77.1:3142"
ROLES = Path(__file__).parents[2] / "roles"
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

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


def image(kind: str) -> Path:
    """Return the folder of an image; it is built if it is missing or another script built it."""
    sources = SOURCES.read_text().replace("bookworm", SUITE)
    recipe = [sources, PACKAGES, MASKED, NETWORK_UNIT, PROXY, inspect.getsource(_build_bare)]
    if kind == "bare":
        return _built(kind, recipe, lambda root: _build_bare(root, sources))
    packages = [
        package
        for path in sorted(ROLES.glob("*/vars/Debian.yml"))
        for package in re.findall(r"^  - ([a-z0-9.+-]+)", path.read_text(), re.MULTILINE)
    ]
    recipe += [packages, inspect.getsource(_build_equipped)]
    return _built(kind, recipe, lambda root: _build_equipped(root, packages))


def _built(kind: str, recipe: list[object], build: Callable[[Path], None]) -> Path:
    """Return an image's folder, named by what the image depends on; build it where it is not."""
    checksum = hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]
    folder = CACHE / f"{SUITE}-{kind}-{checksum}"
    with lock(f"image-{kind}"):
        if not KEY.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "molecule", "-f", str(KEY))
        if not folder.exists():
            building = folder.with_suffix(".building")
            shutil.rmtree(building, ignore_errors=True)
            build(building)
            building.rename(folder)
    return folder


def _build_bare(root: Path, sources: str) -> None:
    """Build the image of a server as Debian's installer leaves it, from this machine's sources."""
    listed = CACHE / f"{SUITE}.sources"
    listed.write_text(sources)
    apt = [f'Acquire::http::Proxy "{PROXY}"', 'Acquire::Check-Valid-Until "false"']
    options = [f"--aptopt={option}" for option in apt]
    include = f"--include={','.join(PACKAGES)}"
    run("mmdebstrap", "--variant=minbase", include, *options, SUITE, str(root), str(listed))
    # Without recommended packages the roles must name all that they need.
    apt.append('APT::Install-Recommends "false"')
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
    run("chroot", str(root), "apt-get", "--quiet=2", "update")


def _build_equipped(root: Path, packages: list[str]) -> None:
    """Build the image that has the packages of the roles: a copy of the bare one, and they."""
    run("cp", "--archive", "--reflink=auto", str(image("bare")), str(root))
    inside = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe"]
    inside += [f"--directory={root}", "--resolv-conf=off", "--timezone=off"]
    inside += ["--setenv=DEBIAN_FRONTEND=noninteractive"]
    run(*inside, "apt-get", "--quiet=2", "--yes", "install", *packages)
    run(*inside, "apt-get", "clean")
    (root / "etc/machine-id").write_text("")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Keep other processes of this tool away from something."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(*command: str) -> None:
    """Run a command, or end with what went wrong."""
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(f"machines.py: {' '.join(command)}: exit code {done.returncode}")
