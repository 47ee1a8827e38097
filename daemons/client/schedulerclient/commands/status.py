"""`slackvm status`: the cluster, or one host, in numbers."""

from collections import Counter
from collections.abc import Sequence

import click

from schedulerclient.output import output
from schedulerclient.output.text import MIB_PER_GIB, age, amount, gib
from schedulerclient.session.inventory import find_vms, host_answer
from schedulerclient.session.session import Client, client_command
from slackvm.api.cluster import ClusterHostReply, HostsReply, VMsQuery
from slackvm.api.hosts import HostReply
from slackvm.api.vms import VMReply, VMsReply

EXAMPLES = """
\b
Examples:
  slackvm status
  slackvm status --url http://host1:8099
      one host, from its own daemon
  slackvm status --json | jq '.hosts[].cpus_free'
"""


@click.command(epilog=EXAMPLES)
@click.option("--wide", is_flag=True, help="Show every column, however narrow the terminal is.")
@client_command
def status(client: Client, wide: bool) -> None:
    """Show what each level uses, and what each host has left.

    GIB/CPU is the memory of a host's VMs per CPU that its levels own; IDEAL is all of the host's
    memory per CPU. The closer they are, the less CPU or memory stays unused. With --json the
    output is that of `slackvm hosts --json`.
    """
    answer = host_answer(client.server, with_topology=client.as_json)
    if client.printed_json(answer):
        return
    hosts: Sequence[HostReply] = (
        answer.read(HostsReply).hosts if answer.has("hosts") else [answer.read(HostReply)]
    )
    vms = find_vms(client.server, VMsQuery()).read(VMsReply).vms
    states = Counter(host.state for host in hosts)
    by_state = ", ".join(f"{count} {state}" for state, count in states.items()) or "none"
    output.show_line(f"{amount(len(hosts), 'host')} ({by_state}), {amount(len(vms), 'VM')}")
    output.show_line("")
    output.show_table(
        ("LEVEL", "OWNED CPUS", "VCPUS", "VCPUS PER CPU", "VMS"),
        _levels(hosts, vms),
        numbers=("LEVEL", "OWNED CPUS", "VCPUS", "VCPUS PER CPU", "VMS"),
    )
    output.show_line("")
    output.show_table(
        ("HOST", "STATE", "ANSWERED", "CPUS", "FREE", "GIB", "FREE GIB", "GIB/CPU", "IDEAL", "VMS"),
        [_host(host) for host in hosts],
        numbers=("CPUS", "FREE", "GIB", "FREE GIB", "GIB/CPU", "IDEAL", "VMS"),
        spare=("IDEAL", "GIB/CPU", "ANSWERED", "GIB", "CPUS"),
        wide=wide,
    )


def _levels(hosts: Sequence[HostReply], vms: Sequence[VMReply]) -> list[tuple[str, ...]]:
    """Return a row per level, with the sums over all hosts."""
    owned: Counter[float] = Counter()
    allocation: Counter[float] = Counter()
    for host in hosts:
        for level, vnode in host.levels.items():
            owned[float(level)] += vnode.owned
            allocation[float(level)] += vnode.allocation
    count = Counter(vm.level for vm in vms)
    return [
        (
            str(level),
            str(owned[level]),
            str(allocation[level]),
            _ratio(allocation[level], owned[level]),
            str(count[level]),
        )
        for level in sorted(owned)
        if owned[level] or count[level]
    ]


def _host(host: HostReply) -> tuple[str, ...]:
    owned = sum(vnode.owned for vnode in host.levels.values())
    memory = sum(vnode.memory_mib for vnode in host.levels.values())
    in_cluster = host if isinstance(host, ClusterHostReply) else None
    return (
        host.name,
        host.state + (",cordoned" if in_cluster and in_cluster.cordoned else ""),
        age(in_cluster.age_s if in_cluster else 0.0),
        str(host.cpus),
        str(host.cpus_free),
        gib(host.memory_mib),
        gib(host.memory_free_mib),
        _ratio(memory / MIB_PER_GIB, owned),
        _ratio(host.memory_mib / MIB_PER_GIB, host.cpus),
        str(len(host.vms)),
    )


def _ratio(part: float, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else ""
