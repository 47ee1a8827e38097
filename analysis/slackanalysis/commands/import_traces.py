"""`slackvm-analysis import`: public traces as request lists and recordings."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console

from slackanalysis.commands.recorded import RecordedCommand, command_line
from slackanalysis.outputs.manifest import FileRecord, manifest_path, write_manifest
from slackanalysis.outputs.tables import check_ending, write_table
from slackanalysis.progress import Track, tracking
from slackanalysis.traces import cloudfactory
from slackanalysis.traces.account import Account
from slackanalysis.traces.bitbrains import STEP_S
from slackanalysis.traces.choice import ALL_1_TO_1, Choice, Window, parse_window
from slackanalysis.traces.formats import CLOUDFACTORY, OPTIONS, Reading, Trace, read_trace
from slackanalysis.traces.recording import UseOverTime
from slackanalysis.traces.sizes import Units
from slackanalysis.traces.vms import Chosen, choose
from slackanalysis.workload.catalogue_file import ENDINGS, catalogue_text, find_catalogue
from slackanalysis.workload.mix import mix_text, parse_mix
from slackvm.cli.failures import reported
from slackvm.formats.contents import STANDARD_INPUT
from slackvm.formats.files import atomic_write, refuse_overwriting

_EXAMPLES = """\b
Examples:
  slackvm-analysis import azure-2017 vmtable.csv.gz --output azure.csv.gz
  slackvm-analysis import azure-2019 vmtable.csv.gz --output azure.parquet \\
      --window 86400:172800 --sample 0.01 --mix 50-0-50
  slackvm-analysis import azure-packing-2020 packing_trace_zone_a_v1.sqlite \\
      --unit-cpus 64 --unit-memory-gib 256 --output packing.parquet
  slackvm-analysis import huawei-east-1 Huawei-East-1.csv --output huawei.csv
  slackvm-analysis import bitbrains fastStorage/2013-8 --output bitbrains.csv \\
      --recording use.parquet --sample 0.1
  slackvm-analysis import alibaba-2018 container_meta.csv --unit-memory-gib 256 \\
      --machine m_2556 --usage container_usage.csv --output m.csv --recording use.csv
  slackvm-analysis import cloudfactory scenario-vm-distribution.yml --output mine.yaml
  slackvm-analysis import cloudfactory mine.yaml --output scenario-vm-distribution.yml
  slackvm-analysis size azure.csv.gz --output hosts.csv

The documentation, docs/traces.md, says where each trace comes from and how to read the result.
"""

_HELP = """Make a request list of the public trace in PATH, and where it has use over time, a
recording.

\b
FORMAT is one of
  azure-2017, azure-2019  vmtable.csv of Azure's public data set
  azure-packing-2020      Azure's trace for packing, a SQLite database
  huawei-east-1           creations and deletions, CSV
  bitbrains               folder of fastStorage or Rnd, a CSV file per VM
  alibaba-2018            container_meta.csv of the cluster trace of 2018
  cloudfactory            scenario (YAML) to a catalogue for `workload`, or back

