"""Options that every command has, and the server that they name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from schedulerclient import output
from schedulerclient.failures import BadInput, Failed
from schedulerclient.server import Answer, Server
from schedulerclient.waiting import Waiting
from slackvm.service.settings import ClientSettings, SettingsError, load_settings

Parameters = ParamSpec("Parameters")
Command = TypeVar("Command", bound=Callable[..., Any])

TIMEOUT_S = 60
"""How long an answer may take where nothing else is asked for."""

_GIVEN = "schedulerclient.options"
"""Where a command line's contexts, which share it, keep the options that were given."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a command works with.

    Attributes:
        server: who is asked.
        waiting: what is seen meanwhile.
        as_json: whether replies are printed as they are.
    """

    server: Server
    waiting: Waiting
    as_json: bool

    def told(self, answer: Answer) -> bool:
        """Print an answer for programs, where that is asked for, and tell whether it was."""
        if self.as_json:
            output.show_json(answer.document)
        return self.as_json

    def tell_failure(self, failure: Failed) -> None:
        """Print the reply that tells a failure for programs, where that is asked for."""
        if self.as_json and failure.document is not None:
            output.show_json(failure.document)


def common_options(command: Command) -> Command:
    """Add the options that every command has.

    They may stand before the command's name or behind it; what stands last counts.
    """
    for option in (
        _option("--env-file", type=click.Path(path_type=Path), help="Settings.  [default: ./.env]"),
        _option("--verbose", "-v", is_flag=True, help="Tell each request on stderr."),
        _option(
            "--timeout",
            type=click.IntRange(1, 86400),
            metavar="SECONDS",
            help=f"How long an answer may take, every retry included.  [default: {TIMEOUT_S}]",
        ),
        _option("--json", is_flag=True, help="Print the reply as it comes, for programs."),
        _option(
            "--url",
            metavar="URL",
            help="The controller, or the daemon of a host.  [default: SLACKVM_URL, or else the "
            "controller at SCG_URL and SCG_PORT]",
        ),
    ):
        command = option(command)
    return command


def asking(
    function: Callable[Concatenate[Client, Parameters], None],
) -> Callable[Parameters, None]:
    """Make a function that works with a client one that click can call, with the common options."""

    @common_options
    @click.pass_context
    @wraps(function)
    def command(
        context: click.Context, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> None:
        given = context.meta.get(_GIVEN, {})
        waiting = Waiting("waiting for an answer")
        server = server_of(context, given.get("timeout", TIMEOUT_S), waiting)
        client = Client(server, waiting, "json" in given)
        try:
            function(client, *args, **kwargs)
        except Failed as failure:
            client.tell_failure(failure)
            raise

    return command


def server_of(context: click.Context, timeout: float, waiting: Waiting | None = None) -> Server:
    """Return the server that the options or the settings name.

    Raises:
        BadInput: a setting cannot be used.
    """
    given = context.meta.get(_GIVEN, {})
    try:
        settings = load_settings(
            ClientSettings, given.get("env_file"), slackvm_url=given.get("url")
        )
        return Server(settings, timeout, waiting, verbose="verbose" in given)
    except SettingsError as error:
        raise BadInput(str(error)) from error


def _option(*names: str, **about: Any) -> Callable[[Command], Command]:
    return click.option(*names, expose_value=False, callback=_remember, **about)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        context.meta.setdefault(_GIVEN, {})[parameter.name] = value
