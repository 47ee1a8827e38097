"""The demo on real QEMU guests: private libvirt hosts that share this machine's CPUs."""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import requests
from rich import box
from rich.console import Console
from rich.table import Table

from slackanalysis.demo import steps
from slackanalysis.demo.cluster import Cluster, DemoHost
from slackanalysis.demo.workload import Event, drive
from slackvm.topologies import format_cpu_list, read_sysfs, write_json

HOSTS = ("alpha", "beta", "gamma")
LEVELS = (1.0, 2.0, 3.0)
VMS = 15
"""More than fit three hosts of two CPUs."""

MEMORY_GIB = 0.125

_HOSTS_FOLDER = Path(__file__).parents[3] / "tests" / "libvirt_hosts"
_REQUEST_S = 60.0


def demo(console: Console, output: Path, keep: bool) -> None:
    """Run it; everything that it makes is in the folder `output`."""
    if not _HOSTS_FOLDER.is_dir():
        raise click.ClickException(
            f"{_HOSTS_FOLDER} is missing: libvirt hosts come with the project's checkout, "
            "not with the installed package"
        )
    if os.geteuid():
        raise click.UsageError("--hypervisor=libvirt needs root, and Debian")
    output = output.resolve()
    here = read_sysfs()
    topology, image = output / "topology.json", output / "images" / "guest.qcow2"
    write_json(here, topology)
    console.print(
        f"[bold]Guests of this demo are real. Its {len(HOSTS)} hosts share the {len(here)} CPUs "
        "and the memory of this machine; each believes to have them alone. What fits is "
        "deployed.[/bold]"
    )
    steps.title(console, "1/3  Build a guest; start three libvirt hosts and their controller")
    _sh(console, "guest.sh", str(image))
    with ExitStack() as stack:
        uris = {name: stack.enter_context(_libvirt_host(console, name)) for name in HOSTS}
        hosts = [
            DemoHost(name, output / name, str(topology), _settings(uri, image.parent))
            for name, uri in uris.items()
        ]
        cluster = Cluster(output, hosts)
        stack.enter_context(cluster.running(console))
        steps.title(console, f"2/3  Ask for {VMS} VMs of three levels")
        outcome = drive(cluster.url, _events(image), 1, lambda _: None)
        refused = ", ".join(f"{count} {code}" for code, count in outcome.refused.items())
        console.print(
            f"{outcome.deployed.total()} VMs fit and were deployed, "
            f"{outcome.refused.total()} refused{f' ({refused})' if refused else ''}"
        )
        steps.title(console, "3/3  What was decided, and what the kernel does")
        cluster.show(console, "--vcpus=1", f"--memory={MEMORY_GIB}", "--level=2")
        vms = _vms(cluster)
        affinity = {vm["name"]: kernel_affinity(vm["name"]) for vm in vms}
        console.print(_affinity_table(vms, affinity))
        if keep:
            cluster.wait(console)
        for vm in vms:
            url = f"{cluster.url}/v1/vms/{vm['name']}"
            requests.delete(url, timeout=_REQUEST_S).raise_for_status()
    console.print(
        f"Recordings, with the time that VMs waited for a CPU: {output}/HOST/monitoring.csv"
    )
    astray = [vm["name"] for vm in vms if affinity[vm["name"]] != {tuple(vm["cpu_list"])}]
    if astray:
        raise click.ClickException(f"the kernel lets {', '.join(astray)} use other CPUs")


def kernel_affinity(name: str) -> set[tuple[int, ...]]:
    """Return the different sets of CPUs that the kernel lets a guest's vCPUs and emulator use.

    Raises:
        click.ClickException: the guest has no process.
    """
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"qemu-system" in command and f"guest={name},".encode() in command:
            vcpus = [
                task
                for task in (process / "task").iterdir()
                if re.match(r"CPU \d+/", (task / "comm").read_text(encoding="utf-8"))
            ]
            threads = [int(thread.name) for thread in (process, *vcpus)]
            return {tuple(sorted(os.sched_getaffinity(thread))) for thread in threads}
    raise click.ClickException(f"VM {name} has no process")


def _settings(uri: str, images: Path) -> Mapping[str, str]:
    return {
        "SCL_HYPERVISOR": "libvirt",
        "SCL_IMAGE_DIRS": str(images),
        "QEMU_URL": uri,
        "QEMU_DOMAIN_TYPE": "qemu",
        "QEMU_NETWORK": "",
        # The demo lasts a minute, and its recordings are to show it.
        "SCL_DELAY": "1",
    }


def _events(image: Path) -> list[Event]:
    """Return VMs that arrive one after another, each with its own disk on the same image."""
    return [
        Event(
            0.0,
            True,
            f"guest{number:02}",
            {
                "name": f"guest{number:02}",
                "vcpus": 1,
                "memory_gib": MEMORY_GIB,
                "level": LEVELS[number % len(LEVELS)],
                "image": str(image),
                "clone": True,
            },
        )
        for number in range(VMS)
    ]


def _vms(cluster: Cluster) -> list[dict[str, Any]]:
    answer = requests.get(f"{cluster.url}/v1/vms", timeout=_REQUEST_S)
    answer.raise_for_status()
    vms: list[dict[str, Any]] = answer.json()["vms"]
    return vms


def _affinity_table(
    vms: list[dict[str, Any]], affinity: Mapping[str, set[tuple[int, ...]]]
) -> Table:
    """Return where each VM may run, as the API and as the kernel report it."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("host", "VM", "level", "CPUs as decided", "CPUs in /proc"):
        table.add_column(heading)
    for vm in sorted(vms, key=lambda vm: (vm["host"], vm["level"], vm["name"])):
        seen = " and ".join(format_cpu_list(cpus) for cpus in affinity[vm["name"]])
        decided = format_cpu_list(vm["cpu_list"])
        table.add_row(vm["host"], vm["name"], f"{vm['level']:g}:1", decided, seen)
    return table


@contextmanager
def _libvirt_host(console: Console, name: str) -> Iterator[str]:
    """Start a host, give its libvirt URI, and stop it at the end."""
    # Not in the output folder: the path of a socket may not be long.
    folder = tempfile.mkdtemp(prefix="slackvm-demo-")
    try:
        _sh(console, "host.sh", "up", folder, "--name", name, "--owner", str(os.getpid()))
        yield _sh(console, "host.sh", "uri", folder, quiet=True).strip()
    finally:
        _sh(console, "host.sh", "down", folder, quiet=True)


def _sh(console: Console, script: str, *arguments: str, quiet: bool = False) -> str:
    """Run one of the scripts of the libvirt hosts, and return what it prints.

    Raises:
        click.ClickException: it failed; the message has its output.
    """
    command = [str(_HOSTS_FOLDER / script), *arguments]
    if not quiet:
        console.print(f"  $ {shlex.join(command)}", markup=False)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(f"{shlex.join(command)} failed:\n{done.stderr}{done.stdout}")
    return done.stdout
