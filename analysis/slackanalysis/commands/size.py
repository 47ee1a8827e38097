"""`slackvm-analysis size`: how many hosts request lists take."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import pandas as pd
from click.core import ParameterSource
from rich.console import Console

from slackanalysis.commands.host_options import MOST_HOSTS, chosen_hosts, host_options
from slackanalysis.commands.recorded import RecordedCommand, command_line
from slackanalysis.commands.summary import json_summary, refusals_summary, summary
from slackanalysis.outputs.manifest import FileRecord, file_record, manifest_path, write_manifest
from slackanalysis.outputs.tables import RecordWritten, check_ending, write_table, write_tables
from slackanalysis.progress import tracking
from slackanalysis.sizing import policies
from slackanalysis.sizing.logs import DifferenceError, decide_logs, decisions_table
from slackanalysis.sizing.origin import own_policy_file, with_origin
from slackanalysis.sizing.power import parse_power
from slackanalysis.sizing.sizing import (
    Question,
    SizedList,
    Sizing,
    clusters_of,
    refusals_table,
    refuse_results_as_keys,
    size_lists,
    sizing_table,
)
from slackanalysis.sizing.utilization import AllocationTimeline
from slackanalysis.workload.request_file import read_requests
from slackvm import plugins
from slackvm.cli.failures import reported
from slackvm.formats.files import refuse_overwriting
from slackvm.model import DEFAULT_POLICY, SELECTIONS
from slackvm.model.balance import CRITICAL_SIZE
from slackvm.model.vm import LARGEST
from slackvm.topologies import PRESETS, load_topology
from slackvm.verification import Rules

_EXAMPLES = """\b
Examples:
  slackvm-analysis workload --requests requests.csv.gz --mix 50-0-50
  slackvm-analysis size requests.csv.gz --output hosts.csv
  slackvm-analysis size requests.csv.gz --output hosts.csv --policy first-fit --policy progress
  zstd -dc requests.csv.zst | slackvm-analysis size - --output hosts.csv
  slackvm-analysis size requests.csv.gz --output hosts.csv --policy tight:tightest_memory
  slackvm-analysis size requests.csv.gz --output hosts.csv --host 32:128:3 --host 64:512
  slackvm-analysis size requests.csv.gz --output hosts.csv --hosts 40 --refusals refused.csv
  slackvm-analysis size requests.csv.gz --output hosts.csv --hour-s 360 --power 100:350
  slackvm-analysis size controller/operations.jsonl host1.jsonl host2.jsonl \\
      --topology epyc-7662 --topology host2.json --output decisions.csv
"""


@click.command("size", cls=RecordedCommand, epilog=_EXAMPLES)
@click.argument(
    "inputs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    metavar="REQUESTS | LOG...",
    nargs=-1,
    required=True,
)
@host_options
@click.option(
    "--hosts",
    "count",
    metavar="N",
    type=click.IntRange(1, MOST_HOSTS),
    help="Place VMs on N hosts and count refusals; default: find the fewest hosts that "
    "refuse no VM. Separate clusters share N in proportion to their volume bounds.",
)
@click.option(
    "--refusals",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --hosts: write each refused VM and the reason there: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--policy",
    "policy_names",
    metavar="NAME",
    multiple=True,
    help=f"{policies.HELP} May be given several times. "
    f"[default: {DEFAULT_POLICY}; of a log, its own]",
)
@click.option(
    "--topology",
    "topologies",
    metavar="FILE|PRESET",
    multiple=True,
    help="Of logs: the CPUs of a host; once per host, in the order of the controller's log.",
)
@click.option(
    "--selection",
    metavar="NAME",
    default="paper",
    show_default=True,
    help=f"Of logs: how hosts choose CPUs: {', '.join(SELECTIONS)}, or one that a package adds.",
)
@click.option(
    "--critical-size",
    metavar="N",
    type=click.IntRange(0, LARGEST),
    default=CRITICAL_SIZE,
    show_default=True,
    help="Of logs: vNodes with fewer VMs are balanced.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="Write a row per list and policy, or per decision, there: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--timeline",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what is allocated at each time there: .csv, .csv.gz or .parquet.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def size(
    context: click.Context,
    inputs: tuple[Path, ...],
    host_texts: tuple[str, ...],
    host_cpus: int,
    host_memory_mib: int,
    hour_s: float,
    power_texts: tuple[str, ...],
    size_rule: str,
    count: int | None,
    refusals: Path | None,
    policy_names: tuple[str, ...],
    topologies: tuple[str, ...],
    selection: str,
    critical_size: int,
    output: Path,
    timeline: Path | None,
    as_json: bool,
) -> None:
    """Size clusters for the request lists in REQUESTS.

    REQUESTS is CSV or Parquet, perhaps compressed by gzip or zstd; - is standard input.

    For each list: the smallest number of hosts on which no VM is refused, for one cluster that all
    levels share and for one cluster per level, and the volume bound, the least of any placement.
    With --hosts, the number of hosts is given, and the command counts the VMs that they refuse.

    With operations logs (.jsonl) of a controller, of its hosts, or both, the hosts are given: every
    decision is taken again, host by host and CPU by CPU, and compared. Exit code 1: one differs.

    Each row names the hosts, list and code that it was computed with. FILE.manifest.json has the
    command, the versions, and the SHA-256 of every file that was read or written.
    """
    are_logs = any(path.suffix == ".jsonl" for path in inputs)
    _check_options(context, are_logs)
    with reported():
        policy_files = filter(None, map(policies.policy_file, policy_names))
        outputs = filter(None, [output, timeline, refusals, manifest_path(output)])
        refuse_overwriting(outputs, [*inputs, *map(Path, topologies), *policy_files])
        check_ending(output)
        read = [*inputs, *_files(topologies), *_own_files(policy_names)]
        records = [file_record(path) for path in read]

        def record_written(written: Sequence[FileRecord]) -> None:
            write_manifest(
                manifest_path(output),
                command=command_line(context),
                parameters=context.params,
                inputs=records,
                outputs=written,
            )

        if are_logs:
            chosen = plugins.find(selection, SELECTIONS, plugins.SELECTION_GROUP)
            rules = Rules(chosen, critical_size)
            _replay_logs(inputs, topologies, policy_names, rules, output, record_written)
        else:
            if refusals and count is None:
                raise ValueError("--refusals goes with --hosts: otherwise no VM is refused")
            hosts = chosen_hosts(context, host_texts, host_cpus, host_memory_mib)
            power = parse_power(power_texts, hosts) if power_texts else None
            question = Question(hosts, count, hour_s, power, size_rule)
            names = tuple(dict.fromkeys(policy_names)) or (DEFAULT_POLICY,)
            files = _Files(output, timeline, refusals)
            _size_lists(inputs[0], question, names, files, record_written, as_json=as_json)


def _own_files(policy_names: Sequence[str]) -> Iterator[Path]:
    """Yield the files that define policies of the user's own."""
    for name in policy_names:
        if file := own_policy_file(name):
            yield file


