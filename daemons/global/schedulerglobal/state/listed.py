"""The hosts that a setting lists: it adds hosts, and neither moves nor weakens those that exist.

A host that was forgotten is not added again because it is still listed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import structlog

from schedulerglobal.hosts.url import HostUrl
from schedulerglobal.state.host import HostRecord
from schedulerglobal.store.base import Store
from schedulerglobal.store.ledger import Ledger

log = structlog.get_logger()

_KEY = "former_addresses"
_FORGOTTEN = "forgotten_addresses"


class ListedHosts:
    """Compares `SCG_NODE_URL_LIST` with the hosts at each start; used under the cluster's lock.

    A host that was given another address is still listed at its former one. So the store keeps the
    former addresses, each with the ordinal of its host.

    Args:
        store: keeps the former addresses.
        ledger: writes to it.
    """

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self._former: dict[str, int] = {}
        self._listed: set[str] = set()
        self._forgotten: set[str] = set()

    def restore(self, values: Mapping[str, str]) -> None:
        """Read the former addresses that the store has."""
        try:
            known = json.loads(values.get(_KEY, "{}"))
            self._former = {str(place): int(ordinal) for place, ordinal in known.items()}
        except (ValueError, TypeError, AttributeError) as error:
            log.error("store_row_skipped", table="controller", key=_KEY, reason=str(error)[:300])
        self._forgotten = set(values.get(_FORGOTTEN, "").split())

    def without_forgotten(
        self, urls: Iterable[HostUrl], hosts: Sequence[HostRecord]
    ) -> list[HostUrl]:
        """Return the listed URLs without those of hosts that were forgotten since.

        An address that is not listed any more may be listed again later.
        """
        given = list(urls)
        self._listed = {url.place for url in given}
        self._forgotten &= self._listed - {host.url.place for host in hosts}
        for url in given:
            if url.place in self._forgotten:
                log.warning("listed_host_stays_forgotten", listed=url.given)
        return [url for url in given if url.place not in self._forgotten]

    def note_forgetting(self, host: HostRecord) -> None:
        """Note that a host is about to be forgotten.

        Raises:
            StoreError: it cannot be written.
        """
        former = {place for place, who in self._former.items() if who == host.ordinal}
        self._write_forgotten(self._forgotten | (self._listed & {host.url.place, *former}))

    def note_added(self, url: HostUrl) -> None:
        """Note that a host is about to be added.

        Raises:
            StoreError: it cannot be written.
        """
        self._write_forgotten(self._forgotten - {url.place})

    def _write_forgotten(self, places: set[str]) -> None:
        if places != self._forgotten:
            text = " ".join(sorted(places))
            self._ledger.write_durably(lambda lines: self._store.set_value(_FORGOTTEN, text, lines))
            self._forgotten = places

    def note_move(self, host: HostRecord, url: HostUrl) -> None:
        """Note that a host is about to get another address.

        Raises:
            StoreError: it cannot be written.
        """
        former = {**self._former, host.url.place: host.ordinal}
        former.pop(url.place, None)
        if former != self._former:
            text = json.dumps(former)
            self._ledger.write_durably(lambda lines: self._store.set_value(_KEY, text, lines))
            self._former = former

    def note_forgotten(self, host: HostRecord) -> None:
        """Note that a host is no longer part of the cluster: its addresses are free again."""
        former = {place: who for place, who in self._former.items() if who != host.ordinal}
        if former != self._former:
            text = json.dumps(former)
            self._ledger.write_eventually(lambda lines: self._store.set_value(_KEY, text, lines))
            self._former = former

    def find(self, url: HostUrl, hosts: Sequence[HostRecord]) -> HostRecord | None:
        """Return the host that a listed URL is of; log what differs from its URL."""
        for host in hosts:
            if host.url.place == url.place:
                if url.has_scheme and host.url.is_https and not url.is_https:
                    log.warning(
                        "listed_url_ignored",
                        host=host.name,
                        listed=url.given,
                        used=host.url.given,
                        reason="http does not replace https; `slackvm hosts move --insecure` does",
                    )
                return host
        for host in hosts:
            if self._former.get(url.place) == host.ordinal:
                log.warning(
                    "listed_host_has_moved", host=host.name, listed=url.given, used=host.url.given
                )
                return host
        return None
