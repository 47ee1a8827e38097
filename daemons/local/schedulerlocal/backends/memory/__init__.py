"""The `memory` backend: simulated VMs, for trying things out."""

from pydantic import BaseModel

from schedulerlocal.backend import Backend, Site
from schedulerlocal.hypervisor import Hypervisor


class MemorySettings(BaseModel):
    """The memory backend has no settings."""


def _open(_: MemorySettings, site: Site) -> Hypervisor:
    from schedulerlocal.backends.memory.hypervisor import MemoryHypervisor

    return MemoryHypervisor(site.state_dir / "guests.json", site.clock)


backend = Backend(MemorySettings, _open, is_simulated=True)
