"""`slackvm-analysis`: the commands of the analysis kit."""

import click

from slackvm import __version__
from slackvm.cli.commands import LazyGroup
from slackvm.formats.files import end_like_an_error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="slackvm-analysis")
def cli() -> None:
    """Make workloads, size clusters for them, and draw what happened."""
    end_like_an_error()


for name, place, summary in (
    (
        "workload",
        "workload:workload",
        "Write the request list of a cluster, or the trace of a host that fills up.",
    ),
    (
        "import",
        "import_traces:import_traces",
        (
            "Make a request list of the public trace in PATH, "
            "and where it has use over time, a recording."
        ),
    ),
    (
        "size",
        "size:size",
        "Size clusters for the request lists in REQUESTS.",
    ),
    (
        "sweep",
        "sweep:sweep_command",
        "Size clusters for every combination of catalogue, mix, number of VMs, seed and policy.",
    ),
    (
        "compare",
        "compare:compare",
        "Compare the policies of TABLE, which size or sweep wrote, pair by pair.",
    ),
    ("figure", "figure:figure", "Draw one figure: run notebook NAME with papermill."),
    ("figures", "figure:figures", "Draw several figures, all by --all, with one manifest."),
):
    cli.add_lazy(name, f"slackanalysis.commands.{place}", summary)
