"""A hypervisor backend: what it declares about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import Hypervisor

Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Site:
    """What the daemon gives its backend.

    Attributes:
        state_dir: folder for the backend's files; it exists, and no other daemon uses it.
        clock: the time, for creation times and simulated use.
    """

    state_dir: Path
    clock: Clock


@dataclass(frozen=True, slots=True)
class Backend(Generic[Settings]):
    """A hypervisor backend.

    Attributes:
        settings: its settings, a model whose fields are named as the variables, in lower case.
            None has the name of a setting of the daemon.
        open: returns the hypervisor, given settings and site. It raises `ValueError` if a setting
            or a file cannot be used; the message names it. A hypervisor that does not answer is no
            error: `Hypervisor.vms` raises it.
        is_simulated: whether its VMs exist in its files only, so that their clock may run faster
            and their use counts as that of the host.
    """

    settings: type[Settings]
    open: Callable[[Settings, Site], Hypervisor]
    is_simulated: bool = False
