"""`slackvm-analysis workload`: write a trace of a host that fills up."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from slackanalysis.catalogue import CATALOGUES
from slackanalysis.trace import write_trace
from slackanalysis.workload import FIG_3_MIX, Workload, parse_mix
from slackvm.topologies import PRESETS, load_topology

_EXAMPLES = """\b
Examples:
  slackvm-analysis workload --trace trace.csv
  slackvm-analysis workload --trace trace.parquet --mix 50-25-25 --seed 7
  slackvm-analysis workload --trace trace.csv.gz --topology host.json --load 0.8
  slackvm-analysis workload --trace trace.csv --catalogue azure2017 --mix 1.0=.5,1.5=.5
  slackvm-local --topology=epyc-7662 --load=trace.csv --debug=1
"""


@click.command("workload", epilog=_EXAMPLES)
@click.option(
    "--trace",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="Write the trace there: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--topology",
    metavar="FILE|PRESET",
    default="epyc-7662",
    show_default=True,
    help=f"The host: a topology file, or one of {', '.join(PRESETS)}.",
)
@click.option(
    "--catalogue",
    type=click.Choice(list(CATALOGUES)),
    default="ovhcloud2023",
    show_default=True,
    help="Sizes of the VMs.",
)
@click.option(
    "--mix",
    metavar="MIX",
    default=FIG_3_MIX,
    show_default=True,
    help="VMs of each level: percent of 1:1, 2:1 and 3:1, or shares as in 1.0=.5,1.5=.5.",
)
@click.option(
    "--duration",
    metavar="S",
    type=int,
    default=30_000,
    show_default=True,
    help="Seconds from the first timestamp to the last.",
)
@click.option(
    "--step", metavar="S", type=int, default=15, show_default=True, help="Seconds between them."
)
@click.option(
    "--load",
    metavar="SHARE",
    type=float,
    default=1.0,
    show_default=True,
    help="Share of the host's CPUs that the vNodes own in the end; above 1 a replay refuses VMs.",
)
@click.option(
    "--seed",
    metavar="N",
    type=int,
    default=1,
    show_default=True,
    help="Start of the random numbers: the same seed gives the same bytes.",
)
def workload(
    path: Path,
    topology: str,
    catalogue: str,
    mix: str,
    duration: int,
    step: int,
    load: float,
    seed: int,
) -> None:
    """Write a trace of VMs that come, go and use a host until it is as full as asked for.

    The trace is made up, not recorded: flavours and usage are published, the rest is chosen; see
    the modules slackanalysis.arrivals and slackanalysis.usage.
    """
    try:
        host = load_topology(topology)
        asked = Workload(
            cpus=len(host),
            memory_mib=host.memory_mib,
            catalogue=catalogue,
            mix=parse_mix(mix),
            duration_s=duration,
            step_s=step,
            load=load,
            seed=seed,
        )
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("writing", total=asked.steps)
            written = write_trace(path, asked, lambda steps: progress.advance(task, steps))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(f"{path}: cannot be written ({reason})") from error
    click.echo(
        f"{path}: {written.vms:,} VMs, {written.rows:,} rows, seed {seed}; at the end the vNodes "
        f"own {written.cpus} of {asked.cpus} CPUs and {written.memory_mib:,} of "
        f"{asked.memory_mib:,} MiB"
    )
