"""Finding out what came of orders whose answers were lost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.replies import HostError
from schedulerglobal.reservations import reservations as orders
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord, Reservation


class ReservationRecovery:
    """Settles orders: their hosts are told to refuse their requests, and tell what they have.

    Args:
        cluster: the cluster.
        nodes: asks the hosts.
    """

    def __init__(self, cluster: Cluster, nodes: HostClient) -> None:
        self._cluster = cluster
        self._nodes = nodes

    def settle_all(self, member: HostRecord) -> None:
        """Settle the orders of a host that nobody waits for, as far as it answers."""
        with self._cluster.lock:
            left = [order for order in member.orders.values() if not order.busy]
            for order in left:
                order.busy = True
        for number, order in enumerate(left):
            try:
                self.settle(order)
            except HostError:
                for other in left[number + 1 :]:
                    orders.leave_open(self._cluster, other)
                return

    def settle(self, order: Reservation) -> None:
        """End an order of this thread's: none of its requests can be carried out any more.

        Raises:
            HostError: the host does not tell; the order is left open.
        """
        with self.left_open_on_failure(order):
            self._settle(order)

    def is_off(self, order: Reservation) -> bool:
        """Settle an order of this thread's; tell whether that was possible and the VM is not there.

        Otherwise it stays this thread's.
        """
        try:
            self._settle(order)
        except HostError:
            return False
        return not order.done

    @contextmanager
    def left_open_on_failure(self, order: Reservation) -> Iterator[None]:
        """Let others find out about an order if this thread cannot."""
        try:
            yield
        except BaseException:
            orders.leave_open(self._cluster, order)
            raise

    def _settle(self, order: Reservation) -> None:
        asked_at = time.monotonic()
        vm = self._nodes.withdraw(order.member.url, order.name, order.attempt)
        orders.settle(self._cluster, order, vm, asked_at)
