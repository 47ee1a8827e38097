"""Options that every command has."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

TIMEOUT_S = 60
"""How long an answer may take without `--timeout`."""

_GIVEN = "schedulerclient.session.options"
"""Key of the given options in the metadata that all contexts of a command line share."""


def common_options(command: Command) -> Command:
    """Add the options that every command has.

    They may be given before or after the command's name; the last one counts.
    """
    for option in (
        _option(
            "--env-file",
            type=click.Path(path_type=Path),
            help="File with settings.  [default: ./.env]",
        ),
        _option("--verbose", "-v", is_flag=True, help="Log each request to stderr."),
        _option(
            "--timeout",
            type=click.IntRange(1, 86400),
            metavar="SECONDS",
            help=f"Time limit of each request, with its retries.  [default: {TIMEOUT_S}]",
        ),
        _option("--json", is_flag=True, help="Print the server's reply as JSON."),
        _option(
            "--url",
            metavar="URL",
            help="The controller, or the daemon of a host.  [default: SLACKVM_URL, or else the "
            "controller at SCG_URL and SCG_PORT]",
        ),
    ):
        command = option(command)
    return command


def given_options(context: click.Context) -> Mapping[str, Any]:
    """Return the values of the common options that were given, by name."""
    given: Mapping[str, Any] = context.meta.get(_GIVEN, {})
    return given


def _option(*names: str, **about: Any) -> Callable[[Command], Command]:
    return click.option(*names, expose_value=False, callback=_remember, **about)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        context.meta.setdefault(_GIVEN, {})[parameter.name] = value
