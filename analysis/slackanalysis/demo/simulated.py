"""The demo without a hypervisor: hosts with real topologies, VMs without guests, faster time."""

from pathlib import Path

import click
import pandas as pd
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from slackanalysis.demo import steps
from slackanalysis.demo.cluster import Cluster, DemoHost
from slackanalysis.demo.workload import Outcome, drive, events_of
from slackanalysis.figures.notebooks import FOLDER
from slackanalysis.recordings.host import count_vms, read_vnodes
from slackanalysis.recordings.vms import read_vm_use
from slackanalysis.workload.host import Workload
from slackvm.topologies import PRESETS

PRESET_OF = {"epyc-a": "epyc-7662", "epyc-b": "epyc-7662", "laptop": "i7-1185g7"}
"""The hosts, and the servers that they are like."""

LOAD = 0.9
"""Share of the CPUs that VMs own in the end: a cluster that is full refuses some."""

TIME_SCALE = 1000
"""Simulated seconds per second."""

SAMPLE_S = 150
"""Simulated seconds between two samples of use."""

IMAGE = "/images/demo.qcow2"
"""The name of an image; the file need not exist, because there are no guests."""


def demo(console: Console, output: Path, seed: int, keep: bool) -> None:
    """Run it; everything that it makes is in the folder `output`."""
    console.print(
        "[bold]SIMULATED: VMs of this demo have no guests and their use is made up "
        f"(SCL_HYPERVISOR=memory); time runs {TIME_SCALE} times as fast. What is decided, and how "
        "it is asked for over REST, is real.[/bold]"
    )
    cluster = Cluster(output, [_host(output, name) for name in PRESET_OF])
    steps.title(console, f"1/5  Start {len(PRESET_OF)} hosts and their controller")
    with cluster.running(console):
        steps.title(console, "2/5  VMs of three levels come and go for simulated hours")
        _show_outcome(console, _work(console, cluster, seed))
        steps.title(console, "3/5  What the controller says, and where it would put one VM more")
        cluster.show(console, "--vcpus=4", "--memory=8", "--level=2")
    steps.title(
        console, "4/5  Decide every operation of each host again, replay its recording, and compare"
    )
    for host in cluster.hosts:
        steps.run(console, "schedulerlocal", *_verification(host), quiet=True)
        _check_replay(console, host)
    steps.title(console, "5/5  Draw Fig. 3 of each host")
    drawn = [host for host in cluster.hosts if count_vms(host.recording)]
    for host in drawn:
        figure = host.folder / "vnode_evolution"
        parameters = ["-r", "monitoring", str(host.recording), "-r", "output", str(figure)]
        notebooks = [str(FOLDER / "vnode_evolution.ipynb"), f"{figure}.ipynb"]
        steps.run(console, "papermill", "--no-progress-bar", *notebooks, *parameters, quiet=True)
    console.print(_vnode_table(drawn))
    console.print(f"Figures and their numbers: {output}/HOST/vnode_evolution.pdf, .png, .csv")
    if keep:
        cluster.keep(console)


def _host(output: Path, name: str) -> DemoHost:
    settings = {
        "SCL_HYPERVISOR": "memory",
        "SCL_TIME_SCALE": str(TIME_SCALE),
        "SCL_DELAY": str(SAMPLE_S),
    }
    return DemoHost(name, output / name, PRESET_OF[name], settings)


def _work(console: Console, cluster: Cluster, seed: int) -> Outcome:
    hosts = [PRESETS[preset].build() for preset in PRESET_OF.values()]
    workload = Workload(
        cpus=sum(len(host) for host in hosts),
        memory_mib=sum(host.memory_mib for host in hosts),
        load=LOAD,
        seed=seed,
    )
    events = events_of(workload, IMAGE)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("simulated time", total=workload.duration_s)
        return drive(
            cluster.url, events, TIME_SCALE, lambda time_s: progress.update(task, completed=time_s)
        )


def _show_outcome(console: Console, outcome: Outcome) -> None:
    levels = ", ".join(
        f"{count} of {level:g}:1" for level, count in sorted(outcome.deployed.items())
    )
    refused = ", ".join(f"{count} {code}" for code, count in sorted(outcome.refused.items()))
    console.print(
        f"{outcome.deployed.total()} VMs deployed ({levels}), {outcome.removed} removed, "
        f"{outcome.refused.total()} refused{f' ({refused})' if refused else ''}; median request "
        f"{1000 * pd.Series(outcome.seconds).median():.1f} ms"
    )


def _verification(host: DemoHost) -> list[str]:
    return [f"--topology={host.topology}", f"--load={host.operations}"]


def _check_replay(console: Console, host: DemoHost) -> None:
    """Replay a host's recording, and compare the sizes of its vNodes, and their VMs.

    Which CPUs a vNode has is not compared: a sample does not say in which order VMs came and went
    before it, and that decides which CPUs were free. The operations log says it, so that there the
    CPUs of every decision are compared.

    Raises:
        click.ClickException: they differ.
    """
    replayed = host.folder / "replayed.csv"
    arguments = [f"--topology={host.topology}", f"--load={host.recording}", f"--output={replayed}"]
    steps.run(console, "schedulerlocal", *arguments, quiet=True)
    if not count_vms(host.recording):
        return
    for what, read in (("sizes", _sizes), ("VMs", _members)):
        if not read(host.recording).equals(read(replayed)):
            raise click.ClickException(
                f"{replayed}: vNodes have other {what} than in {host.recording}"
            )


def _sizes(recording: Path) -> pd.DataFrame:
    vnodes = read_vnodes(recording)
    return vnodes.loc[vnodes["owned_cpus"] > 0, ["time_s", "level", "owned_cpus"]].reset_index(
        drop=True
    )


def _members(recording: Path) -> pd.DataFrame:
    vms = read_vm_use(recording)[["vm_uuid", "level", "vcpus", "first_s", "last_s"]]
    return vms.sort_values("vm_uuid").reset_index(drop=True)


def _vnode_table(hosts: list[DemoHost]) -> Table:
    """Return the result of the comparison, for people."""
    title = (
        "vNodes. Decided again from each operations log: every decision is the same, CPU for CPU.\n"
        "Replayed from each recording: each vNode has as many CPUs at every sample, and the same\n"
        "VMs. Which CPUs is not compared there: a recording does not say in which order VMs came\n"
        "and went between two samples."
    )
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("host", "level", "VMs", "peak owned CPUs", "final owned", "final in use"):
        table.add_column(heading, justify="left" if heading == "host" else "right")
    for host in hosts:
        vnodes, vms = read_vnodes(host.recording), count_vms(host.recording)
        for level in sorted(vnodes["level"].unique().tolist()):
            rows = vnodes[vnodes["level"] == level]
            last = rows.iloc[-1]
            table.add_row(
                host.name,
                f"{level:g}:1",
                str(vms.get(level, 0)),
                str(rows["owned_cpus"].max()),
                f"{last['owned_cpus']:.0f}",
                f"{last['used_cpus']:.1f}",
            )
    return table
