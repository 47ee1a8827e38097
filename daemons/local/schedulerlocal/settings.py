"""The settings of a live host: those of the daemon, and those of the backend that they choose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from schedulerlocal.backend import Backend, Site
from schedulerlocal.backends import find_backend
from schedulerlocal.hypervisor import Hypervisor
from slackvm.settings import LocalSettings, SettingsError, load_settings


class _Choice(BaseModel):
    model_config = ConfigDict(defer_build=True)

    scl_hypervisor: str = LocalSettings.model_fields["scl_hypervisor"].default


@dataclass(frozen=True)
class HostSettings:
    """The settings of a live host.

    Attributes:
        daemon: those of the daemon.
        backend: the backend that they choose.
        of_backend: its settings.
    """

    daemon: LocalSettings
    backend: Backend[Any]
    of_backend: BaseModel

    def open_hypervisor(self, site: Site) -> Hypervisor:
        """Return the hypervisor; see `Backend.open`."""
        return self.backend.open(self.of_backend, site)


def load_host_settings(env_file: Path | None = None, **given: Any) -> HostSettings:
    """Return the settings; the arguments are those of `load_settings`.

    Raises:
        SettingsError: names every value that is not allowed.
    """
    backend = find_backend(load_settings(_Choice, env_file).scl_hypervisor)
    loaded: list[Any] = []
    errors = []
    for model, values in ((LocalSettings, given), (backend.settings, {})):
        try:
            loaded.append(load_settings(model, env_file, **values))
        except SettingsError as error:
            errors.append(str(error))
    if errors:
        raise SettingsError("; ".join(errors))
    return HostSettings(loaded[0], backend, loaded[1])
