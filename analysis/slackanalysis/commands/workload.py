"""`slackvm-analysis workload`: a request list for a cluster, or a trace of a host that fills up."""

from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import Progress

from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.catalogue_file import find_catalogue
from slackanalysis.workload.demand import Demand, request_list
from slackanalysis.workload.host import Workload
from slackanalysis.workload.mix import FIG_3_MIX, parse_mix
from slackanalysis.workload.request_file import write_requests
from slackanalysis.workload.temporality import Temporality, parse_temporality
from slackanalysis.workload.trace import write_trace
from slackvm.cli.failures import reported
from slackvm.formats.files import refuse_overwriting
from slackvm.topologies import PRESETS, load_topology

_OF_REQUESTS = ("vms", "temporality")
_OF_TRACES = ("topology", "duration", "step", "load")

_EXAMPLES = """\b
Examples:
  slackvm-analysis workload --requests requests.csv.gz --mix 50-0-50 --seed 7
  slackvm-analysis workload --requests requests.parquet --catalogue mine.yaml --vms 2000
  slackvm-analysis size requests.csv.gz --output hosts.csv
  slackvm-analysis workload --trace trace.csv
  slackvm-analysis workload --trace trace.parquet --mix 50-25-25 --seed 7
  slackvm-analysis workload --trace trace.csv.gz --topology host.json --load 0.8
  slackvm-analysis workload --trace trace.csv --catalogue azure2017 --mix 1.0=.5,1.5=.5
  slackvm-local --topology=epyc-7662 --load=trace.csv --debug=1
"""


@click.command("workload", epilog=_EXAMPLES)
@click.option(
    "--requests",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the request list of a cluster there: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the trace of a host there: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--catalogue",
    metavar="NAME|FILE",
    default="ovhcloud2023",
    show_default=True,
    help=f"Sizes of the VMs: {', '.join(CATALOGUES)}, or a YAML file.",
)
@click.option(
    "--mix",
    metavar="MIX",
    default=FIG_3_MIX,
    show_default=True,
    help="VMs of each level: percent of 1:1, 2:1 and 3:1, or shares as in 1.0=.5,1.5=.5.",
)
@click.option(
    "--seed",
    metavar="N",
    type=int,
    default=1,
    show_default=True,
    help="Start of the random numbers: the same seed gives the same bytes.",
)
@click.option(
    "--vms",
    metavar="N",
    type=int,
    default=500,
    show_default=True,
    help="Requests: VMs at the start; more arrive on each following day.",
)
@click.option(
    "--temporality",
    metavar="S,S,N",
    default=str(Temporality()),
    show_default=True,
    help="Requests: seconds of an hour, seconds of a day, and days.",
)
@click.option(
    "--topology",
    metavar="FILE|PRESET",
    default="epyc-7662",
    show_default=True,
    help=f"Trace: the host, a topology file or one of {', '.join(PRESETS)}.",
)
@click.option(
    "--duration",
    metavar="S",
    type=int,
    default=30_000,
    show_default=True,
    help="Trace: seconds from the first timestamp to the last.",
)
@click.option(
    "--step",
    metavar="S",
    type=int,
    default=15,
    show_default=True,
    help="Trace: seconds between timestamps.",
)
@click.option(
    "--load",
    metavar="SHARE",
    type=float,
    default=1.0,
    show_default=True,
    help="Trace: share of the host's CPUs that the vNodes own in the end; above 1 a replay refuses "
    "VMs.",
)
@click.pass_context
def workload(
    context: click.Context,
    /,
    requests: Path | None,
    trace: Path | None,
    catalogue: str,
    mix: str,
    seed: int,
    vms: int,
    temporality: str,
    topology: str,
    duration: int,
    step: int,
    load: float,
) -> None:
    """Write the request list of a cluster, or the trace of a host that fills up.

    Both are generated, not recorded: flavours and usage are published, the rest is our choice;
    see the modules demand, arrivals and usage of slackanalysis.workload.
    """
    _check_options(context, requests, trace)
    with reported():
        inputs = [catalogue] if requests else [catalogue, topology]
        refuse_overwriting(filter(None, [requests, trace]), map(Path, inputs))
        sizes, shares = find_catalogue(catalogue), parse_mix(mix)
        if requests:
            demand = Demand(sizes, shares, vms, parse_temporality(temporality), seed)
            line = _write_requests(requests, demand)
        elif trace:
            host = load_topology(topology)
            line = _write_trace(
                trace,
                Workload(
                    cpus=len(host),
                    memory_mib=host.memory_mib,
                    catalogue=sizes,
                    mix=shares,
                    duration_s=duration,
                    step_s=step,
                    load=load,
                    seed=seed,
                ),
            )
    click.echo(line)


def _check_options(context: click.Context, requests: Path | None, trace: Path | None) -> None:
    if (requests is None) == (trace is None):
        raise click.UsageError("needed: either --requests FILE or --trace FILE")
    what, others = ("request list", _OF_TRACES) if requests else ("trace", _OF_REQUESTS)
    for name in others:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} has no effect for a {what}")


def _write_requests(path: Path, demand: Demand) -> str:
    requests = request_list(demand)
    write_requests(path, [requests])
    return (
        f"{path}: {len(requests.vms):,} VMs, {requests.most_at_once:,} of them at once, "
        f"seed {demand.seed}"
    )


def _write_trace(path: Path, asked: Workload) -> str:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("writing", total=asked.steps)
        written = write_trace(path, asked, lambda steps: progress.advance(task, steps))
    return (
        f"{path}: {written.vms:,} VMs, {written.rows:,} rows, seed {asked.seed}; at the end the "
        f"vNodes own {written.cpus} of {asked.cpus} CPUs and {written.memory_mib:,} of "
        f"{asked.memory_mib:,} MiB"
    )
