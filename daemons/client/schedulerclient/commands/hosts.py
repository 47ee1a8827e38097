"""`slackvm hosts`, `cordon`, `uncordon`: the hosts of a cluster."""

import sys
from typing import TextIO

import click

from schedulerclient.commands.fields import checked, complete_host, request
from schedulerclient.commands.labels import fields_explained, label_changes
from schedulerclient.output import output
from schedulerclient.output.failures import Failed, about
from schedulerclient.output.text import age, amount
from schedulerclient.session.inventory import cluster_hosts, find_vms
from schedulerclient.session.server import Answer
from schedulerclient.session.session import Client, client_command
from slackvm.api import controller_api
from slackvm.api.cluster import (
    LOST,
    ClusterHostReply,
    EvacuationReply,
    EvacuationRequest,
    ForgottenHostReply,
    HostName,
    HostPatch,
    HostPath,
    HostRemoval,
    HostRequest,
    HostsReply,
    VMsQuery,
)
from slackvm.api.hosts import UNKNOWN
from slackvm.api.vms import VMsReply
from slackvm.model.labels import format_labels

name_argument = click.argument("name", type=checked(HostName), shell_complete=complete_host)

COLUMNS = ("HOST", "STATE", "CORDONED", "ANSWERED", "VMS", "PENDING", "VERSION", "URL")

HOSTS_EXAMPLES = """
\b
Examples:
  slackvm hosts
  slackvm hosts add http://host4:8099
  slackvm hosts move host4 http://192.0.2.14:8099
  slackvm hosts label host4 rack=b zone-
  slackvm hosts forget host4
"""


@click.group(invoke_without_command=True, epilog=HOSTS_EXAMPLES)
@click.option("--wide", is_flag=True, help="Show labels too, and every column.")
@client_command
def hosts(client: Client, wide: bool) -> None:
    """List, add, move, label or forget hosts of the cluster."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    answer = cluster_hosts(client.server, with_topology=client.as_json)
    if client.printed_json(answer):
        return
    output.show_table(
        (*COLUMNS, *(("LABELS",) if wide else ()), "REASON"),
        [_row(host, wide=wide) for host in answer.read(HostsReply).hosts],
        numbers=("VMS",),
        optional=("CORDONED", "PENDING", "REASON"),
        text=("REASON",),
        spare=("VERSION", "PENDING", "URL", "ANSWERED"),
        wide=wide,
    )


def _row(host: ClusterHostReply, *, wide: bool) -> tuple[str, ...]:
    return (
        host.name,
        host.state,
        "cordoned" if host.cordoned else "",
        age(host.age_s),
        str(len(host.vms)),
        ",".join(host.pending),
        host.version,
        host.url,
        *((format_labels(host.labels),) if wide else ()),
        host.reason or (f"suspect: {host.suspect}" if host.suspect else ""),
    )


force_option = click.option("--force", is_flag=True, help="Also if no daemon answers there yet.")
insecure_option = click.option(
    "--insecure", is_flag=True, help="Let http replace https; others can then read the requests."
)

token_option = click.option(
    "--token-file",
    type=click.File(),
    metavar="FILE",
    help="File with the token that this host is sent, instead of that of all hosts; - is stdin.",
)

ADD_EXAMPLES = """
\b
Examples:
  slackvm hosts add http://host4:8099
  slackvm hosts add https://host4 --force
"""


@hosts.command(epilog=ADD_EXAMPLES)
@click.argument("address", metavar="HOST_URL")
@force_option
@insecure_option
@click.option("--take-over", is_flag=True, help="Also if the host obeys another controller.")
@token_option
@client_command
def add(
    client: Client,
    address: str,
    force: bool,
    insecure: bool,
    take_over: bool,
    token_file: TextIO | None,
) -> None:
    """Add the host whose daemon listens at HOST_URL."""
    host_request = request(
        HostRequest,
        url=address,
        force=force,
        insecure=insecure,
        take_over=take_over,
        token=_token(token_file),
    )
    with about(address):
        answer = client.server.send(controller_api.ADD_HOST, None, host_request)
    _show_place(client, answer, force=force)


MOVE_EXAMPLES = """
\b
Examples:
  slackvm hosts move host4 https://192.0.2.14:8099
  slackvm hosts move host4 192.0.2.14
      with http or https as before, and the port 8099
