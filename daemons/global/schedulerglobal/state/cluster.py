"""The hosts of the cluster. One lock guards them all."""

import secrets
import threading
from collections.abc import Iterable, Mapping, Set

import structlog
from pydantic import SecretStr

from schedulerglobal.hosts.url import HostUrl, parse_host_url
from schedulerglobal.state.host import HostRecord, Reservation
from schedulerglobal.state.identity import Identity
from schedulerglobal.state.index import HostIndex, log_duplicates
from schedulerglobal.state.listed import ListedHosts
from schedulerglobal.state.lost import LostVM, LostVMs
from schedulerglobal.state.vms import VMRecord, VMSpec
from schedulerglobal.store.base import Store
from schedulerglobal.store.ledger import Ledger, entry
from schedulerglobal.store.records import Stored, StoredHost
from slackvm.api.roles import Caller
from slackvm.formats.operations import Operation
from slackvm.formats.origin import NO_REQUEST, originating
from slackvm.model.labels import check_labels
from slackvm.model.placement import Fleet, Group

log = structlog.get_logger()


class Cluster:
    """The hosts in the order in which they were added, and which VM is where.

    Whoever changes a host record calls `changed` before it gives the lock back.

    Args:
        store: keeps what must not be forgotten.
        ledger: writes to the store and to the operations log.
        policy: name of the placement policy, for the operations log.
        log_bytes: above this size the operations log goes on in a new file; 0: never.

    Attributes:
        lock: held while hosts are read or changed.
        progress: notified when a reservation ends or is given back, and when a host was polled
            for the first time.
        fleet: the hosts for placements, by the index of each.
        hosts: the hosts.
        identity: the controller's claim on its hosts.
        obeying_others: the hosts that obey another controller. While there is one, this controller
            places nothing.
        listed: which addresses of the setting are hosts that have moved, or were forgotten.
        lost: VMs that are lost.
        duplicates: names of VMs that are on several hosts.
        suspects: those that are suspect.
        rows_skipped: rows of the store that could not be read when the controller started.
    """

    def __init__(
        self, store: Store, ledger: Ledger, policy: str = "", log_bytes: float = 0
    ) -> None:
        self.lock = threading.RLock()
        self.progress = threading.Condition(self.lock)
        self.fleet = Fleet([])
        self.hosts: list[HostRecord] = []
        self.lost = LostVMs(store, ledger)
        self.duplicates: Set[str] = frozenset()
        self.suspects: set[HostRecord] = set()
        self.store = store
        self.ledger = ledger
        self.policy = policy
        self.log_bytes = log_bytes
        self.identity = Identity(store, ledger)
        self.listed = ListedHosts(store, ledger)
        self.obeying_others: set[HostRecord] = set()
        self.rows_skipped = 0
        self._boot_id = secrets.token_hex(4)
        self._revision = 0
        self._ordinal = 0
        self._holders = HostIndex[str]()
        self._unmanaged = HostIndex[str]()
        self._vms = HostIndex[str]()
        self._groups = HostIndex[Group]()

    @property
    def revision(self) -> str:
        """The name of the cluster's present state."""
        return f"{self._boot_id}-{self._revision}"

    @property
    def is_known(self) -> bool:
        """Whether every host was polled since the controller started."""
        with self.lock:
            return all(host.was_polled for host in self.hosts)

    @property
    def why_places_nothing(self) -> str:
        """Why no VM may be placed on any host: a host obeys another controller; empty: VMs may."""
        with self.lock:
            names = sorted(host.name for host in self.obeying_others)
            if not names:
                return ""
            whom = {host.report.controller for host in self.obeying_others if host.report}
        verb = "obeys" if len(names) == 1 else "obey"
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        what = (
            f"controller {' and '.join(sorted(whom))}"
            if whom != {self.identity.claim.id}
            else "a later epoch of this controller"
        )
        return (
            f"{shown} {verb} {what}; this one is {self.identity.claim.id} and places no VMs. "
            "Let one of the two forget these hosts, or take them over: slackvm controller take-over"
        )

    def changed_since(self, revision: str) -> list[HostRecord]:
        """Return the hosts changed since a revision; all, if it is another controller's."""
        boot_id, _, number = revision.partition("-")
        is_number = number.isascii() and number.isdigit() and len(number) < 19
        since = int(number) if boot_id == self._boot_id and is_number else -1
        return [host for host in self.hosts if host.revision > since]

    def restore(self, stored: Stored, urls: Iterable[HostUrl]) -> None:
        """Add the hosts, VMs and reservations of the store, and the hosts that are listed.

        Raises:
            StoreError: a host that is new cannot be written.
        """
        with self.lock:
            self.identity.restore(stored.values)
            self.rows_skipped = stored.skipped
            for each in stored.hosts:
                self._restore_host(each, stored)
            self.listed.restore(stored.values)
            for url in self.listed.without_forgotten(urls, self.hosts):
                known = self.listed.find(url, self.hosts)
                if known is None:
                    self.add(url)
                elif url.is_https and known.url.base != url.base and known.url.place == url.place:
                    self.move(known, url)
            self.lost.restore(stored.lost)

    def add(self, url: HostUrl) -> HostRecord:
        """Add a host to the cluster.

        Raises:
            StoreError: it cannot be written.
        """
        with self.lock:
            self.listed.note_added(url)
            host = HostRecord(url, self._ordinal + 1)
            # Until it answers, its name in the log is host and port.
            self._write_host(host.stored, entry("add", host=host.name), *host.change_entries(None))
            self._insert(host)
            return host

    def move(self, host: HostRecord, url: HostUrl) -> None:
        """Change the address of a host, which keeps everything else.

        Raises:
            StoreError: it cannot be written.
        """
        with self.lock:
            self.listed.note_move(host, url)
            stored = host.stored._replace(url=url.given, token=url.token.get_secret_value())
            self._write_host(stored, entry("move", host=host.name))
            host.url, host.etag = url, ""
            self.changed(host)

    def set_token(self, host: HostRecord, token: SecretStr) -> None:
        """Change what the controller sends to a host; an empty text: the token of all hosts.

        Raises:
            StoreError: it cannot be written.
        """
        with self.lock:
            self._write_host(host.stored._replace(token=token.get_secret_value()))
            host.url, host.etag = host.url._replace(token=token), ""
            log.info("host_access_changed", host=host.name, own=bool(token.get_secret_value()))

    def find_place(self, place: str) -> HostRecord | None:
        """Return the host at an address, host and port."""
        with self.lock:
            return next((host for host in self.hosts if host.url.place == place), None)

    def forget(self, host: HostRecord) -> None:
        """Remove a host from the cluster, with its VMs and reservations.

        Raises:
            StoreError: it cannot be written.
        """
        with self.lock:
            self.listed.note_forgetting(host)
            self.ledger.write_durably(
                lambda lines: self.store.forget_host(host.ordinal, lines),
                entry("forget", host=host.name),
            )
            self.hosts.remove(host)
            self.fleet.remove(host.index)
            for index, other in enumerate(self.hosts):
                other.index = index
            self._update_names(host, (), ())
            self._unmanaged.update(host, ())
            self._groups.update(host, ())
            self.listed.note_forgotten(host)
            self.identity.note_taken(host.ordinal)
            self.obeying_others.discard(host)
            host.forgotten = True
            self.suspects.discard(host)
            self._revision += 1
            self.progress.notify_all()
            log.info(
                "host_forgotten",
                host=host.name,
                url=host.url.given,
                vms=[
                    {"name": vm.name, "image": vm.image, "clone": vm.clone, "owner": vm.owner}
                    for vm in host.vms.values()
                ],
                reservations=list(host.reservations),
            )

    def let_go(self, lost: LostVM) -> None:
        """Forget a lost VM, as a client requests.

        Raises:
            StoreError: it cannot be written.
        """
        with self.lock:
            self.lost.let_go(lost)
            self._revision += 1

    def cordon(self, host: HostRecord, *, cordoned: bool) -> None:
        """Let a host get no new VMs, or again.

        Raises:
            StoreError: it cannot be written.
        """
        with self.lock:
            if host.cordoned == cordoned:
                return
            stored = host.stored._replace(cordoned=cordoned)
            self._write_host(stored, entry("cordon" if cordoned else "uncordon", host=host.name))
            host.cordoned = cordoned
            self.changed(host)

    def set_fenced(self, host: HostRecord, *, fenced: bool) -> None:
        """Refuse a host that was evacuated, or accept it again.

        Raises:
            StoreError: it cannot be written.
        """
        with self.lock:
            if host.fenced == fenced:
                return
            stored = host.stored._replace(fenced=fenced)
            self._write_host(stored, entry("fence" if fenced else "unfence", host=host.name))
            host.fenced, host.etag = fenced, ""
            self.changed(host)

    def override_labels(self, host: HostRecord, labels: Mapping[str, str | None]) -> None:
        """Replace labels of a host in the controller; None gives the host's own value back.

        Raises:
            ValueError: a label is not allowed, or there are too many.
            StoreError: it cannot be written.
        """
        with self.lock:
            overrides = self.merged_labels(host, labels)
            if overrides == host.label_overrides:
                return
            before, facts = host.label_overrides, host.facts()
            host.label_overrides = overrides
            stored, entries = host.stored, host.change_entries(facts)
            try:
                self._write_host(stored, *entries)
            except BaseException:
                host.label_overrides = before
                raise
            self.changed(host)

    @staticmethod
    def merged_labels(host: HostRecord, labels: Mapping[str, str | None]) -> dict[str, str]:
        """Return the overrides of a host with changes; None gives the host's own value back.

        Raises:
            ValueError: a label is not allowed, or there are too many.
        """
        merged = {**host.label_overrides, **labels}
        overrides = {key: value for key, value in merged.items() if value is not None}
        check_labels(overrides)
        return overrides

    def rotate_log(self) -> None:
        """Let the operations log go on in a new file, if the present one is large.

        No operation of this thread may be under way: the snapshot has all that the log has.
        """
        with self.lock:
            if self.log_bytes and self.ledger.is_rotation_due(self.log_bytes):
                hosts = [
                    {
                        "name": host.name,
                        "position": host.ordinal,
                        "cordoned": host.cordoned,
                        **host.facts(),
                    }
                    for host in self.hosts
                ]
                with originating(NO_REQUEST):
                    state = {"policy": self.policy, "hosts": hosts}
                    self.ledger.rotate(entry("snapshot", state=state))

    def find_host(self, name: str) -> HostRecord | None:
        """Return a host by its name."""
        with self.lock:
            return next((host for host in self.hosts if host.name == name), None)

    def holders(self, name: str) -> list[HostRecord]:
        """Return the hosts that have a VM or reservation of that name."""
        return self._holders.find(name)

    def other_holders(self, name: str, host: HostRecord) -> list[str]:
        """Return the names of the other hosts that have a VM of that name."""
        if name not in self.duplicates:
            return []
        return [each.name for each in self._vms.find(name) if each is not host]

    def holders_seen_by(self, caller: Caller, name: str) -> list[HostRecord]:
        """Return the hosts that have a VM or reservation of that name which a caller may see."""
        return [host for host in self.holders(name) if caller.sees(host.owner_of(name))]

    def unmanaged_holders(self, name: str) -> list[HostRecord]:
        """Return the hosts with a VM of that name that SlackVM does not manage."""
        return self._unmanaged.find(name)

    def group_hosts(self, group: Group) -> list[HostRecord]:
        """Return the hosts that have a VM or reservation of an anti-affinity group."""
        return self._groups.find(group)

    def changed(self, host: HostRecord) -> None:
        """Update everything that is computed from a host record."""
        if host.forgotten:
            return
        self._revision += 1
        host.revision = self._revision
        host.check_controller(self.identity.claim)
        if host.other_controller:
            self.obeying_others.add(host)
        else:
            self.obeying_others.discard(host)
        self._update_names(host, host.vm_names, host.vms)
        self._unmanaged.update(host, host.resources.unmanaged)
        self._groups.update(host, host.groups.values())
        (self.suspects.add if host.suspicion else self.suspects.discard)(host)
        self.fleet.update(host.index, host.summary())

    def _restore_host(self, stored: StoredHost, everything: Stored) -> None:
        self._ordinal = max(self._ordinal, stored.ordinal)
        try:
            url = parse_host_url(stored.url)
        except ValueError as error:
            log.error("store_row_skipped", table="hosts", key=stored.ordinal, reason=str(error))
            self.rows_skipped += 1
            return
        url = url._replace(token=SecretStr(stored.token))
        host = HostRecord(url, stored.ordinal, stored.name, stored.cordoned)
        host.reported_labels, host.label_overrides = stored.labels, stored.label_overrides
        host.api_version = stored.api_version
        host.fenced = stored.fenced
        for vm in everything.vms.get(stored.ordinal, []):
            host.vms[vm.name] = VMRecord.from_stored(vm)
        for each in everything.reservations:
            if each.host == stored.ordinal:
                # Requests that an earlier process of the controller sent may still be on their way.
                host.reservations[each.name] = Reservation(
                    VMSpec.from_stored(each),
                    host,
                    each.idempotency_key,
                    claimed=False,
                    outcome_unknown=True,
                    rebuilds=each.rebuilds,
                )
        self._insert(host)

    def _update_names(self, host: HostRecord, reserved: Iterable[str], vms: Iterable[str]) -> None:
        """Update where names are, and log VMs that are on several hosts from now on."""
        self._holders.update(host, reserved)
        self._vms.update(host, vms)
        self.duplicates = log_duplicates(self._vms, self.duplicates)

    def _write_host(self, stored: StoredHost, *operations: Operation) -> None:
        self.ledger.write_durably(lambda lines: self.store.set_host(stored, lines), *operations)

    def _insert(self, host: HostRecord) -> None:
        self._ordinal = max(self._ordinal, host.ordinal)
        self.hosts.append(host)
        host.index = self.fleet.add(host.summary())
        self.changed(host)
