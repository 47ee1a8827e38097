"""The command line of the client."""

import io
import sys

import click

from schedulerclient.completion import completion
from schedulerclient.deploy import deploy
from schedulerclient.hosts import cordon, hosts, uncordon
from schedulerclient.listing import list_vms, show
from schedulerclient.options import common_options
from schedulerclient.planning import capacity, plan
from schedulerclient.status import status
from schedulerclient.vms import remove, restart, start, stop
from slackvm import __version__

EXAMPLES = """
\b
Examples:
  slackvm status
  slackvm plan --vcpus 2 --memory 4 --level 2
  slackvm deploy web --vcpus 2 --memory 4 --level 2 --image /var/lib/libvirt/images/web.qcow2
  slackvm show web
  slackvm list --url https://controller:8100 --json

\b
Exit codes: 0 done; 1 refused or failed; 2 usage or bad input; 3 no answer.
Settings: SLACKVM_URL, SLACKVM_TOKEN and others, from the environment or .env.
"""


@click.group(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@common_options
@click.version_option(__version__, prog_name="slackvm")
def cli() -> None:
    """Deploy VMs on a cluster of SlackVM, and see how it is."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name of somebody else's must not end a listing where the locale lacks a letter of it.
        sys.stdout.reconfigure(errors="backslashreplace")


for command in (
    deploy,
    remove,
    start,
    stop,
    restart,
    list_vms,
    show,
    plan,
    capacity,
    status,
    hosts,
    cordon,
    uncordon,
    completion,
):
    cli.add_command(command)
