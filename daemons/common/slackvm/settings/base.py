"""Reading of settings, and the types that several models of settings share."""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationError

DEFAULT_ENV_FILE = Path(".env")
"""The file of settings where none is named: in the current folder."""


CONFIG = ConfigDict(frozen=True, defer_build=True)
"""A command needs one of the models; the others are not built."""


class SettingsError(ValueError):
    """A setting has a value that is not allowed, or the file of settings cannot be read."""


def matching(pattern: str, allowed: str) -> AfterValidator:
    """Allow text that matches; the error says in words what is allowed."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(allowed)
        return text

    return AfterValidator(check)


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
            raise ValueError(
                "an address or host name to listen on is needed, without http:// and without a port"
            ) from None
    return text


def _token(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text and (len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text):
        raise ValueError("a token has 16 or more printable ASCII characters and no space")
    return secret


Token = Annotated[SecretStr, AfterValidator(_token)]

Address = Annotated[str, AfterValidator(_address)]
"""Where a daemon listens."""

HostName = Annotated[
    str,
    matching(
        "([A-Za-z0-9][A-Za-z0-9._-]{0,62})?",
        "a name has 1 to 63 letters, digits, dots, hyphens and underscores, and begins with a "
        "letter or digit",
    ),
]


Settings = TypeVar("Settings", bound=BaseModel)


def load_settings(model: type[Settings], env_file: Path | None = None, **given: Any) -> Settings:
    """Return the settings; those `given` that are not None win. An empty value counts as none.

    Args:
        model: whose settings.
        env_file: the file; None reads `.env` in the current folder, where there is one.
        given: values from the command line, by attribute.

    Raises:
        SettingsError: names the setting, its value and what is allowed; or the unreadable file.
    """
    if env_file is not None and not env_file.is_file():
        raise SettingsError(f"--env-file: there is no file {env_file}")
    return build_settings(model, read_env_file(env_file or DEFAULT_ENV_FILE), os.environ, **given)


def build_settings(
    model: type[Settings], *sources: Mapping[str, str | None], **given: Any
) -> Settings:
    """Return the settings that the sources have; later ones win, and those `given` win over all.

    Names count in upper and lower case; an empty value counts as none.

    Raises:
        SettingsError: names the setting, its value and what is allowed.
    """
    known = {name.lower(): value for each in sources for name, value in each.items() if value}
    chosen: dict[str, Any] = {name: known[name] for name in model.model_fields if name in known}
    chosen |= {name: value for name, value in given.items() if value is not None}
    try:
        return model(**chosen)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_error_text, error.errors()))) from None


def read_env_file(env_file: Path) -> dict[str, str | None]:
    """Return the names and values of a file, none where there is no file.

    Raises:
        SettingsError: it cannot be read, or a line is not NAME=value.
    """
    if not env_file.is_file():
        return {}
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        with env_file.open(encoding="utf-8") as lines:
            for binding in parse_stream(lines):
                if binding.error:
                    # The message omits the line, which may have a secret.
                    raise SettingsError(f"{env_file}:{binding.original.line}: not NAME=value")
        return dotenv_values(env_file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file}: cannot be read: {error}") from error


def _error_text(detail: Any) -> str:
    """Return the error of one setting, without the value of a secret."""
    name = ".".join(map(str, detail["loc"])).upper()
    value = "the value" if name.endswith("TOKEN") else repr(detail["input"])
    return f"{name}: {value} is not allowed: {detail['msg'].removeprefix('Value error, ')}"
