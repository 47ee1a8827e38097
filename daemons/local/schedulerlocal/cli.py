"""The command line of the local scheduler."""

from pathlib import Path

import click

from schedulerlocal.replay.orders import ORDERS, STRICT
from slackvm import __version__
from slackvm.cli.commands import LazyGroup
from slackvm.cli.failures import reported
from slackvm.formats.files import end_like_an_error, refuse_overwriting
from slackvm.formats.monitoring.endings import ENDINGS

DEBUG_OUTPUT = Path("debug/monitoring.csv")

EXAMPLES = """
\b
Examples:
  slackvm-local
      serve this host's VMs, on libvirt, with the settings in .env (cp dotenv .env)
  SCL_HYPERVISOR=memory SCL_STATE_DIR=state slackvm-local --topology=epyc-7662
      serve a host with simulated VMs, for trying things out
  slackvm-local --env-file=/etc/slackvm/local.env --output=/var/log/slackvm/use.csv
      serve, and record the use of host and VMs
  curl 'http://127.0.0.1:8099/deploy?name=example&cpu=2&mem=2&oc=2&qcow2=/var/lib/libvirt/images/hello.qcow2'
      then create a VM; see docs/live.md
  slackvm-local --topology=epyc-7662 --load=trace.csv --debug=1
      replay a recording, write debug/monitoring.csv
  slackvm-local --topology=host.json --load=trace.parquet --output=replay.parquet
  slackvm-local --topology=host.json --load=operations.jsonl
      decide the operations of a log again, and compare every decision
  slackvm-local topology --output host.json
      describe this machine
"""


@click.group(cls=LazyGroup, invoke_without_command=True, epilog=EXAMPLES)
@click.option("--topology", metavar="FILE|PRESET", help="The host's CPUs: a JSON file or a preset.")
@click.option(
    "--load",
    type=click.Path(path_type=Path),
    help="Replay this: a recording (CSV or Parquet, also compressed by gzip or zstd; - is standard "
    "input) or an operations log (.jsonl).",
)
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    default=STRICT,
    show_default=True,
    help="What comes first at the same time: departures (strict) or arrivals (prototype).",
)
@click.option(
    "--selection",
    metavar="NAME",
    help="CPU selection: paper (default), compact, one that a package adds, or module:object.",
)
@click.option(
    "--debug",
    type=click.IntRange(0, 1),
    default=0,
    help=f"1 writes the recording, of the replay or of the live host, to {DEBUG_OUTPUT}.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Write the recording here. For a replay the ending chooses the format: "
    f"{', '.join(ENDINGS)}; a live host records as .csv.",
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

    Without --load it serves a live host until it is stopped; with --load it replays.
    """
    end_like_an_error()
    if context.invoked_subcommand is not None:
        return
    output = output or (DEBUG_OUTPUT if debug else None)
    if load is not None:
        if topology is None:
            raise click.UsageError("--load needs --topology: the CPUs of the host to replay on")
        # Imported here, and the daemon below, since each needs much that the other does not
        from schedulerlocal.replay.command import Outputs, replay

        with reported():
            outputs = Outputs(output, operations, as_json)
            replay(load, topology, outputs, order=order, selection=selection, env_file=env_file)
        return
    if operations is not None:
        raise click.UsageError("--operations needs --load; a live host keeps its own log")
    if output is not None and output.suffix != ".csv":
        raise click.UsageError(f"--output={output}: a live host records as .csv")
    from schedulerlocal.daemon import LocalDaemon
    from schedulerlocal.settings import load_host_settings
    from slackvm.daemon.serve import Access, serve
    from slackvm.settings import DEFAULT_ENV_FILE

    with reported():
        sources = (topology, env_file, DEFAULT_ENV_FILE)
        refuse_overwriting(filter(None, [output]), [Path(path) for path in sources if path])
        settings = load_host_settings(env_file, scl_cpu_selection=selection)
        serve(
            Access.of(settings.daemon),
            lambda tokens: LocalDaemon(settings, tokens, topology, output),
            env_file=env_file,
        )


cli.add_lazy(
    "topology",
    "schedulerlocal.topology_command:topology",
    "Show the CPUs that a host offers to VMs, how far apart they are, and its memory.",
)
