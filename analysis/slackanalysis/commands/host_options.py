"""Options that describe hosts, for every command that sizes clusters."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from slackanalysis.sizing.authors_rule import PAPER, SIZE_RULES
from slackanalysis.sizing.hosts import Hosts, HostSize, parse_hosts
from slackanalysis.sizing.utilization import HOUR_S
from slackvm.model.vm import LARGEST

MOST_HOSTS = 1_000_000
"""The largest number of hosts of a simulated cluster; more do not fit into memory."""

_Command = TypeVar("_Command", bound=Callable[..., Any])

_LEAST_HOUR_S = 0.001


def host_options(command: _Command) -> _Command:
    """Add the options of hosts to a command: what they offer, what they draw, and their clock."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_hosts(
    context: click.Context, host_texts: Sequence[str], host_cpus: int, host_memory_mib: int
) -> Hosts:
    """Return the hosts that the options of a command stand for.

    Raises:
        click.UsageError: the size of hosts is given in two ways.
        ValueError: a host is not allowed.
    """
    if not host_texts:
        return HostSize(host_cpus, host_memory_mib)
    for name, option in (("host_cpus", "--host-cpus"), ("host_memory_mib", "--host-memory-mib")):
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--host and {option} both give the size of hosts: use one")
    return parse_hosts(host_texts)


def _number(_context: click.Context, _option: click.Parameter, value: float) -> float:
    """Refuse NaN, which no range check rejects."""
    if math.isnan(value):
        raise click.BadParameter("nan is not a number of seconds")
    return value


_OPTIONS = (
    click.option(
        "--size-rule",
        type=click.Choice(SIZE_RULES),
        default=PAPER,
        show_default=True,
        help="How large vNodes are. authors: as in the simulator behind the published table, for a "
        "comparison; with first-fit and hosts of one kind.",
    ),
    click.option(
        "--host",
        "host_texts",
        metavar="CPUS:GIB[:COUNT]",
        multiple=True,
        help="A kind of host. Give it once per kind: hosts are added in this order, COUNT of each "
        "kind (default 1), then from the start again.",
    ),
    click.option(
        "--host-cpus",
        metavar="N",
        type=click.IntRange(1, LARGEST),
        default=32,
        show_default=True,
        help="CPUs of each host, where all are equal.",
    ),
    click.option(
        "--host-memory-mib",
        metavar="MIB",
        type=click.IntRange(1, LARGEST),
        default=131072,
        show_default=True,
        help="Memory of each host, where all are equal.",
    ),
    click.option(
        "--hour-s",
        metavar="S",
        type=click.FloatRange(_LEAST_HOUR_S, LARGEST),
        callback=_number,
        default=HOUR_S,
        show_default=True,
        help="Seconds of a list that are an hour, for host-hours and energy.",
    ),
    click.option(
        "--power",
        "power_texts",
        metavar="IDLE:PEAK",
        multiple=True,
        help="Watts of a host with no CPU allocated and with all; adds energy in kWh. Give it once "
        "for all hosts, or once per --host.",
    ),
)
