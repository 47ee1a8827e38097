"""Which hosts have a VM of a name."""

from collections.abc import Iterable

from schedulerglobal.state.host import HostRecord


class NameIndex:
    """Hosts by the names of VMs on them."""

    def __init__(self) -> None:
        self._hosts: dict[str, set[HostRecord]] = {}
        self._names: dict[HostRecord, set[str]] = {}

    def find(self, name: str) -> list[HostRecord]:
        """Return the hosts that have a VM of that name, in the order of their ordinals."""
        return sorted(self._hosts.get(name, ()), key=lambda host: host.ordinal)

    def update(self, host: HostRecord, names: Iterable[str]) -> None:
        """Replace the names of a host; without any it leaves the index."""
        before, after = self._names.pop(host, set()), set(names)
        for name in before - after:
            self._hosts[name].remove(host)
            if not self._hosts[name]:
                del self._hosts[name]
        for name in after - before:
            self._hosts.setdefault(name, set()).add(host)
        if after:
            self._names[host] = after
