"""`slackvm-analysis`: the commands of the analysis kit."""

import click

from slackanalysis.commands.figure import figure, figures
from slackanalysis.commands.size import size
from slackanalysis.commands.sweep import sweep_command
from slackanalysis.commands.workload import workload
from slackvm import __version__
from slackvm.files import end_like_an_error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="slackvm-analysis")
def cli() -> None:
    """Make workloads, size clusters for them, and draw what happened."""
    end_like_an_error()


cli.add_command(workload)
cli.add_command(size)
cli.add_command(sweep_command)
cli.add_command(figure)
cli.add_command(figures)
