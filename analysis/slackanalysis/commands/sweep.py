"""`slackvm-analysis sweep`: many workloads and policies, sized on all cores or machines."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import joblib
import pandas as pd
from rich.console import Console

from slackanalysis.commands.host_options import chosen_hosts, host_options
from slackanalysis.commands.recorded import RecordedCommand, command_line
from slackanalysis.commands.summary import json_summary, summary
from slackanalysis.outputs.manifest import file_record, manifest_path, write_manifest
from slackanalysis.outputs.tables import check_ending, write_table
from slackanalysis.progress import tracking
from slackanalysis.sizing import policies
from slackanalysis.sizing.authors_rule import check_question
from slackanalysis.sizing.origin import own_policy_file
from slackanalysis.sizing.power import parse_power
from slackanalysis.sweep.cells import PAPER_MIXES, cells_of, sweep
from slackanalysis.sweep.published import agreement, has_all_cells, why_not_comparable
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.catalogue_file import find_catalogue
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.temporality import Temporality, parse_temporality
from slackvm.cli.failures import reported
from slackvm.formats.files import refuse_overwriting
from slackvm.model import DEFAULT_POLICY

_DASK_TIMEOUT_S = 10
_IDLE_WORKER_S = 30
_SEEDS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_EXAMPLES = """\b
Examples:
  slackvm-analysis sweep --output paper.parquet --policy first-fit --seeds 1-20
  slackvm-analysis sweep --output mine.parquet --catalogue mine.yaml --mix 50-0-50 --vms 1000
  slackvm-analysis sweep --output mixed.parquet --host 32:128:3 --host 64:512 --hour-s 360
  slackvm-analysis sweep --output paper.parquet --seeds 1-100 --dask tcp://scheduler:8786
