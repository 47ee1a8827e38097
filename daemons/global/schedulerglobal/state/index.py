"""Which hosts have something, such as a VM of a name."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from schedulerglobal.state.host import HostRecord

Key = TypeVar("Key", bound=Hashable)


class HostIndex(Generic[Key]):
    """Hosts by the keys of what is on them."""

    def __init__(self) -> None:
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
            if not self._hosts[key]:
                del self._hosts[key]
        for key in after - before:
            self._hosts.setdefault(key, set()).add(host)
        if after:
            self._keys[host] = after
