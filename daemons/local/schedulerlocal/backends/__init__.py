"""The hypervisor backends: those that come with SlackVM, and finding one by name.

Each package in here is a backend, and its `backend` declares it. Another package adds one by an
entry point of the group `slackvm.hypervisors` whose value is a `Backend`. `SCL_HYPERVISOR` has the
name of a backend, or `module:object`.
"""

from importlib.metadata import entry_points
from pkgutil import iter_modules, resolve_name
from typing import Any

from pydantic import BaseModel

from schedulerlocal.backend import Backend
from slackvm.settings import LocalSettings, SettingsError

GROUP = "slackvm.hypervisors"


def find_backend(name: str) -> Backend[Any]:
    """Return the backend of a name.

    Args:
        name: of a backend of SlackVM's, of an entry point, or `module:object`.

    Raises:
        SettingsError: no backend has this name, and the message lists those that are installed;
            or it cannot be used, and the message says why.
    """
    installed = installed_backends()
    if name not in installed and ":" not in name:
        raise SettingsError(
            f"SCL_HYPERVISOR: there is no hypervisor {name!r}; installed are "
            f"{', '.join(installed)}; module:object names any other"
        )
    try:
        backend = resolve_name(installed.get(name, name))
    except (Exception, SystemExit) as error:
        raise SettingsError(
            f"SCL_HYPERVISOR: {name!r} cannot be loaded ({type(error).__name__}: {error})"
        ) from error
    if not isinstance(backend, Backend):
        raise SettingsError(
            f"SCL_HYPERVISOR: {name!r} is a {type(backend).__name__}, not a Backend"
        )
    if not (isinstance(backend.settings, type) and issubclass(backend.settings, BaseModel)):
        raise SettingsError(f"SCL_HYPERVISOR: the settings of {name!r} are not a model of pydantic")
    taken = sorted(backend.settings.model_fields.keys() & LocalSettings.model_fields.keys())
    if taken:
        raise SettingsError(
            f"SCL_HYPERVISOR: {name!r} has settings of the daemon: {', '.join(taken)}"
        )
    return backend


def installed_backends() -> dict[str, str]:
    """Return where each backend is, as `module:object`, by name.

    SlackVM's own are those in this folder, also in a checkout that is not installed; no entry point
    replaces one of them.
    """
    included = {
        module.name: f"{__name__}.{module.name}:backend" for module in iter_modules(__path__)
    }
    others = {point.name: point.value for point in entry_points(group=GROUP)}
    return included | {name: value for name, value in others.items() if name not in included}
