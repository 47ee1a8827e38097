"""`slackvm token`: the file of named tokens, on the controller. No server is asked."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from schedulerclient.commands.fields import checked, request
from schedulerclient.commands.labels import labels_option
from schedulerclient.output import output
from schedulerclient.output.failures import BadInput, Failed
from schedulerclient.session.options import common_options, given_options
from slackvm.api.base import ImagePath, Level, MemoryGib, Vcpus
from slackvm.api.roles import Limits
from slackvm.model.labels import format_labels
from slackvm.settings import ClientSettings, SettingsError, load_settings
from slackvm.tokens.token_file import (
    MOST_SECRETS,
    NamedToken,
    RoleName,
    Secret,
    TokenFileError,
    TokenName,
    changing,
    hash_of,
    new_token,
    read_tokens,
)

Command = TypeVar("Command", bound=Callable[..., Any])

_HASHES = {"__all__": {"secrets": {"__all__": {"sha256"}}}}

_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 604800}

EXAMPLES = """
\b
Examples:
  slackvm token
      print a new token, for SCL_TOKEN or SCG_TOKEN
  slackvm token create ci --role deploy --expires 90d --vcpus 32 --memory 128 --vms 20
  slackvm token list
  slackvm token rotate ci
  slackvm token revoke ci

\b
The file is --file, or else SCG_TOKEN_FILE. It holds hashes: a token is printed once and cannot be
printed again. The controller reads a changed file by itself.
"""


def _duration(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if match is None:
        raise click.BadParameter(
            f"{text!r} is not allowed: a number and m, h, d or w is needed, as in 90d"
        )
    return float(int(match[1]) * _UNITS_S[match[2]])


def _file_options(command: Command) -> Command:
    """Add the options that every command about the file has."""
    option = click.option(
        "--file",
        "path",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_token_file,
        help="The file of tokens.  [default: SCG_TOKEN_FILE]",
    )
    return common_options(option(command))


def _token_file(context: click.Context, _: click.Parameter, given: Path | None) -> Path:
    """Return the file that the option or the settings name."""
    if given is not None:
        return given
    try:
        settings = load_settings(ClientSettings, given_options(context).get("env_file"))
    except SettingsError as error:
        raise BadInput(str(error)) from error
    if not settings.scg_token_file:
        raise click.UsageError("which file? Give --file, or set SCG_TOKEN_FILE")
    return Path(settings.scg_token_file)


name_argument = click.argument("name", type=checked(TokenName))
expires_option = click.option(
    "--expires", type=_duration, metavar="TIME", help="Valid for so long, such as 12h, 90d or 8w."
)


@click.group("token", invoke_without_command=True, epilog=EXAMPLES)
@common_options
@click.pass_context
def token(context: click.Context) -> None:
    """Create, list, rotate or revoke named tokens; without a command, print a new token."""
    if context.invoked_subcommand is None:
        _show_token(context, new_token(), {})


@token.command(
    epilog="\n\b\nExamples:\n"
    "  slackvm token create grafana --role read\n"
    "  slackvm token create ci --role deploy --expires 90d --vcpus 32 --vms 20\n"
    "  slackvm token create shop --role deploy --image-folder /srv --level 2 --require rack=b\n"
)
@name_argument
@click.option(
    "--role",
    type=click.Choice(get_args(RoleName)),
    required=True,
    help="read: everything; deploy: its own VMs only; operate: also hosts; admin: everything.",
)
@expires_option
@click.option("--vcpus", type=checked(Vcpus), metavar="N", help="vCPUs of all its VMs.")
@click.option("--memory", type=checked(MemoryGib), metavar="GIB", help="Memory of all its VMs.")
@click.option("--vms", type=click.IntRange(0), metavar="N", help="Number of its VMs.")
@click.option(
    "--image-folder",
    "image_folders",
    type=checked(ImagePath),
    metavar="PATH",
    multiple=True,
    help="Only images in this folder. Can be given many times.",
)
@click.option(
    "--level",
    "levels",
    type=checked(Level),
    metavar="N",
    multiple=True,
    help="Only VMs of this level. Can be given many times.",
)
@labels_option("--require", "require", "Only hosts with this label. Can be given many times.")
@_file_options
@click.pass_context
def create(
    context: click.Context,
    path: Path,
    name: str,
    role: RoleName,
    expires: float | None,
    vcpus: int | None,
    memory: float | None,
    vms: int | None,
    image_folders: Sequence[str],
    levels: Sequence[float],
    require: dict[str, str],
) -> None:
    """Create a token and print it. Limits are for the role deploy."""
    limits = request(
        Limits,
        vcpus=vcpus,
        memory_gib=memory,
        vms=vms,
        image_folders=list(image_folders),
        levels=list(levels),
        require=require,
    )
    if limits != Limits() and role != "deploy":
        raise click.UsageError(f"limits are for the role deploy, and not for {role}")
    text = new_token()
    with _reported(), changing(path) as tokens:
        if name in tokens:
            raise BadInput(
                f"there is a token {name} already; `slackvm token rotate {name}` makes another "
                f"one, `slackvm token revoke {name}` ends it"
            )
        secret = _secret(text, expires)
        tokens[name] = NamedToken(name=name, role=role, limits=limits, secrets=[secret])
    _show_token(context, text, {"name": name, "role": role, "expires": secret.expires})


@token.command("list", epilog="\n\b\nExamples:\n  slackvm token list\n")
@_file_options
@click.pass_context
def list_tokens(context: click.Context, path: Path) -> None:
    """List the tokens; the tokens themselves are not kept."""
    with _reported():
        content = read_tokens(path)
    if "json" in given_options(context):
        output.show_json(content.model_dump(mode="json", exclude={"tokens": _HASHES}))
        return
    output.show_table(
        ("NAME", "ROLE", "CREATED", "EXPIRES", "LIMITS"),
        [
            (each.name, each.role, _day(secret.created), _expiry(secret), _limits(each.limits))
            for each in content.tokens
            for secret in each.secrets
        ],
        numbers=(),
        optional=("LIMITS",),
    )


@token.command(
    epilog="\n\b\nExamples:\n  slackvm token rotate ci\n  slackvm token rotate ci --grace 1h\n"
)
@name_argument
@click.option(
    "--grace",
    type=_duration,
    metavar="TIME",
    default="1d",
    show_default=True,
    help="How long the old token stays valid; 0m ends it at once.",
)
@expires_option
@_file_options
@click.pass_context
def rotate(
    context: click.Context, path: Path, name: str, grace: float, expires: float | None
) -> None:
    """Create another token of the same name; the old one stays valid for a while.

    Without --expires the new token is valid for as long as the old one was when it was new.
    """
    text, now = new_token(), time.time()
    with _reported(), changing(path) as tokens:
        named = _find(tokens, name)
        valid = [secret for secret in named.secrets if secret.is_valid(now)]
        if grace and len(valid) >= MOST_SECRETS:
            raise BadInput(
                f"{name} has {len(valid)} valid tokens; wait until the older one ends "
                f"({_expiry(valid[0])}), or end both with --grace 0m"
            )
        latest = named.secrets[-1] if named.secrets else None
        if expires is None and latest and latest.expires is not None:
            expires = latest.expires - latest.created
        until = now + grace
        kept = [
            each.model_copy(update={"expires": min(each.expires or until, until)})
            for each in valid
            if grace
        ]
        secret = _secret(text, expires)
        tokens[name] = named.model_copy(update={"secrets": [*kept, secret]})
    _show_token(context, text, {"name": name, "role": named.role, "expires": secret.expires})


@token.command(epilog="\n\b\nExamples:\n  slackvm token revoke ci\n")
@name_argument
@_file_options
@click.pass_context
def revoke(context: click.Context, path: Path, name: str) -> None:
    """End all tokens of a name; its VMs stay."""
    with _reported(), changing(path) as tokens:
        del tokens[_find(tokens, name).name]
    if "json" in given_options(context):
        output.show_json({"name": name})
    else:
        output.show_line(f"{name} is revoked")


@contextmanager
def _reported() -> Iterator[None]:
    """Turn what is wrong with the file into one line."""
    try:
        yield
    except TokenFileError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}") from error


def _find(tokens: dict[str, NamedToken], name: str) -> NamedToken:
    if name not in tokens:
        known = ", ".join(tokens) or "none"
        raise BadInput(f"there is no token {name}; there are: {known}")
    return tokens[name]


def _secret(text: str, expires: float | None) -> Secret:
    now = time.time()
    until = None if expires is None else now + expires
    return Secret(sha256=hash_of(text.encode()), created=now, expires=until)


def _show_token(context: click.Context, text: str, about: dict[str, Any]) -> None:
    """Print a new token: alone on standard output, so that it can go into a file."""
    if "json" in given_options(context):
        output.show_json({**about, "token": text})
        return
    click.echo(text)
    if about:
        until = about["expires"]
        valid = "does not expire" if until is None else f"is valid until {_day(until)}"
        click.echo(
            f"{about['name']}, role {about['role']}: this token {valid}. It is shown only once.",
            err=True,
        )


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _expiry(secret: Secret) -> str:
    if secret.expires is None:
        return "never"
    return _day(secret.expires) if secret.is_valid(time.time()) else "expired"


def _limits(limits: Limits) -> str:
    """Return limits in a line; empty: no limits."""
    parts = [
        "" if limits.vcpus is None else f"{limits.vcpus} vCPUs",
        "" if limits.memory_gib is None else f"{limits.memory_gib:g} GiB",
        "" if limits.vms is None else f"{limits.vms} VMs",
        f"levels {' '.join(f'{level:g}' for level in limits.levels)}" if limits.levels else "",
        " ".join(limits.image_folders),
        format_labels(limits.require),
    ]
    return ", ".join(filter(None, parts))
