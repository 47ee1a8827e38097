"""The hosts of the cluster and who has which VM. One lock guards it all."""

import secrets
import threading
from collections.abc import Iterable

from schedulerglobal.hosts.url import HostUrl, parse_host_url
from schedulerglobal.state.host import HostRecord, Reservation, model_vm
from schedulerglobal.state.log_entries import host_entry
from schedulerglobal.state.resources import HostResources
from schedulerglobal.store.base import Store, Stored
from schedulerglobal.store.ledger import Ledger
from slackvm.model.placement import Fleet


class Cluster:
    """The hosts in the order in which they came, and who holds which name.

    Whoever changes a member says so by `changed`.

    Args:
        store: what must not be forgotten.
        ledger: writes it down.

    Attributes:
        lock: held by whoever reads or changes members.
        settled: told whenever an order ends or is left open, and when a host was first looked at.
        fleet: the hosts for placements, by the index of each member.
        members: the hosts.
    """

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self.lock = threading.RLock()
        self.settled = threading.Condition(self.lock)
        self.fleet = Fleet([])
        self.members: list[HostRecord] = []
        self.store = store
        self.ledger = ledger
        self._boot = secrets.token_hex(4)
        self._revision = 0
        self._ordinal = 0
        # By name: hosts that have a VM of that name or shall have it; and somebody else's VMs.
        self._holders: dict[str, list[HostRecord]] = {}
        self._foreign: dict[str, list[HostRecord]] = {}

    @property
    def revision(self) -> str:
        """What the present state of the cluster is called."""
        return f"{self._boot}-{self._revision}"

    @property
    def is_known(self) -> bool:
        """Whether every host was looked at since the controller started."""
        with self.lock:
            return all(member.looked_at for member in self.members)

    def changed_since(self, revision: str) -> list[HostRecord]:
        """Return the hosts that have changed since a revision; all, if it is none of ours."""
        boot, _, number = revision.partition("-")
        is_ours = boot == self._boot and number.isascii() and number.isdigit() and len(number) < 19
        since = int(number) if is_ours else -1
        return [member for member in self.members if member.revision > since]

    def restore(self, stored: Stored, urls: Iterable[HostUrl]) -> None:
        """Take over what an earlier life of the controller knew, and the hosts that are listed.

        Raises:
            StoreError: a host that is new cannot be written down.
        """
        with self.lock:
            for host in stored.hosts:
                member = HostRecord(
                    parse_host_url(host.url), host.ordinal, host.name, host.cordoned
                )
                member.vms = {vm.name: vm for vm in stored.vms.get(host.ordinal, [])}
                for order in stored.orders:
                    if order.host == host.ordinal:
                        # What came of it is not known: the requests may still be on their way.
                        member.orders[order.request.name] = Reservation(
                            order.request, member, order.attempt, busy=False, lost=True
                        )
                vms = [model_vm(vm) for vm in member.vms.values()]
                vms += [order.request.vm() for order in member.orders.values()]
                member.room = HostResources(vms={vm.name: vm for vm in vms})
                self._insert(member)
            for url in urls:
                self.add(url)

    def add(self, url: HostUrl) -> tuple[HostRecord, bool]:
        """Let a host be part of the cluster; return it, and whether it is new.

        A host whose daemon is now asked with TLS, or no longer, stays the host that it was.

        Raises:
            StoreError: it cannot be written down.
        """
        with self.lock:
            for member in self.members:
                if member.url.place == url.place:
                    self._ask_at(member, url)
                    return member, False
            member = HostRecord(url, self._ordinal + 1)
            self.ledger.write_durably(lambda lines: self.store.set_host(member.stored, lines))
            self._insert(member)
            return member, True

    def forget(self, member: HostRecord) -> None:
        """Let a host be no part of the cluster any more; its VMs and orders are forgotten.

        Raises:
            StoreError: it cannot be written down.
        """
        with self.lock:
            entry = host_entry("forget", member)
            self.ledger.write_durably(
                lambda lines: self.store.forget_host(member.ordinal, lines), entry
            )
            self.members.remove(member)
            self.fleet.remove(member.index)
            for index, other in enumerate(self.members):
                other.index = index
            _index(self._holders, member, member.names, set())
            _index(self._foreign, member, member.room.foreign, set())
            member.forgotten = True
            self._revision += 1
            self.settled.notify_all()

    def cordon(self, member: HostRecord, *, cordoned: bool) -> None:
        """Let a host get no VMs, or again.

        Raises:
            StoreError: it cannot be written down.
        """
        with self.lock:
            if member.cordoned == cordoned:
                return
            entry = host_entry("cordon" if cordoned else "uncordon", member)
            stored = member.stored._replace(cordoned=cordoned)
            self.ledger.write_durably(lambda lines: self.store.set_host(stored, lines), entry)
            member.cordoned = cordoned
            self.changed(member)

    def find_host(self, name: str) -> HostRecord | None:
        """Return a host by its name."""
        with self.lock:
            return next((member for member in self.members if member.name == name), None)

    def holders(self, name: str) -> list[HostRecord]:
        """Return the hosts that have a VM of that name, or on which one is ordered."""
        return sorted(self._holders.get(name, ()), key=lambda member: member.ordinal)

    def foreign_holders(self, name: str) -> list[HostRecord]:
        """Return the hosts on which somebody else has a VM of that name."""
        return list(self._foreign.get(name, ()))

    def changed(self, member: HostRecord, room: HostResources | None = None) -> None:
        """Take note of what has changed of a member.

        Args:
            member: the host; its VMs and orders may be others now.
            room: what it has from now on; None: what it had.
        """
        if member.forgotten:
            return
        self._revision += 1
        member.revision = self._revision
        names = {*member.vms, *member.orders}
        _index(self._holders, member, member.names, names)
        member.names = names
        if room is not None:
            _index(self._foreign, member, member.room.foreign, room.foreign)
            member.room = room
        self.fleet.update(member.index, member.summary())

    def _ask_at(self, member: HostRecord, url: HostUrl) -> None:
        if member.url.base != url.base:
            stored = member.stored._replace(url=url.given)
            self.ledger.write_durably(lambda lines: self.store.set_host(stored, lines))
            member.url = url

    def _insert(self, member: HostRecord) -> None:
        self._ordinal = max(self._ordinal, member.ordinal)
        self.members.append(member)
        member.index = self.fleet.add(member.summary())
        self.changed(member)


def _index(
    index: dict[str, list[HostRecord]],
    member: HostRecord,
    before: Iterable[str],
    after: Iterable[str],
) -> None:
    before, after = set(before), set(after)
    for name in before - after:
        index[name].remove(member)
        if not index[name]:
            del index[name]
    for name in after - before:
        index.setdefault(name, []).append(member)
