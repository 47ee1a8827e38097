"""`slackvm plan` and `slackvm capacity`, which change nothing."""

import secrets

import click

from schedulerclient.commands.fields import checked, request, size_options, sizes
from schedulerclient.commands.labels import label_option
from schedulerclient.commands.placement import placement_options, send_placed
from schedulerclient.output import output
from schedulerclient.output.text import amount, cpus
from schedulerclient.session.session import Client, client_command
from slackvm.api import controller_api
from slackvm.api.base import VmName
from slackvm.api.scheduling import (
    CapacityReply,
    CapacityRequest,
    ClusterPlanReply,
    ClusterPlanRequest,
    Count,
    HostSize,
    HostVerdict,
    MixPart,
    PlanReply,
    PolicyName,
)

_MIX = "VCPUS:GIB:LEVEL[@SHARE]"
_HOST = "CPUS:GIB"

PLAN_EXAMPLES = """
\b
Examples:
  slackvm plan --vcpus 2 --memory 4 --level 2
      every host's score for such a VM, or the reason for its refusal
  slackvm plan --vcpus 2 --memory 4 --policy first-fit --require rack=b
"""

CAPACITY_EXAMPLES = """
\b
Examples:
  slackvm capacity --mix 2:4:1.0
      how many more VMs of 2 vCPUs, 4 GiB and level 1 the hosts take
  slackvm capacity --mix 2:4:1.0 --mix 4:8:2.0@0.5
      of two sizes, two of the first for each one of the second
  slackvm capacity --mix 2:4:1.0 --count 100 --host 32:128
      and how many hosts of 32 CPUs and 128 GiB a hundred such VMs need
"""


@click.command(epilog=PLAN_EXAMPLES)
@click.argument("name", type=checked(VmName), required=False)
@size_options
@click.option(
    "--policy",
    type=checked(PolicyName),
    metavar="NAME",
    help="Placement policy.  [default: the controller's]",
)
@label_option
@click.option("--wide", is_flag=True, help="Show every part of the scores.")
@placement_options
@client_command
def plan(
    client: Client,
    name: str | None,
    vcpus: int,
    memory: float,
    level: float | None,
    policy: str | None,
    labels: dict[str, str],
    require: dict[str, str],
    wide: bool,
    host: str | None,
    anti_affinity: str | None,
) -> None:
    """Show where a VM would go, and why; nothing changes.

    Higher scores are better. The exit code is 1 if no host takes the VM.
    """
    vm_request = request(
        ClusterPlanRequest,
        # A name that no VM has.
        name=name or f"plan-{secrets.token_hex(8)}",
        vcpus=vcpus,
        memory_gib=memory,
        level=level,
        image="/any",
        policy=policy,
        labels=labels,
        require=require,
        host=host or "",
        anti_affinity=anti_affinity or "",
    )
    answer = send_placed(client.server, controller_api.PLAN, vm_request)
    # The daemon of a host plans on that host alone, without a policy.
    if answer.has("hosts"):
        cluster = answer.read(ClusterPlanReply)
        accepted = cluster.accepted
        if not client.printed_json(answer):
            _show_hosts(cluster, wide=wide)
    else:
        alone = answer.read(PlanReply)
        accepted = alone.accepted
        if not client.printed_json(answer):
            _show_host(alone)
    if not accepted:
        click.get_current_context().exit(1)


def _show_hosts(reply: ClusterPlanReply, *, wide: bool) -> None:
    """Print the hosts that take the VM with their scores, then the others with the reasons."""
    taking = [host for host in reply.hosts if host.accepted]
    refusing = [host for host in reply.hosts if not host.accepted]
    if taking:
        parts = list(dict.fromkeys(part for host in taking for part in host.parts))
        columns = ("SCORE", *map(str.upper, parts))
        output.show_table(
            ("", "HOST", *columns),
            [
                (
                    "*" if host.host == reply.host else " ",
                    host.host,
                    _number(host.score),
                    *(_number(host.parts.get(part)) for part in parts),
                )
                for host in taking
            ],
            numbers=columns,
            spare=columns[:0:-1],
            wide=wide,
        )
        if "current" in parts and "ideal" in parts:
            output.show_line("Scores, CURRENT, POTENTIAL and IDEAL are MiB of memory per CPU.")
        output.show_line("")
    if refusing:
        output.show_table(
            ("HOST", "REFUSED"),
            [(host.host, _refusal(host)) for host in refusing],
            numbers=(),
            text=("REFUSED",),
        )
        output.show_line("")
    if reply.accepted:
        output.show_line(f"{reply.host} is the best, by the policy {reply.policy}")
    else:
        output.show_line(f"no host takes it{f': {reply.message}' if reply.message else ''}")


def _show_host(reply: PlanReply) -> None:
    if not reply.accepted:
        output.show_line(f"the host refuses it: {reply.message} ({reply.code})")
        return
    output.show_line(f"the host takes it, with a progress of {_number(reply.score)} MiB per CPU")
    for change in reply.vnodes:
        for what, changed in (("gains", change.gains), ("loses", change.loses)):
            if changed:
                output.show_line(f"level {change.level} {what} CPUs {cpus(changed)}")


def _refusal(host: HostVerdict) -> str:
    return f"{host.message or 'no reason given'} ({host.code})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


@click.command(epilog=CAPACITY_EXAMPLES)
@click.option(
    "--mix",
    type=sizes(MixPart, _MIX, ("vcpus", "memory_gib", "level"), "share"),
    metavar=_MIX,
    multiple=True,
    required=True,
    help="A size of VMs, and its share among the sizes (default: 1). Can be given many times.",
)
@click.option(
    "--count",
    type=checked(Count),
    metavar="N",
    help="Number of VMs: show how many hosts they need.",
)
@click.option(
    "--host",
    type=sizes(HostSize, _HOST, ("cpus", "memory_gib")),
    metavar=_HOST,
    help="Size of those hosts.",
)
@client_command
def capacity(
    client: Client, mix: tuple[MixPart, ...], count: int | None, host: HostSize | None
) -> None:
    """Show how many more VMs of a mix fit; nothing changes."""
    if (count is None) != (host is None):
        raise click.UsageError(
            "--count and --host go together: that many VMs, on hosts of that size"
        )
    capacity_request = request(CapacityRequest, mix=list(mix), count=count, host=host)
    answer = client.server.send(controller_api.CAPACITY, None, capacity_request)
    if client.printed_json(answer):
        return
    reply = answer.read(CapacityReply)
    output.show_table(
        ("HOST", "VMS"), [(each.host, str(each.vms)) for each in reply.hosts], numbers=("VMS",)
    )
    output.show_line(f"{amount(reply.vms, 'more VM')} of this mix fit")
    if reply.hosts_needed is not None and count is not None:
        output.show_line(
            f"{amount(count, 'VM')} of this mix need {amount(reply.hosts_needed, 'such host')}"
        )