"""


@hosts.command(epilog=MOVE_EXAMPLES)
@name_argument
@click.argument("address", metavar="HOST_URL")
@force_option
@insecure_option
@client_command
def move(client: Client, name: str, address: str, force: bool, insecure: bool) -> None:
    """Give a host another address: its daemon now listens at HOST_URL.

    The host keeps its VMs, its cordon and its labels.
    """
    patch = request(HostPatch, url=address, force=force, insecure=insecure)
    with about(name):
        answer = client.server.send(
            controller_api.PATCH_HOST, HostPath(name=name), patch, repeatable=True
        )
    _show_place(client, answer, force=force)


@hosts.command(
    epilog="\n\b\nExamples:\n  slackvm hosts token host4 --token-file host4.token\n"
    "  slackvm hosts token host4 --shared\n"
)
@name_argument
@token_option
@click.option("--shared", is_flag=True, help="Send the host the token of all hosts again.")
@force_option
@client_command
def token(client: Client, name: str, token_file: TextIO | None, shared: bool, force: bool) -> None:
    """Change the token that the controller sends to a host.

    Nothing changes if the host does not accept it.
    """
    if shared == (token_file is not None):
        raise click.UsageError("give --token-file or --shared")
    given = _token(token_file)
    if not (given or shared):
        raise click.UsageError("--token-file: the file is empty")
    patch = request(HostPatch, token=given, force=force)
    with about(name):
        answer = client.server.send(
            controller_api.PATCH_HOST, HostPath(name=name), patch, repeatable=True
        )
    if not client.printed_json(answer):
        output.show_line(f"{name} is sent {'the token of all hosts' if shared else 'its token'}")


def _token(file: TextIO | None) -> str:
    """Return the token in a file, never printed; empty: no file."""
    return file.read().strip() if file else ""


def _show_place(client: Client, answer: Answer, *, force: bool) -> None:
    """Show where a host is; one that does not answer there is a failure, unless it was forced."""
    host = answer.read(ClusterHostReply)
    if not client.printed_json(answer):
        reason = f": {host.reason}" if host.reason else ""
        output.show_line(f"{host.url} is part of the cluster: {host.name}, {host.state}{reason}")
    if host.state == UNKNOWN and not force:
        raise Failed(f"{host.url} is part of the cluster, but does not answer: {host.reason}")


@hosts.command(
    epilog="\n\b\nExamples:\n  slackvm hosts forget host4\n  slackvm hosts forget host4 --force\n"
)
@name_argument
@click.option("--force", is_flag=True, help="Also if the host has VMs: they are forgotten too.")
@client_command
def forget(client: Client, name: str, force: bool) -> None:
    """Remove a host from the cluster; its daemon and its VMs keep running.

    A host that has VMs is shown with them, and on a terminal the command asks whether to go on.
    """
    with about(name):
        if not client.as_json:
            force = _show_vms(client, name, force=force)
        given = HostRemoval(force=force)
        answer = client.server.send(controller_api.REMOVE_HOST, HostPath(name=name), given)
    if client.printed_json(answer):
        return
    forgotten = answer.read(ForgottenHostReply).forgotten
    vms = f", with {amount(len(forgotten), 'VM')}" if forgotten else ""
    output.show_line(f"{name} is forgotten{vms}")


def _show_vms(client: Client, name: str, *, force: bool) -> bool:
    """Show the VMs that a host has; return whether to forget them with it."""
    found = find_vms(client.server, request(VMsQuery, host=name)).read(VMsReply).vms
    vms = [vm for vm in found if vm.state != LOST]
    if not vms:
        return force
    output.show_table(
        ("NAME", "STATE", "IMAGE", "OWNER"),
        [(vm.name, vm.state, vm.image, vm.owner) for vm in vms],
        numbers=(),
        optional=("OWNER",),
    )
    if force or sys.stdin is None or not sys.stdin.isatty():
        return force
    question = f"Forget {name} and its {amount(len(vms), 'VM')}? The VMs keep running."
    return click.confirm(question, abort=True)


@hosts.command(epilog="\n\b\nExamples:\n  slackvm hosts evacuate host4 --fenced\n")
@name_argument
@click.option(
    "--fenced",
    is_flag=True,
    required=True,
    help="You vouch that the host is off and stays off: its VMs run nowhere.",
)
@client_command
def evacuate(client: Client, name: str, fenced: bool) -> None:  # noqa: ARG001 - always set
    """Create the VMs of a host that is off again on other hosts.

    When the host answers again, it is refused until it has given up these VMs.
    """
    with about(name):
        given = request(EvacuationRequest, fenced=True)
        answer = client.server.send(
            controller_api.EVACUATE_HOST, HostPath(name=name), given, repeatable=True
        )
    reply = answer.read(EvacuationReply)
    if not client.printed_json(answer):
        for vm, host in reply.rebuilt.items():
            output.show_line(f"{vm} is on {host} now")
        for lost in reply.lost:
            output.show_line(f"{lost.name} is lost: {lost.message} ({lost.code})")
        rebuilt = amount(len(reply.rebuilt), "VM")
        output.show_line(f"{name} is fenced; {rebuilt} rebuilt, {len(reply.lost)} lost")
    if reply.lost:
        raise Failed(f"{amount(len(reply.lost), 'VM')} of {name} found no host; see slackvm list")


@hosts.command(epilog="\n\b\nExamples:\n  slackvm hosts unfence host4\n")
@name_argument
@client_command
def unfence(client: Client, name: str) -> None:
    """Accept a host again that was evacuated and answers.

    Copies of VMs that are on other hosts by now are removed from it; its other VMs are VMs of the
    cluster again.
    """
    with about(name):
        answer = client.server.send(
            controller_api.UNFENCE_HOST, HostPath(name=name), None, repeatable=True
        )
    if not client.printed_json(answer):
        host = answer.read(ClusterHostReply)
        output.show_line(f"{host.name} is {host.state}; {amount(len(host.vms), 'VM')} on it")


LABEL_EXAMPLES = """
\b
Examples:
  slackvm hosts label host1 rack=b
  slackvm hosts label host1 rack=c zone-
      another value for rack; zone gets the host's own value (SCL_LABELS) again
