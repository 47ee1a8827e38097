"""What a request demands of its host, and how such requests are sent."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from schedulerclient.commands.fields import checked, complete_host
from schedulerclient.commands.labels import fields_explained, require_option
from schedulerclient.output.failures import BadInput
from schedulerclient.session.server import Answer, Server
from slackvm.api.base import VmName
from slackvm.api.cluster import ClusterVMRequest, HostName
from slackvm.api.endpoint import Endpoint

Command = TypeVar("Command", bound=Callable[..., Any])
RequestT = TypeVar("RequestT", bound=ClusterVMRequest)

LEVEL_OF_ITS_OWN = 1.0
"""The level of a VM where neither the user nor the controller names one: CPUs of its own."""


def placement_options(command: Command) -> Command:
    """Add the options for what the host of a VM must be."""
    for option in (
        click.option(
            "--anti-affinity",
            type=checked(VmName),
            metavar="GROUP",
            help="Use only hosts without another VM of this group.",
        ),
        click.option(
            "--host",
            type=checked(HostName),
            metavar="NAME",
            help="Use only this host.",
            shell_complete=complete_host,
        ),
        require_option,
    ):
        command = option(command)
    return command


def send_placed(
    server: Server, endpoint: Endpoint[None, RequestT], request: RequestT, **options: bool
) -> Answer:
    """Send a request for a VM; return the answer.

    Args:
        server: a controller, or the daemon of a host.
        endpoint: what is requested.
        request: the VM. Where it has no level and the server demands one, it gets a level of 1.
        options: those of `Server.send`.

    Raises:
        Failed: as `Server.send` does.
    """
    demands = (request.labels, request.require, request.host, request.anti_affinity)
    with fields_explained(server, any(demands)):
        try:
            return server.send(endpoint, None, request, **options)
        except BadInput as failure:
            if request.level is not None or failure.field != "level":
                raise
        request = request.model_copy(update={"level": LEVEL_OF_ITS_OWN})
        return server.send(endpoint, None, request, **options)
