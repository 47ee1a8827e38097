"""Settings: from the command line, the environment and a `.env` file, in this order."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """A setting has a value that is not allowed, or the file of settings cannot be read."""


class LocalSettings(BaseSettings):
    """What a local scheduler needs to know; the names in upper case are those in `.env`.

    Attributes:
        ovsb_critical_size: an oversubscribed vNode with fewer VMs is balanced over spare CPUs.
        scl_cpu_selection: name of the CPU selection.
        scl_mem_reserved: MiB of this host that VMs never get.
        topo_exclude: CPUs of this host that VMs never get, as a Linux CPU list.
    """

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    ovsb_critical_size: int = Field(default=6, ge=0, le=10**9)
    scl_cpu_selection: str = "paper"
    scl_mem_reserved: int = Field(default=0, ge=0, le=10**9)
    topo_exclude: str = ""


def load_local_settings(env_file: Path | None = None, **given: Any) -> LocalSettings:
    """Return the settings; those `given` that are not None win.

    Args:
        env_file: the file; None reads `.env` in the current folder, where there is one.
        given: values from the command line, by attribute.

    Raises:
        SettingsError: names the setting, its value and what is allowed; or the unreadable file.
    """
    if env_file is not None and not env_file.is_file():
        raise SettingsError(f"--env-file: there is no file {env_file}")
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return LocalSettings(_env_file=env_file or Path(".env"), **chosen)  # type: ignore[call-arg]  # a keyword that pydantic-settings adds
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, detail['loc'])).upper()}: {detail['input']!r} is not allowed: "
            f"{detail['msg']}"
            for detail in error.errors()
        ]
        raise SettingsError("; ".join(problems)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file or '.env'}: cannot be read: {error}") from error
