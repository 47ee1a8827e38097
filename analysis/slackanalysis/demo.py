"""`python -m slackanalysis.demo`: a day of one host, made up, replayed and drawn as Fig. 3.

Every step is a command that is shown before it runs, so that it can be run again by hand.
"""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from slackanalysis.recording import count_vms, read_vnodes

HOST = "epyc-7662"
SEED = 247
"""Of seeds 1 to 300, one of those whose vNodes end closest to the published figure's."""

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "vnode_evolution.ipynb"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for everything that the demo makes.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=SEED,
    show_default=True,
    help="Seed of the generated trace.",
)
def demo(output: Path, seed: int) -> None:
    """Generate a trace of an EPYC 7662 host, replay it through the scheduler, draw Fig. 3."""
    console = Console(highlight=False, soft_wrap=True)
    trace, monitoring = output / "trace.csv", output / "monitoring.csv"
    figure = output / "vnode_evolution"
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"--output {output}: {error.strerror or error}") from error
    if not NOTEBOOK.is_file():
        raise click.ClickException(
            f"{NOTEBOOK} is missing: the notebooks come with the project's checkout, "
            "not with the installed package"
        )
    console.print(
        f"[bold]The trace of this demo is generated with seed {seed}; it was not recorded on a "
        "host.[/bold]"
    )
    _run(
        console,
        "1/3  Generate a trace: VMs come, go and use the host",
        ["slackanalysis", "workload", f"--topology={HOST}", f"--trace={trace}", f"--seed={seed}"],
    )
    _run(
        console,
        "2/3  Replay it: the scheduler decides which CPUs each vNode owns",
        ["schedulerlocal", f"--topology={HOST}", f"--load={trace}", f"--output={monitoring}"],
    )
    notebooks = [str(NOTEBOOK), f"{figure}.ipynb"]
    parameters = ["-r", "monitoring", str(monitoring), "-r", "output", str(figure)]
    _run(
        console,
        "3/3  Draw the figure from the replay's recording",
        ["papermill", "--no-progress-bar", *notebooks, *parameters],
        quiet=True,
    )
    console.print()
    console.print(_vnode_table(read_vnodes(monitoring), count_vms(monitoring)))
    console.print(f"Trace: generated, not recorded, with seed {seed}{_why(seed)}.")
    console.print(f"Figure: {figure}.pdf, {figure}.png; its numbers: {figure}.csv")


def _why(seed: int) -> str:
    """Return how the seed was chosen, where it is ours: likeness by choice is no evidence."""
    if seed != SEED:
        return ""
    return ", picked out of 300 because its vNodes end close to the published ones; others vary"


def _run(console: Console, title: str, module: Sequence[str], *, quiet: bool = False) -> None:
    """Announce and run one step: a Python module with its arguments.

    Args:
        console: where to announce it.
        title: what the step does.
        module: the module and its arguments.
        quiet: whether to show what the command says only if it fails.

    Raises:
        click.ClickException: the command failed; says which and its exit code.
    """
    command = [sys.executable, "-m", *module]
    shown = shlex.join(command)
    console.print(f"\n[bold]{title}[/bold]")
    console.print(f"  $ {shown}", markup=False)
    done = subprocess.run(  # noqa: S603 - our own commands
        command,
        check=False,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        click.echo(done.stdout or "", nl=False, err=True)
        raise click.ClickException(f"the step failed with exit code {done.returncode}: {shown}")


def _vnode_table(vnodes: pd.DataFrame, vms: dict[float, int]) -> Table:
    """Return what became of the vNodes, for people."""
    table = Table(
        title="vNodes of the host, as replayed", box=box.SIMPLE_HEAD, title_justify="left"
    )
    for heading in ("level", "VMs", "peak owned CPUs", "final owned CPUs", "final CPUs in use"):
        table.add_column(heading, justify="right")
    for level in sorted(vnodes["level"].unique().tolist()):
        rows = vnodes[vnodes["level"] == level]
        last = rows.iloc[-1]
        table.add_row(
            f"{level:g}:1",
            str(vms.get(level, 0)),
            str(rows["owned_cpus"].max()),
            f"{last['owned_cpus']:.0f}",
            f"{last['used_cpus']:.1f}",
        )
    return table


if __name__ == "__main__":
    demo(prog_name="python -m slackanalysis.demo")
