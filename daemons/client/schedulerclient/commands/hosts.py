"""`slackvm hosts`, `cordon`, `uncordon`: the hosts of a cluster."""

from urllib.parse import quote

import click

from schedulerclient.commands.fields import checked, complete_host, request
from schedulerclient.output import output
from schedulerclient.output.failures import about
from schedulerclient.output.text import age, amount
from schedulerclient.session.session import Client, asking
from slackvm.api.cluster import ClusterHostReply, HostName, HostRequest, HostsReply

name_argument = click.argument("name", type=checked(HostName), shell_complete=complete_host)

HOSTS_EXAMPLES = """
\b
Examples:
  slackvm hosts
  slackvm hosts add http://host4:8099
  slackvm hosts forget host4
"""


@click.group(invoke_without_command=True, epilog=HOSTS_EXAMPLES)
@asking
def hosts(client: Client) -> None:
    """List the hosts of the cluster, or change which they are."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    answer = client.server.get("/v1/hosts")
    if client.told(answer):
        return
    output.show_table(
        ("HOST", "STATE", "CORDONED", "ANSWERED", "VMS", "PENDING", "VERSION", "URL", "REASON"),
        [_row(host) for host in answer.read(HostsReply).hosts],
        numbers=("VMS",),
    )


def _row(host: ClusterHostReply) -> tuple[str, ...]:
    return (
        host.name,
        host.state,
        "cordoned" if host.cordoned else "",
        age(host.age_s),
        str(len(host.vms)),
        ",".join(host.pending),
        host.version,
        host.url,
        host.reason,
    )


@hosts.command(epilog="\n\b\nExamples:\n  slackvm hosts add http://host4:8099\n")
@click.argument("address", metavar="HOST_URL")
@asking
def add(client: Client, address: str) -> None:
    """Add the host whose daemon listens at HOST_URL."""
    body = request(HostRequest, url=address).model_dump()
    with about(address):
        answer = client.server.change("POST", "/v1/hosts", body)
    if not client.told(answer):
        host = answer.read(ClusterHostReply)
        output.show_line(f"{host.url} is part of the cluster: {host.name}, {host.state}")


@hosts.command(
    epilog="\n\b\nExamples:\n  slackvm hosts forget host4\n  slackvm hosts forget host4 --force\n"
)
@name_argument
@click.option("--force", is_flag=True, help="Even if VMs are known on it: they are forgotten too.")
@asking
def forget(client: Client, name: str, force: bool) -> None:
    """Take a host out of the cluster; its daemon and its VMs go on."""
    with about(name):
        answer = client.server.change("DELETE", _path(name) + ("?force=true" if force else ""))
    if not client.told(answer):
        output.show_line(f"{name} is forgotten")


@click.command(epilog="\n\b\nExamples:\n  slackvm cordon host1\n")
@name_argument
@asking
def cordon(client: Client, name: str) -> None:
    """Let a host get no new VMs; those that it has stay."""
    _cordon(client, name, "cordon")


@click.command(epilog="\n\b\nExamples:\n  slackvm uncordon host1\n")
@name_argument
@asking
def uncordon(client: Client, name: str) -> None:
    """Let a host get new VMs again."""
    _cordon(client, name, "uncordon")


def _cordon(client: Client, name: str, verb: str) -> None:
    with about(name):
        answer = client.server.change("POST", f"{_path(name)}/{verb}")
    if not client.told(answer):
        host = answer.read(ClusterHostReply)
        word = "cordoned" if host.cordoned else "not cordoned"
        output.show_line(f"{host.name} is {word}; {amount(len(host.vms), 'VM')} on it")


def _path(name: str) -> str:
    return f"/v1/hosts/{quote(name, safe='')}"
