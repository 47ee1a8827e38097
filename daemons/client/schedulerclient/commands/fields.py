"""Types of arguments and options, checked as the server does; completion of names."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from pydantic import BaseModel, TypeAdapter, ValidationError

from schedulerclient.output.failures import Failed
from schedulerclient.session.inventory import cluster_hosts, find_vms
from schedulerclient.session.server import Server
from schedulerclient.session.session import server_for_completion
from slackvm.api.base import Level, MemoryGib, Vcpus
from slackvm.api.cluster import HostsReply, VMsQuery
from slackvm.api.patterns import reason
from slackvm.api.vms import VMsReply

Command = TypeVar("Command", bound=Callable[..., Any])
Model = TypeVar("Model", bound=BaseModel)

_COMPLETION_S = 2
"""How long the completion of a name waits for the server."""

_LONGEST_SHOWN = 100


def checked(rules: Any) -> Callable[[str], Any]:
    """Return a function that reads a value and checks it by the rules of a request's field.

    Args:
        rules: the type of the field.
    """

    def check(text: str) -> Any:
        return _read(rules, text, text)

    return check


def sizes(
    rules: Any, written: str, fields: tuple[str, ...], last: str | None = None
) -> Callable[[str], Any]:
    """Return a function that reads several values with `:` between them, and one after `@`.

    Args:
        rules: a model of the values.
        written: the format, for error messages.
        fields: the model's fields with `:` between them, in order.
        last: the model's optional field after `@`.
    """

    def check(text: str) -> Any:
        front, at, behind = text.partition("@") if last else (text, "", "")
        parts = front.split(":")
        if len(parts) != len(fields):
            raise click.BadParameter(f"{text!r} is not allowed: the format is {written}")
        values = dict(zip(fields, parts, strict=True))
        return _read(rules, {**values, last: behind} if last and at else values, text)

    return check


def size_options(command: Command) -> Command:
    """Add the options for the size of a VM."""
    for option in (
        click.option(
            "--level",
            type=checked(Level),
            metavar="N",
            help="Oversubscription level: how many vCPUs may share a CPU.  [default: the "
            "controller's, or else 1]",
        ),
        click.option(
            "--memory",
            type=checked(MemoryGib),
            metavar="GIB",
            required=True,
            help="Memory in GiB, such as 4 or 0.5.",
        ),
        click.option(
            "--vcpus", type=checked(Vcpus), metavar="N", required=True, help="Number of vCPUs."
        ),
    ):
        command = option(command)
    return command


def request(model: type[Model], **given: Any) -> Model:
    """Return a request with these fields; invalid ones are bad usage."""
    try:
        return model(**given)
    except ValidationError as error:
        raise click.UsageError(_reason(error, _named(error))) from None


def _read(rules: Any, value: Any, text: str) -> Any:
    # Made only for options that are given: making an adapter takes a while.
    adapter: TypeAdapter[Any] = TypeAdapter(rules)
    try:
        return adapter.validate_strings(value, strict=False)
    except ValidationError as error:
        raise click.BadParameter(f"{text!r} is not allowed: {_reason(error)}") from None


def _reason(error: ValidationError, value: str = "") -> str:
    detail = error.errors(include_url=False)[0]
    return "".join(f"{name}: " for name in detail["loc"]) + value + reason(detail)


def _named(error: ValidationError) -> str:
    """Return the invalid value, if it is a text that fits in a line, and no secret."""
    detail = error.errors(include_url=False)[0]
    value = detail["input"]
    is_short = (
        "token" not in detail["loc"] and isinstance(value, str) and len(value) <= _LONGEST_SHOWN
    )
    return f"{value!r} is not allowed: " if is_short else ""


def _completion(
    known: Callable[[Server, str], Iterable[str]],
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return a function that completes a name from those that the server knows."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        try:
            names = known(server_for_completion(context, _COMPLETION_S), incomplete)
        except Failed:
            return []
        given = context.params.get(parameter.name or "") or ()
        return [name for name in names if name.startswith(incomplete) and name not in given]

    return complete


def _vms(server: Server, incomplete: str) -> list[str]:
    query = VMsQuery(search=incomplete[:100])
    return [vm.name for vm in find_vms(server, query).read(VMsReply).vms]


def _hosts(server: Server, _: str) -> list[str]:
    answer = cluster_hosts(server, with_topology=False)
    return [host.name for host in answer.read(HostsReply).hosts]


complete_vm = _completion(_vms)
complete_host = _completion(_hosts)
