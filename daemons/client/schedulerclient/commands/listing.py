"""`slackvm list` and `slackvm show`."""

import shlex
from urllib.parse import urlsplit

import click

from schedulerclient.commands.fields import checked, complete_host, complete_vm, request
from schedulerclient.commands.labels import fields_explained, labels_option
from schedulerclient.commands.vms import host_option
from schedulerclient.output import output
from schedulerclient.output.failures import about
from schedulerclient.output.text import cpus, gib, moment
from schedulerclient.session.inventory import find_vms, host_answer
from schedulerclient.session.server import Server
from schedulerclient.session.session import Client, client_command
from slackvm.api import controller_api
from slackvm.api.base import Level, VmName
from slackvm.api.cluster import (
    LOST,
    ClusterHostReply,
    ClusterVMReply,
    HostChoice,
    HostName,
    HostsReply,
    VMsQuery,
)
from slackvm.api.hosts import HostReply
from slackvm.api.vms import VMPath, VMReply, VMsReply
from slackvm.http.auth import is_loopback
from slackvm.model.labels import format_labels

COLUMNS = ("NAME", "STATE", "HOST", "VCPUS", "GIB", "LEVEL", "ADDRESSES")
WIDE_COLUMNS = ("IMAGE", "LABELS")

LIST_EXAMPLES = """
\b
Examples:
  slackvm list
  slackvm list --host host1 --level 2
  slackvm list --label app=shop --wide
  slackvm list --search web --json
  slackvm list --lost
"""

SHOW_EXAMPLES = """
\b
Examples:
  slackvm show web
  slackvm show web --json
"""


@click.command("list", epilog=LIST_EXAMPLES)
@click.option(
    "--host",
    type=checked(HostName),
    metavar="NAME",
    shell_complete=complete_host,
    help="Only VMs on this host.",
)
@click.option("--level", type=checked(Level), metavar="N", help="Only VMs of this level.")
@labels_option("--label", "labels", "Only VMs with this label. Can be given many times.")
@click.option(
    "--search",
    metavar="TEXT",
    help="Only VMs with this text in name, image or labels, in upper or lower case.",
)
@click.option("--lost", is_flag=True, help="Only VMs that are gone although nobody removed them.")
@click.option("--wide", is_flag=True, help="Show images and labels too, and every column.")
@client_command
def list_vms(
    client: Client,
    host: str | None,
    level: float | None,
    labels: dict[str, str],
    search: str | None,
    lost: bool,
    wide: bool,
) -> None:
    """List the VMs."""
    label = format_labels(labels)
    query = request(
        VMsQuery,
        host=host or "",
        level=level,
        label=label,
        state=LOST if lost else "",
        search=search or "",
    )
    with fields_explained(client.server, labels):
        answer = find_vms(client.server, query)
    if client.printed_json(answer):
        return
    vms = answer.read(VMsReply).vms
    output.show_table(
        (*COLUMNS, *(WIDE_COLUMNS if wide else ())),
        [
            (
                vm.name,
                vm.state,
                vm.host,
                str(vm.vcpus),
                gib(vm.memory_mib),
                str(vm.level),
                ",".join(vm.addresses),
                *((vm.image, format_labels(vm.labels)) if wide else ()),
            )
            for vm in vms
        ],
        numbers=("VCPUS", "GIB", "LEVEL"),
        optional=("ADDRESSES", "LABELS"),
        spare=("ADDRESSES", "GIB", "VCPUS", "LEVEL"),
        wide=wide,
    )
    if not vms:
        is_all = query == VMsQuery()
        click.echo("There are no VMs." if is_all else "No VM matches.", err=True)


@click.command(epilog=SHOW_EXAMPLES)
@click.argument("name", type=checked(VmName), shell_complete=complete_vm)
@host_option
@client_command
def show(client: Client, name: str, host: str | None) -> None:
    """Show a VM: its CPUs, labels, addresses, and the command for its console."""
    with about(name):
        given = request(HostChoice, host=host or "")
        answer = client.server.send(controller_api.SHOW_VM, VMPath(name=name), given)
    if client.printed_json(answer):
        return
    vm = answer.read(ClusterVMReply)
    others = [("also on", ", ".join(vm.duplicates))] if vm.duplicates else []
    reason = [("reason", vm.state_reason)] if vm.state_reason else []
    lost = [("lost", moment(vm.lost))] if vm.lost is not None else []
    output.show_fields(
        [
            ("name", vm.name),
            ("state", vm.state),
            *reason,
            *lost,
            ("host", vm.host),
            *others,
            ("level", str(vm.level)),
            ("vCPUs", str(vm.vcpus)),
            ("memory", f"{gib(vm.memory_mib)} GiB"),
            ("CPUs", cpus(vm.cpu_list)),
            ("labels", format_labels(vm.labels)),
            *([("anti-affinity", vm.anti_affinity)] if vm.anti_affinity else []),
            ("image", vm.image + (", cloned" if vm.clone else "")),
            ("created", moment(vm.created)),
            ("addresses", ", ".join(vm.addresses)),
            *([] if lost else [("console", _console(client.server, vm))]),
        ]
    )


def _console(server: Server, vm: VMReply) -> str:
    """Return the command that opens a VM's console through libvirt; none if it has no libvirt."""
    host = _host(server, vm.host)
    if host is not None and host.hypervisor not in (None, "libvirt"):
        return ""
    address = _address(server, host)
    if is_loopback(address):
        libvirt = "qemu:///system"
    else:
        libvirt = f"qemu+ssh://{f'[{address}]' if ':' in address else address}/system"
    return f"virsh -c {shlex.quote(libvirt)} console {shlex.quote(vm.name)}"


def _host(server: Server, name: str) -> HostReply | None:
    """Return a host of the cluster, or the host whose own daemon answers; None: it is unknown."""
    answer = host_answer(server, with_topology=False)
    hosts = answer.read(HostsReply).hosts if answer.has("hosts") else [answer.read(HostReply)]
    return next((host for host in hosts if host.name == name), None)


def _address(server: Server, host: HostReply | None) -> str:
    """Return a host's address as seen from here: that of its daemon's URL."""
    url = host.url if isinstance(host, ClusterHostReply) else ""
    # The URL may have been given without http://.
    address = urlsplit(f"//{url.rpartition('//')[2]}").hostname if url else None
    # A loopback address there is the controller's own machine.
    return server.host if address is None or is_loopback(address) else address