def _files(topologies: Sequence[str]) -> Iterator[Path]:
    """Yield the topologies that are files, and no presets."""
    for name in topologies:
        if name not in PRESETS and Path(name).is_file():
            yield Path(name)


def _check_options(context: click.Context, are_logs: bool) -> None:
    """Refuse options that go with the other kind of input."""
    others = _OF_LISTS if are_logs else _OF_LOGS
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") == ParameterSource.COMMANDLINE
        if given and option.name in others:
            goes_with = "request lists" if are_logs else "operations logs (.jsonl)"
            raise click.UsageError(f"{option.opts[0]} goes with {goes_with}")
    if not are_logs and len(context.params["inputs"]) > 1:
        raise click.UsageError("one file of request lists, or operations logs (.jsonl)")
    if are_logs and len(context.params["policy_names"]) > 1:
        raise click.UsageError("--policy: a log is compared with one policy")


_OF_LISTS = (
    *("host_texts", "host_cpus", "host_memory_mib", "hour_s", "power_texts", "count"),
    "size_rule",
    *("refusals", "timeline", "as_json"),
)
_OF_LOGS = ("topologies", "selection", "critical_size")


def _replay_logs(
    paths: Sequence[Path],
    topologies: Sequence[str],
    policy_names: Sequence[str],
    rules: Rules,
    output: Path,
    record_written: RecordWritten,
) -> None:
    policy = policies.find_policy(policy_names[0]) if policy_names else None
    console = Console(stderr=True)
    with console.status("deciding"):
        try:
            hosts = [load_topology(each) for each in topologies]
            logs = decide_logs(paths, hosts, policy, rules)
        except DifferenceError as error:
            raise click.ClickException(str(error)) from error
    write_table(output, decisions_table(logs), record_written)
    for log in logs:
        click.echo(f"{log.path}: {len(log.operations)} decisions, each as in the log")
        if log.unknown:
            click.echo(
                f"{log.path}: {log.unknown} operations of a kind that this release does not know"
            )
    click.echo(f"{output}: {sum(len(log.operations) for log in logs)} rows")


class _Files(NamedTuple):
    """Where tables go."""

    output: Path
    timeline: Path | None
    refusals: Path | None


def _size_lists(
    requests: Path,
    question: Question,
    policy_names: Sequence[str],
    files: _Files,
    record_written: RecordWritten,
    *,
    as_json: bool,
) -> None:
    for path in filter(None, files):
        check_ending(path)
    chosen = {name: policies.find_policy(name) for name in policy_names}
    lists = read_requests(requests)
    sized: list[SizedList] = []
    with tracking(Console(stderr=True)) as track:
        advance = track("sizing", len(chosen) * sum(map(clusters_of, lists)))
        for name, policy in chosen.items():
            sized += size_lists(lists, question, policy, name, advance)
    table = with_origin(sizing_table(each.sizing for each in sized), question.hosts)
    written = {files.output: table}
    if files.timeline:
        timelines = [_over_time(each.sizing, each.timelines) for each in sized]
        written[files.timeline] = pd.concat(timelines, ignore_index=True)
    refused = refusals_table(sized) if question.count else pd.DataFrame()
    if files.refusals:
        written[files.refusals] = refused
    write_tables(written, record_written)
    if as_json:
        click.echo(json_summary(table))
        return
    console = Console(highlight=False, markup=False)
    console.print(summary(table))
    if len(refused):
        console.print(refusals_summary(refused))
    click.echo(f"{files.output}: {len(table)} rows")


def _over_time(sizing: Sizing, timelines: Mapping[str, AllocationTimeline]) -> pd.DataFrame:
    tables = []
    for cluster, course in timelines.items():
        table = course.over_time()
        refuse_results_as_keys(sizing.keys, ["policy", "cluster", *table])
        which = {**sizing.keys, "policy": sizing.policy, "cluster": cluster}
        for place, (name, value) in enumerate(which.items()):
            table.insert(place, name, value)
        tables.append(table)
    return pd.concat(tables)
