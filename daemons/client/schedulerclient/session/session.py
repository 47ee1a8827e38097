"""The session of a command: its server, and how replies are printed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

import click

from schedulerclient.output import output
from schedulerclient.output.failures import BadInput, Failed
from schedulerclient.output.waiting import Waiting
from schedulerclient.session.options import TIMEOUT_S, common_options, given_options
from schedulerclient.session.server import Answer, Server
from schedulerclient.session.sources import client_settings, explicit_settings
from slackvm.settings import SettingsError

Parameters = ParamSpec("Parameters")


@dataclass(frozen=True, slots=True)
class Client:
    """The server of a command, and its output.

    Attributes:
        server: the server that gets the requests.
        waiting: the progress display during a request.
        as_json: whether replies are printed as JSON.
    """

    server: Server
    waiting: Waiting
    as_json: bool

    def printed_json(self, answer: Answer) -> bool:
        """Print an answer as JSON if `--json` was given, and return whether it was."""
        if self.as_json:
            output.show_json(answer.document)
        return self.as_json

    def print_failure_json(self, failure: Failed) -> None:
        """Print the server's error reply as JSON if `--json` was given and there is one."""
        if self.as_json and failure.document is not None:
            output.show_json(failure.document)


def client_command(
    function: Callable[Concatenate[Client, Parameters], None],
) -> Callable[Parameters, None]:
    """Make click call a function with a client, and add the common options."""

    @common_options
    @click.pass_context
    @wraps(function)
    def command(
        context: click.Context, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> None:
        given = given_options(context)
        waiting = Waiting("waiting for an answer")
        server = server_of(context, given.get("timeout", TIMEOUT_S), waiting)
        client = Client(server, waiting, "json" in given)
        try:
            function(client, *args, **kwargs)
        except Failed as failure:
            client.print_failure_json(failure)
            raise

    return command


def server_of(context: click.Context, timeout: float, waiting: Waiting | None = None) -> Server:
    """Return the server that the options or the settings name.

    Raises:
        BadInput: a setting is invalid.
    """
    given = given_options(context)
    try:
        settings = client_settings(given.get("url"), given.get("env_file"))
        return Server(settings, timeout, waiting, verbose="verbose" in given)
    except SettingsError as error:
        raise BadInput(str(error)) from error


def server_for_completion(context: click.Context, timeout: float) -> Server:
    """Return the server that options or the environment name; the folder's `.env` is not read.

    Raises:
        BadInput: a setting is invalid.
    """
    given = given_options(context)
    try:
        return Server(explicit_settings(given.get("url"), given.get("env_file")), timeout)
    except SettingsError as error:
        raise BadInput(str(error)) from error
