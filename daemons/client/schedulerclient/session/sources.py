"""Where a command's settings come from, and that no token goes to a server of another source."""

import os
from collections.abc import Mapping
from pathlib import Path

from schedulerclient.session.address import base_url
from slackvm.settings import (
    DEFAULT_ENV_FILE,
    ClientSettings,
    SettingsError,
    build_settings,
    load_settings,
    read_env_file,
)
from slackvm.settings.client import NamedToken


def client_settings(url: str | None, env_file: Path | None) -> ClientSettings:
    """Return the settings of a command.

    Another user may have written the `.env` of the current folder. So a token of the environment
    is not sent to the server that this file names, nor its token to a server of the environment.
    A file that `--env-file` names is the user's choice.

    Args:
        url: value of `--url`.
        env_file: value of `--env-file`.

    Raises:
        SettingsError: a setting is invalid, or token and server are of different sources.
    """
    settings = load_settings(ClientSettings, env_file, slackvm_url=url)
    if env_file is None and settings.token is not None:
        _check_same_source(settings, settings.token, url)
    return settings


def explicit_settings(url: str | None, env_file: Path | None) -> ClientSettings:
    """Return the settings for completion, which a key press asks for: without the folder's `.env`.

    Raises:
        SettingsError: a setting is invalid.
    """
    if env_file is not None:
        return client_settings(url, env_file)
    return build_settings(ClientSettings, os.environ, slackvm_url=url)


def _check_same_source(settings: ClientSettings, token: NamedToken, url: str | None) -> None:
    """Refuse unless one source, by itself, has this token and names this server."""
    environment = _alone(os.environ, url)
    file = _alone(read_env_file(DEFAULT_ENV_FILE))
    used = _destination(settings)
    if any(own and own.token == token and _destination(own) == used for own in (environment, file)):
        return
    here = f"./{DEFAULT_ENV_FILE}"
    is_from, goes_where = (
        ("the environment", here)
        if environment and environment.token == token
        else (here, "--url or the environment")
    )
    raise SettingsError(
        f"{token.name} is from {is_from}, but the server {used[0]} or its CA is from {goes_where}: "
        "slackvm sends a token only to the server that the same source names. Set SLACKVM_URL, "
        "SLACKVM_TOKEN and SLACKVM_TLS_CA all in the environment, or all in one file; if "
        f"{here} is yours, --env-file={DEFAULT_ENV_FILE} allows it"
    )


def _alone(source: Mapping[str, str | None], url: str | None = None) -> ClientSettings | None:
    """Return the settings of one source by itself; None: they are invalid, or name no server."""
    try:
        settings = build_settings(ClientSettings, source, slackvm_url=url)
        _destination(settings)
    except SettingsError:
        return None
    return settings


def _destination(settings: ClientSettings) -> tuple[str, str]:
    """Return where a token would go: the URL, and the file of the CA that vouches for it."""
    return base_url(settings), settings.slackvm_tls_ca
