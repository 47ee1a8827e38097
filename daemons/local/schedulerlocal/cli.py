"""The command line of the local scheduler."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from schedulerlocal.replay.decisions import ORDERS, STRICT, decide
from schedulerlocal.replay.recording import write_replay
from schedulerlocal.replay.summary import Summary, summarise
from schedulerlocal.topology_command import topology as topology_command
from slackvm import __version__, plugins
from slackvm.files import end_like_an_error, refuse_overwriting, replacing
from slackvm.model.host import Host
from slackvm.model.selection import SELECTIONS
from slackvm.monitoring.trace import read_trace
from slackvm.monitoring.writing import ENDINGS, writing_recording
from slackvm.operations import Operation
from slackvm.service.failures import reported
from slackvm.service.settings import DEFAULT_ENV_FILE, LocalSettings, load_settings
from slackvm.topologies import load_topology
from slackvm.verification import verify

DEBUG_OUTPUT = Path("debug/monitoring.csv")

EXAMPLES = """
\b
Examples:
  slackvm-local
      serve this host's VMs, on libvirt, as .env says (cp dotenv .env)
  SCL_HYPERVISOR=memory SCL_STATE_DIR=state slackvm-local --topology=epyc-7662
      serve a host without guests, for trying things out
  slackvm-local --env-file=/etc/slackvm/local.env --output=/var/log/slackvm/use.csv
      serve, and record what host and VMs use
  curl 'http://127.0.0.1:8099/deploy?name=example&cpu=2&mem=2&oc=2&qcow2=/var/lib/libvirt/images/hello.qcow2'
      then, create a VM; docs/live.md tells more
  slackvm-local --topology=epyc-7662 --load=trace.csv --debug=1
      replay a recording, write debug/monitoring.csv
  slackvm-local --topology=host.json --load=trace.parquet --output=replay.parquet
  slackvm-local --topology=host.json --load=operations.jsonl
      decide a log's operations anew and compare every decision
  slackvm-local topology --output host.json
      describe this machine
"""


@click.group(invoke_without_command=True, epilog=EXAMPLES)
@click.option("--topology", metavar="FILE|PRESET", help="The host's CPUs: a JSON file or a preset.")
@click.option(
    "--load",
    type=click.Path(path_type=Path),
    help="Replay this: a recording (.csv, .csv.gz, .parquet) or an operations log (.jsonl).",
)
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    default=STRICT,
    show_default=True,
    help="At each timestamp departures before arrivals, or after them as the prototype does.",
)
@click.option("--selection", metavar="NAME", help="CPU selection: paper (default), compact.")
@click.option(
    "--debug",
    type=click.IntRange(0, 1),
    default=0,
    help=f"1 writes the recording, of the replay or of the live host, to {DEBUG_OUTPUT}.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help=f"Write the recording here. Of a replay the ending chooses: {', '.join(ENDINGS)}; "
    "a live host records as .csv.",
)
@click.option(
    "--operations",
    type=click.Path(path_type=Path),
    help="Write every decision of the replay here, as an operations log (.jsonl).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option(
    "--env-file", type=click.Path(path_type=Path), help="File of settings. [default: ./.env]"
)
@click.version_option(__version__, prog_name="slackvm-local")
@click.pass_context
def cli(
    context: click.Context,
    topology: str | None,
    load: Path | None,
    order: str,
    selection: str | None,
    debug: int,
    output: Path | None,
    operations: Path | None,
    as_json: bool,
    env_file: Path | None,
) -> None:
    """The local scheduler of SlackVM: gives each oversubscription level its own CPUs of a host.

    Without --load it serves a live host until it is told to end; with --load it replays.
    """
    end_like_an_error()
    if context.invoked_subcommand is not None:
        return
    output = output or (DEBUG_OUTPUT if debug else None)
    if load is None:
        if operations is not None:
            raise click.UsageError("--operations goes with --load; a live host keeps its own log")
        if output is not None and output.suffix != ".csv":
            raise click.UsageError(f"--output={output}: a live host records as .csv")
        # Imported only here: a replay needs no server.
        from schedulerlocal.live.daemon import LocalDaemon
        from slackvm.service.serving import Access, serve

        with reported():
            _refuse_overwriting([output], [topology, env_file])
            settings = load_settings(LocalSettings, env_file, scl_cpu_selection=selection)
            serve(
                Access.of(settings),
                lambda tokens: LocalDaemon(settings, tokens, topology, output),
            )
        return
    if topology is None:
        raise click.UsageError("--load needs --topology: the CPUs of the host to replay on")
    with reported():
        _refuse_overwriting([output, operations], [load, topology, env_file])
        settings = load_settings(LocalSettings, env_file, scl_cpu_selection=selection)
        host = Host(
            load_topology(topology),
            selection=plugins.find(settings.scl_cpu_selection, SELECTIONS, plugins.SELECTION_GROUP),
            critical_size=settings.ovsb_critical_size,
        )
        if load.suffix == ".jsonl":
            _verify(load, host, output, operations, as_json)
        else:
            _replay(load, host, order, output, operations, as_json)


cli.add_command(topology_command)


def _refuse_overwriting(
    outputs: Iterable[Path | None], inputs: Iterable[Path | str | None]
) -> None:
    """Refuse outputs that are an input, the file of settings, or one another."""
    sources = [DEFAULT_ENV_FILE, *(Path(path) for path in inputs if path)]
    refuse_overwriting(filter(None, outputs), sources)


def _replay(
    load: Path,
    host: Host,
    order: str,
    output: Path | None,
    operations: Path | None,
    as_json: bool,
) -> None:
    with _progress() as track:
        trace = read_trace(load)
        advance = track("deciding", 2 * len(trace.presences))
        decisions = decide(trace, host, order, advance)
        if output is not None:
            with writing_recording(output) as writer:
                advance = track("writing", int(trace.rows.starts[-1]))
                write_replay(trace, decisions, host.topology, writer, advance)
    if operations is not None:
        _write_operations(operations, decisions.operations)
    for time, presence, refusal in decisions.refusals:
        vm = presence.vm
        click.echo(
            f"{time} s: {vm.name} ({vm.vcpus} vCPUs, {vm.memory_mib} MiB, level {vm.level}) "
            f"refused, {refusal.code}: {refusal.message}",
            err=True,
        )
    summary = summarise(str(load), host, decisions.operations, trace.skipped)
    _show(summary, as_json, [path for path in (output, operations) if path])


def _verify(
    load: Path, host: Host, output: Path | None, operations: Path | None, as_json: bool
) -> None:
    if output is not None:
        raise click.UsageError(
            f"{output}: an operations log records no use, so there is no recording to write; "
            "--operations writes the decisions"
        )
    decided, difference = verify(load, host)
    if operations is not None:
        _write_operations(operations, decided)
    _show(summarise(str(load), host, decided), as_json, [operations] if operations else [])
    if difference is not None:
        raise click.ClickException(f"{load}: decided otherwise: {difference}")
    click.echo(f"{len(decided)} operations: every decision as in the log", err=True)


def _write_operations(path: Path, operations: list[Operation]) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(operation.to_line() for operation in operations))


def _show(summary: Summary, as_json: bool, written: list[Path]) -> None:
    if as_json:
        click.echo(json.dumps(summary.as_json()))
        return
    summary.show(Console())
    for path in written:
        click.echo(f"wrote {path}")


@contextmanager
def _progress() -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Give a function that starts a bar, on a terminal only, and returns how to advance it."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:

        def track(what: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(what, total=total)
            return lambda count: progress.advance(task, count)

        yield track
