"""Settings: from the command line, the environment and a `.env` file, in this order."""

from slackvm.settings.base import (
    DEFAULT_ENV_FILE,
    SettingsError,
    build_settings,
    load_settings,
    matching,
    read_env_file,
)
from slackvm.settings.client import ClientSettings
from slackvm.settings.controller import GlobalSettings
from slackvm.settings.local import LocalSettings

__all__ = [
    "DEFAULT_ENV_FILE",
    "ClientSettings",
    "GlobalSettings",
    "LocalSettings",
    "SettingsError",
    "build_settings",
    "load_settings",
    "matching",
    "read_env_file",
]