PATH may be gzip or zstd; `-` is standard input. The command counts what it clipped, filled,
guessed, rounded or dropped, on standard error and in the manifest beside the output.
"""

_OF_TRACES = ("window", "mix", "seed", "sample")


@click.command("import", cls=RecordedCommand, help=_HELP, epilog=_EXAMPLES)
@click.argument("trace_format", type=click.Choice([*OPTIONS, CLOUDFACTORY]), metavar="FORMAT")
@click.argument("path", type=click.Path(path_type=Path, exists=True, allow_dash=True))
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="Write the request list there: .csv, .csv.gz or .parquet (a catalogue: .yaml or .yml).",
)
@click.option(
    "--window",
    metavar="START:END",
    help="Import these seconds of the trace. VMs that run before START start at START, VMs "
    "that run at END end at END. [default: the whole trace from 0]",
)
@click.option(
    "--sample",
    metavar="SHARE",
    type=float,
    default=1.0,
    show_default=True,
    help="Import this share of the VMs; a larger sample contains each smaller one.",
)
@click.option(
    "--mix",
    metavar="MIX",
    default=ALL_1_TO_1,
    show_default=True,
    help="VMs of each level, assigned at random, as traces have no levels: percent of 1:1, 2:1 "
    "and 3:1, or shares as in 1.0=.5,1.5=.5.",
)
@click.option(
    "--seed",
    metavar="N",
    type=int,
    default=1,
    show_default=True,
    help="Start of the random numbers for --sample and --mix.",
)
@click.option(
    "--unit-cpus",
    metavar="N",
    type=float,
    default=Units.cpus,
    show_default=True,
    help="azure-packing-2020: CPUs of the machine of which sizes are fractions.",
)
@click.option(
    "--unit-memory-gib",
    metavar="GIB",
    type=float,
    default=Units.memory_gib,
    show_default=True,
    help="azure-packing-2020, alibaba-2018: memory of the machine of which sizes are fractions.",
)
@click.option(
    "--above-cpus",
    metavar="N",
    type=int,
    default=Units.above_cpus,
    show_default=True,
    help="azure-2019: vCPUs that the bucket >24 stands for.",
)
@click.option(
    "--above-memory-gib",
    metavar="GIB",
    type=float,
    default=Units.above_memory_gib,
    show_default=True,
    help="azure-2019: memory that the bucket >64 stands for.",
)
@click.option(
    "--machine",
    metavar="ID",
    help="azure-packing-2020: sizes are fractions of this kind of machine; VMs that it cannot run "
    "are left out. alibaba-2018: only the containers of this machine.",
)
@click.option(
    "--recording",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="bitbrains, alibaba-2018: write the use over time there: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--usage",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="alibaba-2018: container_usage.csv, for --recording.",
)
@click.option(
    "--step",
    metavar="S",
    type=click.IntRange(1),
    default=STEP_S,
    show_default=True,
    help="Seconds between the timestamps of --recording.",
)
@click.pass_context
def import_traces(
    context: click.Context,
    /,
    trace_format: str,
    path: Path,
    output: Path,
    window: str | None,
    sample: float,
    mix: str,
    seed: int,
    unit_cpus: float,
    unit_memory_gib: float,
    above_cpus: int,
    above_memory_gib: float,
    machine: str | None,
    recording: Path | None,
    usage: Path | None,
    step: int,
) -> None:
    """Make a request list of a public trace, and where it has use over time, a recording."""
    _check_options(context, trace_format)
    account = Account()
    notes: dict[str, object] = {}
    inputs = [path, usage] if usage else [path]
    outputs = [output, recording] if recording else [output]
    with reported():
        refuse_overwriting([*outputs, manifest_path(output)], inputs)

        def record_written(written: Sequence[FileRecord | Path]) -> None:
            write_manifest(
                manifest_path(output),
                command=command_line(context),
                parameters=context.params,
                inputs=[each for each in inputs if _is_kept(each)],
                outputs=written,
                notes={**notes, "changed": [asdict(entry) for entry in account]},
            )

        if trace_format == CLOUDFACTORY:
            line = _convert(path, output, account)
            record_written(outputs)
        else:
            for each in outputs:
                check_ending(each)
            choice = Choice(
                parse_window(window) if window else Window(), sample, parse_mix(mix), seed
            )
            units = Units(unit_cpus, unit_memory_gib, above_cpus, above_memory_gib)
            how = Reading(units, machine, usage)
            with tracking(Console(stderr=True)) as track:
                trace = read_trace(trace_format, path, how, account, track)
                chosen = choose(trace_format, trace.vms, choice, account, trace.last_s)
                _tell_units(context, trace_format, units, account)
                rows = 0
                if recording:
                    rows = _record(trace, chosen, step, recording, account, track)
            notes |= {
                "start_s": chosen.start_s,
                "end_s": chosen.end_s,
                "vms_in_trace": chosen.vms_in_trace,
                "vms": len(chosen.table),
                "0 s in the recording": trace.first_time_s,
            }
            line = _line(output, chosen, choice, _is_given(context, "mix"))
            if recording:
                line += f"\n{recording}: {rows:,} rows"
            others = [recording] if recording else []
            write_table(output, chosen.table, lambda written: record_written([*written, *others]))
    if account:
        Console(stderr=True, highlight=False, markup=False).print(account.table())
    click.echo(line)


def _check_options(context: click.Context, trace_format: str) -> None:
    """Refuse options that have no effect for a trace of this format."""
    allowed = () if trace_format == CLOUDFACTORY else (*OPTIONS[trace_format], *_OF_TRACES)
    known = {*_OF_TRACES, *(name for names in OPTIONS.values() for name in names)}
    for name in sorted(known.difference(allowed)):
        if _is_given(context, name):
            option = "--" + name.replace("_", "-")
            raise click.UsageError(f"{option} has no effect for {trace_format}")
    is_half = bool(context.params["usage"]) != bool(context.params["recording"])
    if trace_format == "alibaba-2018" and is_half:
        raise click.UsageError("--usage and --recording go together")


def _is_kept(path: Path) -> bool:
    """Return whether an input can be read again: a pipe cannot, and reading it would never end."""
    return path != STANDARD_INPUT and (path.is_file() or path.is_dir())


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _tell_units(context: click.Context, trace_format: str, units: Units, account: Account) -> None:
    """Count the default size of a machine where the user gave none."""
    for name, text in (
        ("unit_cpus", f"a machine has {units.cpus:g} CPUs"),
        ("unit_memory_gib", f"a machine has {units.memory_gib:g} GiB"),
    ):
        if name in OPTIONS[trace_format] and not _is_given(context, name):
            account.add("guessed", f"{text} (--{name.replace('_', '-')})", 1, "unit")


def _record(
    trace: Trace, chosen: Chosen, step: int, path: Path, account: Account, track: Track
) -> int:
    if trace.use is None:
        raise ValueError("--recording: the use over time is in another file: name it by --usage")
    use = UseOverTime(chosen, step)
    for samples in trace.use(set(chosen.table["vm"]), track):
        use.add(samples)
    return use.write(path, trace.first_time_s, account, track)


def _line(output: Path, chosen: Chosen, choice: Choice, is_mix_given: bool) -> str:
    levels = mix_text(choice.mix) if is_mix_given else f"{ALL_1_TO_1} (all 1:1; see --mix)"
    return (
        f"{output}: {len(chosen.table):,} of {chosen.vms_in_trace:,} VMs, {chosen.most_at_once:,} "
        f"of them at once, from {chosen.start_s:.0f} to {chosen.end_s:.0f} s, mix {levels}"
    )


def _convert(path: Path, output: Path, account: Account) -> str:
    """Write a scenario's catalogue, or a catalogue's scenario."""
    if path == STANDARD_INPUT:
        raise ValueError("-: name the YAML file")
    _check_yaml_ending(output, ENDINGS)
    if cloudfactory.is_scenario(path):
        scenario = cloudfactory.read_scenario(path, account)
        catalogue = cloudfactory.catalogue_of(scenario, output.stem)
        text, what = catalogue_text(catalogue), f"catalogue, {len(catalogue.flavours)} flavours"
    else:
        _check_yaml_ending(path, ENDINGS)
        catalogue = find_catalogue(str(path))
        text, what = cloudfactory.scenario_text(cloudfactory.scenario_of(catalogue)), "scenario"
        lost = 0 if cloudfactory.is_kept(catalogue) else len(catalogue.flavours)
        account.add("dropped", "which memory goes with which vCPUs", lost, "flavours")
    with atomic_write(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return f"{output}: {what}"


def _check_yaml_ending(path: Path, endings: Sequence[str]) -> None:
    if path.suffix not in endings:
        raise ValueError(f"{path}: YAML is in a file that ends in {' or '.join(endings)}")