"""


@hosts.command(epilog=LABEL_EXAMPLES)
@name_argument
@click.argument("changes", nargs=-1, required=True, metavar="KEY=VALUE|KEY-...")
@client_command
def label(client: Client, name: str, changes: tuple[str, ...]) -> None:
    """Override labels of a host in the controller.

    KEY=VALUE sets a label; KEY- ends the override, and the host's own value counts again.
    """
    patch = request(HostPatch, labels=label_changes(changes))
    with about(name), fields_explained(client.server, changes):
        answer = client.server.send(
            controller_api.PATCH_HOST, HostPath(name=name), patch, repeatable=True
        )
    if not client.printed_json(answer):
        host = answer.read(ClusterHostReply)
        labelled = f"the labels {format_labels(host.labels)}" if host.labels else "no labels"
        output.show_line(f"{host.name} has {labelled}")


@click.command(epilog="\n\b\nExamples:\n  slackvm cordon host1\n")
@name_argument
@client_command
def cordon(client: Client, name: str) -> None:
    """Cordon a host: it gets no new VMs; its VMs stay."""
    _cordon(client, name, "cordon")


@click.command(epilog="\n\b\nExamples:\n  slackvm uncordon host1\n")
@name_argument
@client_command
def uncordon(client: Client, name: str) -> None:
    """Uncordon a host: it gets new VMs again."""
    _cordon(client, name, "uncordon")


def _cordon(client: Client, name: str, verb: str) -> None:
    with about(name):
        endpoint = controller_api.CORDON_HOST[verb]
        answer = client.server.send(endpoint, HostPath(name=name), None)
    if not client.printed_json(answer):
        host = answer.read(ClusterHostReply)
        word = "cordoned" if host.cordoned else "not cordoned"
        output.show_line(f"{host.name} is {word}; {amount(len(host.vms), 'VM')} on it")
