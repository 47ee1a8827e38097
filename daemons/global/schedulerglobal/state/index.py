"""Which hosts have something, such as a VM of a name."""

from collections.abc import Hashable, Iterable, Set
from typing import Generic, TypeVar

import structlog

from schedulerglobal.state.host import HostRecord

log = structlog.get_logger()

Key = TypeVar("Key", bound=Hashable)


class HostIndex(Generic[Key]):
    """Hosts by the keys of what is on them.

    Attributes:
        shared: keys that several hosts have.
    """

    def __init__(self) -> None:
        self.shared: set[Key] = set()
        self._hosts: dict[Key, set[HostRecord]] = {}
        self._keys: dict[HostRecord, set[Key]] = {}

    def find(self, key: Key) -> list[HostRecord]:
        """Return the hosts that have a key, in the order of their ordinals."""
        return sorted(self._hosts.get(key, ()), key=lambda host: host.ordinal)

    def update(self, host: HostRecord, keys: Iterable[Key]) -> None:
        """Replace the keys of a host; without any it leaves the index."""
        before, after = self._keys.pop(host, set()), set(keys)
        for key in before - after:
            self._hosts[key].remove(host)
            self._note_shared(key)
        for key in after - before:
            self._hosts.setdefault(key, set()).add(host)
            self._note_shared(key)
        if after:
            self._keys[host] = after

    def _note_shared(self, key: Key) -> None:
        hosts = self._hosts[key]
        if len(hosts) > 1:
            self.shared.add(key)
        else:
            self.shared.discard(key)
        if not hosts:
            del self._hosts[key]


def log_duplicates(vms: HostIndex[str], before: Set[str]) -> Set[str]:
    """Log VMs that are on several hosts since `before`, or no longer; return their names now."""
    if vms.shared == before:
        return before
    now = frozenset(vms.shared)
    for name in sorted(now - before):
        log.error("vm_duplicated", vm=name, hosts=[host.name for host in vms.find(name)])
    for name in sorted(before - now):
        log.info("vm_not_duplicated", vm=name)
    return now