"""


class Unreachable(click.ClickException):
    """A scheduler that does not answer."""

    exit_code = 3


@click.command("sweep", cls=RecordedCommand, epilog=_EXAMPLES)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="Write a row per cell there: .parquet, .csv or .csv.gz.",
)
@click.option(
    "--cells",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Save each cell there, so that a sweep can continue; default: FILE.cells.",
)
@click.option(
    "--catalogue",
    "catalogues",
    metavar="NAME|FILE",
    multiple=True,
    default=list(CATALOGUES),
    show_default=True,
    help="Sizes of the VMs: a name, or a YAML file.",
)
@click.option(
    "--mix",
    "mixes",
    metavar="MIX",
    multiple=True,
    default=PAPER_MIXES,
    help="VMs of each level, as for workload; default: the 15 published mixes.",
)
@click.option(
    "--vms",
    metavar="N",
    type=int,
    multiple=True,
    default=[500],
    show_default=True,
    help="VMs at the start.",
)
@click.option(
    "--seeds",
    metavar="N-N",
    default="1",
    show_default=True,
    help="Seeds of the request lists, first and last.",
)
@click.option(
    "--policy",
    "policy_names",
    metavar="NAME",
    multiple=True,
    default=[DEFAULT_POLICY],
    show_default=True,
    help=policies.HELP,
)
@click.option(
    "--temporality",
    metavar="S,S,N",
    default=str(Temporality()),
    show_default=True,
    help="Seconds of an hour, seconds of a day, and days.",
)
@host_options
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes on this machine; default: one a core.",
)
@click.option(
    "--dask", metavar="ADDRESS", help="Compute on the workers of this Dask scheduler: tcp://…"
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def sweep_command(
    context: click.Context,
    output: Path,
    folder: Path | None,
    catalogues: tuple[str, ...],
    mixes: tuple[str, ...],
    vms: tuple[int, ...],
    seeds: str,
    policy_names: tuple[str, ...],
    temporality: str,
    host_texts: tuple[str, ...],
    host_cpus: int,
    host_memory_mib: int,
    hour_s: float,
    power_texts: tuple[str, ...],
    size_rule: str,
    jobs: int | None,
    dask: str | None,
    as_json: bool,
) -> None:
    """Size clusters for every combination of catalogue, mix, number of VMs, seed and policy.

    --catalogue, --mix, --vms and --policy may be given several times. If a sweep is
    interrupted, run the same command again: it continues, and the table is the same.

    Each row names the hosts, list and code that it was computed with. FILE.manifest.json has the
    command, the versions, and the SHA-256 of every file that was read or written.
    """
    with reported():
        folder = folder or output.with_name(f"{output.name}.cells")
        policy_files = filter(None, map(policies.policy_file, policy_names))
        outputs = [output, manifest_path(output), folder]
        refuse_overwriting(outputs, [*map(Path, catalogues), *policy_files])
        check_ending(output)
        hosts = chosen_hosts(context, host_texts, host_cpus, host_memory_mib)
        cells = cells_of(
            [find_catalogue(name) for name in dict.fromkeys(catalogues)],
            [parse_mix(mix) for mix in dict.fromkeys(mixes)],
            list(dict.fromkeys(vms)),
            _parse_seeds(seeds),
            list(dict.fromkeys(policy_names)),
            parse_temporality(temporality),
            hosts,
            hour_s=hour_s,
            power=parse_power(power_texts, hosts) if power_texts else None,
            size_rule=size_rule,
        )
        for name in policy_names:
            check_question(size_rule, hosts, name, None)
        own = [Path(name) for name in catalogues if name not in CATALOGUES]
        own += filter(None, map(own_policy_file, policy_names))
        records = [file_record(path) for path in own]
        with _computing_on(dask), tracking(Console(stderr=True)) as track:
            advance = track("sizing", len(cells))
            try:
                table = sweep(cells, folder, jobs=jobs or -1, progress=advance)
            except KeyboardInterrupt as error:
                raise click.ClickException(
                    f"interrupted; the finished cells are in {folder}, and the same command "
                    "goes on from there"
                ) from error
        write_table(
            output,
            table,
            lambda written: write_manifest(
                manifest_path(output),
                command=command_line(context),
                parameters=context.params,
                inputs=records,
                outputs=written,
            ),
        )
    if as_json:
        click.echo(json_summary(table))
        return
    Console(highlight=False, markup=False).print(summary(table))
    _compare_with_published(table)
    click.echo(f"{output}: {len(table)} rows")


def _compare_with_published(table: pd.DataFrame) -> None:
    for policy, rows in table.groupby("policy", sort=False):
        if found := agreement(rows):
            click.echo(
                f"{policy}: over the {found.cells} published cells of several levels a shared "
                f"cluster saves {found.mean_saved:.2%} of the hosts on average, in the published "
                f"table {found.published_mean_saved:.2%}; the correlation is "
                f"{found.correlation:.2f}"
            )
    if has_all_cells(table) and (reason := why_not_comparable(table)):
        click.echo(reason)


def _parse_seeds(text: str) -> range:
    numbers = _SEEDS.fullmatch(text)
    seeds = range(int(numbers[1]), int(numbers[2] or numbers[1]) + 1) if numbers else range(0)
    if not seeds:
        raise ValueError(f"seeds {text!r} are not allowed: a number, or first and last as in 1-20")
    return seeds


@contextmanager
def _computing_on(dask: str | None) -> Iterator[None]:
    """Let joblib compute on this machine, or on the workers of a Dask scheduler."""
    if dask is None:
        # If the main process is killed, its workers end after this time without work.
        with joblib.parallel_config(backend="loky", idle_worker_timeout=_IDLE_WORKER_S):
            yield
        return
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed: pip install 'slackvm[distributed]'"
        ) from error
    try:
        client = Client(dask, timeout=_DASK_TIMEOUT_S)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise Unreachable(f"--dask {dask}: no scheduler answers ({error})") from error
    with client, joblib.parallel_config(backend="dask"):
        yield
