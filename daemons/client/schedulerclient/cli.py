"""The command line of the client."""

import io
import sys

import click

from schedulerclient.session.options import common_options
from slackvm import __version__
from slackvm.cli.commands import LazyGroup

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


@click.group(
    cls=LazyGroup, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
)
@common_options
@click.version_option(__version__, prog_name="slackvm")
def cli() -> None:
    """Deploy and manage VMs on a SlackVM cluster."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that the locale lacks must not end a listing.
        sys.stdout.reconfigure(errors="backslashreplace")


for name, place, summary in (
    ("deploy", "deploy:deploy", "Create a VM and start it."),
    ("remove", "vms:remove", "Remove VMs; their images stay."),
    ("start", "vms:start", "Start VMs that are stopped."),
    ("stop", "vms:stop", "Stop VMs; they keep their CPUs and memory until they are removed."),
    ("restart", "vms:restart", "Restart VMs."),
    ("rebuild", "vms:rebuild", "Create lost VMs again, as they were deployed."),
    ("list", "listing:list_vms", "List the VMs."),
    (
        "show",
        "listing:show",
        "Show a VM: its CPUs, labels, addresses, and the command for its console.",
    ),
    ("plan", "planning:plan", "Show where a VM would go, and why; nothing changes."),
    ("capacity", "planning:capacity", "Show how many more VMs of a mix fit; nothing changes."),
    ("status", "status:status", "Show what each level uses, and what each host has left."),
    ("hosts", "hosts:hosts", "List, add, move, label or forget hosts of the cluster."),
    (
        "controller",
        "controller:controller",
        "Show the controller's ID, and which hosts obey it.",
    ),
    ("events", "events:events", "Show what happened: when, what, and who did it."),
    ("cordon", "hosts:cordon", "Cordon a host: it gets no new VMs; its VMs stay."),
    ("uncordon", "hosts:uncordon", "Uncordon a host: it gets new VMs again."),
    (
        "token",
        "tokens:token",
        "Create, list, rotate or revoke named tokens; without a command, print a new token.",
    ),
    (
        "completion",
        "completion:completion",
        "Print a script that completes commands, options, and names of VMs and hosts.",
    ),
):
    cli.add_lazy(name, f"schedulerclient.commands.{place}", summary)
