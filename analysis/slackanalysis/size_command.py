"""`slackvm-analysis size`: how many hosts request lists take."""

from collections.abc import Mapping
from pathlib import Path

import click
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from slackanalysis import policies
from slackanalysis.cluster import HostSize
from slackanalysis.occupancy import Course
from slackanalysis.request_file import read_requests
from slackanalysis.sizing import Sizing, size_clusters, sizing_table
from slackanalysis.summary import summary
from slackanalysis.tables import check_ending, write_table
from slackvm.service.failures import reported

_EXAMPLES = """\b
Examples:
  slackvm-analysis workload --requests requests.csv.gz --mix 50-0-50
  slackvm-analysis size requests.csv.gz --output hosts.csv
  slackvm-analysis size requests.csv.gz --output hosts.csv --policy first-fit --policy progress
  slackvm-analysis size requests.csv.gz --output hosts.csv --policy tight:tightest_memory
  slackvm-analysis size requests.csv.gz --output hosts.csv --host-cpus 64 --host-memory-mib 524288
"""


@click.command("size", epilog=_EXAMPLES)
@click.argument(
    "requests", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="REQUESTS"
)
@click.option(
    "--host-cpus",
    metavar="N",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="CPUs of each host.",
)
@click.option(
    "--host-memory-mib",
    metavar="MIB",
    type=click.IntRange(min=1),
    default=131072,
    show_default=True,
    help="Memory of each host.",
)
@click.option(
    "--policy",
    "policy_names",
    metavar="NAME",
    multiple=True,
    default=["progress"],
    show_default=True,
    help=f"{policies.HELP} May be given several times.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="Write a row per list and policy there: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--timeline",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write there what is allocated at each time, likewise.",
)
def size(
    requests: Path,
    host_cpus: int,
    host_memory_mib: int,
    policy_names: tuple[str, ...],
    output: Path,
    timeline: Path | None,
) -> None:
    """Size clusters for the request lists in REQUESTS (CSV, gzipped CSV or Parquet).

    For each list: the smallest number of hosts on which no VM is refused, for one cluster that all
    levels share and for one cluster per level, and the number that no placement can stay below.
    """
    with reported():
        for path in (output, timeline):
            if path:
                check_ending(path)
        chosen = {name: policies.find_policy(name) for name in policy_names}
        lists = read_requests(requests)
        host_size = HostSize(host_cpus, host_memory_mib)
        sizings: list[Sizing] = []
        courses: list[pd.DataFrame] = []
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("sizing", total=len(chosen) * len(lists))
            for name, policy in chosen.items():
                for each in lists:
                    sizing, course = size_clusters(each, host_size, policy, name)
                    sizings.append(sizing)
                    if timeline:
                        courses.append(_over_time(sizing, course))
                    progress.advance(task)
        table = sizing_table(sizings)
        write_table(output, table)
        if timeline:
            write_table(timeline, pd.concat(courses, ignore_index=True))
    Console(highlight=False).print(summary(table))
    click.echo(f"{output}: {len(table)} rows")


def _over_time(sizing: Sizing, courses: Mapping[str, Course]) -> pd.DataFrame:
    tables = []
    for cluster, course in courses.items():
        table = course.over_time()
        which = {**sizing.keys, "policy": sizing.policy, "cluster": cluster}
        for place, (name, value) in enumerate(which.items()):
            table.insert(place, name, value)
        tables.append(table)
    return pd.concat(tables)
