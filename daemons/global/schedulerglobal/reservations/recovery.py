"""Finding out what became of reservations whose replies were lost."""

import time

from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.replies import HostError
from schedulerglobal.reservations import reservations
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord, Reservation
from schedulerglobal.state.suspicion import watched
from schedulerglobal.state.vms import VMRecord
from slackvm.model.codes import Code


class ReservationRecovery:
    """Ends reservations: cancels their requests at the host, which replies which VM it has.

    Args:
        cluster: the cluster.
        client: asks the hosts.
    """

    def __init__(self, cluster: Cluster, client: HostClient) -> None:
        self._cluster = cluster
        self._client = client

    def recover_all(self, host: HostRecord) -> None:
        """Recover the reservations of a host that no thread has claimed, as far as it answers."""
        with self._cluster.lock:
            left = [each for each in host.reservations.values() if not each.claimed]
            for reservation in left:
                reservation.claimed = True
        for number, reservation in enumerate(left):
            try:
                self.recover(reservation)
            except HostError:
                for other in left[number + 1 :]:
                    reservations.give_back(self._cluster, other)
                return

    def recover(self, reservation: Reservation) -> None:
        """End a reservation that this thread has claimed.

        Raises:
            HostError: the host does not answer; the reservation is given back.
        """
        with reservations.given_back_on_failure(self._cluster, reservation):
            self._recover(reservation)

    def is_cancelled(self, reservation: Reservation) -> bool:
        """Cancel a reservation that this thread has claimed.

        Returns:
            Whether the host answered and the VM does not exist. Otherwise the reservation stays
            claimed by this thread.
        """
        try:
            self._recover(reservation)
        except HostError:
            return False
        return not reservation.confirmed

    def _recover(self, reservation: Reservation) -> None:
        asked_at = time.monotonic()
        host = reservation.host
        with watched(self._cluster, host, is_cancel=True):
            reply = self._client.cancel(
                host.url,
                reservation.name,
                reservation.idempotency_key,
                api_version=host.api_version,
            )
        vm = None if reply is None else VMRecord.from_reply(reply, reservation.spec)
        if vm is not None and reservation.spec.describes(vm):
            reservations.confirm(self._cluster, reservation, vm, None, asked_at)
        else:
            reservations.release(self._cluster, reservation, Code.CANCELLED)
