"""Who the controller is for its hosts: its ID and epoch, and the hosts that it takes over."""

import json
import secrets
from collections.abc import Iterable, Mapping

import structlog

from schedulerglobal.store.base import Store
from schedulerglobal.store.ledger import Ledger
from slackvm.api.controllers import ControllerClaim

log = structlog.get_logger()

_KEY = "identity"


class Identity:
    """The controller's claim on its hosts, kept in the store; used under the cluster's lock.

    The ID is random and stays. The epoch is counted up when the controller takes its hosts over, so
    that a controller with a copy of its store is one of an earlier epoch.

    Args:
        store: keeps it.
        ledger: writes to it.

    Attributes:
        claim: ID and epoch.
        taking_over: ordinals of the hosts that it takes over as soon as they answer.
    """

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self.claim = ControllerClaim(secrets.token_hex(8), 1)
        self.taking_over: frozenset[int] = frozenset()

    def restore(self, values: Mapping[str, str]) -> None:
        """Read what the store has; a new store gets a new identity.

        Raises:
            StoreError: the new identity cannot be written.
        """
        if _KEY in values:
            try:
                known = json.loads(values[_KEY])
                self.claim = ControllerClaim(str(known["id"]), int(known["epoch"]))
                self.taking_over = frozenset(map(int, known["taking_over"]))
                return
            except (ValueError, TypeError, KeyError) as error:
                log.error(
                    "store_row_skipped", table="controller", key=_KEY, reason=str(error)[:300]
                )
        self._write(self.claim, self.taking_over)

    def take_over(self, hosts: Iterable[int], epoch: int) -> None:
        """Begin an epoch in which some hosts are taken over.

        Args:
            hosts: their ordinals.
            epoch: the latest that is known of this controller; the new one is later.

        Raises:
            StoreError: it cannot be written; nothing has changed.
        """
        later = ControllerClaim(self.claim.id, max(epoch, self.claim.epoch) + 1)
        self._write(later, frozenset(hosts))
        log.warning("cluster_takeover", controller=later.id, epoch=later.epoch)

    def note_taken(self, host: int) -> None:
        """Note that a host obeys, or is no longer part of the cluster."""
        if host in self.taking_over:
            self.taking_over -= {host}
            text = self._text(self.claim, self.taking_over)
            self._ledger.write_eventually(lambda lines: self._store.set_value(_KEY, text, lines))

    def _write(self, claim: ControllerClaim, taking_over: frozenset[int]) -> None:
        text = self._text(claim, taking_over)
        self._ledger.write_durably(lambda lines: self._store.set_value(_KEY, text, lines))
        self.claim, self.taking_over = claim, taking_over

    @staticmethod
    def _text(claim: ControllerClaim, taking_over: frozenset[int]) -> str:
        return json.dumps({**claim._asdict(), "taking_over": sorted(taking_over)})
