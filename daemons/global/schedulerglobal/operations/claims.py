"""Waiting for a VM until nothing else is under way about it."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.replies import HostError
from schedulerglobal.operations import errors
from schedulerglobal.operations.slots import HostSlots
from schedulerglobal.reservations.recovery import ReservationRecovery
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.vms import VMRecord
from schedulerglobal.sync.poller import Poller
from slackvm.api.roles import UNRESTRICTED, Caller
from slackvm.deadline import Deadline
from slackvm.model.codes import Code

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


class Claims:
    """Gives operations the VM that they are about.

    Args:
        cluster: the cluster.
        client: asks the hosts.
        poller: polls them.
        recovery: finds out what became of a reservation whose reply was lost.

    Attributes:
        cluster, client, poller, recovery: the arguments.
        slots: how many operations may be about each host.
    """

    def __init__(
        self,
        cluster: Cluster,
        client: HostClient,
        poller: Poller,
        recovery: ReservationRecovery,
    ) -> None:
        self.cluster = cluster
        self.client = client
        self.poller = poller
        self.recovery = recovery
        self.slots = HostSlots(cluster)

    @contextmanager
    def held_vm(
        self,
        name: str,
        deadline: Deadline,
        host_name: str = "",
        caller: Caller = UNRESTRICTED,
        *,
        stops: bool = False,
    ) -> Iterator[tuple[HostRecord, VMRecord]]:
        """Give what `find_vm` returns, while holding one of the host's places.

        Args:
            name: the VM.
            deadline: how long to wait for other operations on it.
            host_name: the host that has the VM; empty: the only one.
            caller: who sent the request.
            stops: the operation takes as long as a guest needs to shut down.

        Raises:
            RestError: as `find_vm`, or the host has too many operations under way.
        """
        with self.cluster.lock:
            holders = self.cluster.holders_seen_by(caller, name)
            if host_name:
                holders = [host for host in holders if host.name == host_name]
            if len(holders) == 1:
                self.check_reachable(holders[0], name)
        with self.slots.held(holders[0], stops=stops) if len(holders) == 1 else nullcontext():
            yield self.find_vm(name, deadline, host_name, caller)

    def find_vm(
        self,
        name: str,
        deadline: Deadline,
        host_name: str = "",
        caller: Caller = UNRESTRICTED,
    ) -> tuple[HostRecord, VMRecord]:
        """Return a VM and its host, once no reservation of its name is left.

        Args:
            name: of the VM.
            deadline: until when to wait for that.
            host_name: the host that has the VM; empty: the only one.
            caller: who sent the request; a VM that they may not see does not exist for them.

        Raises:
            RestError: there is no such VM, it is lost or on several hosts, or it takes too long.
        """
        while True:
            with self.cluster.lock:
                holders = self.cluster.holders_seen_by(caller, name)
                if host_name:
                    holders = [host for host in holders if host.name == host_name]
                lost = self.cluster.lost.find(name, host_name)
                lost = [vm for vm in lost if caller.sees(vm.spec.owner)]
                if not holders and lost:
                    raise errors.vm_lost(lost[0])
                if not holders and self.cluster.is_known:
                    raise errors.no_vm()
                if len(holders) > 1:
                    raise errors.which_host([host.name for host in holders])
                if not holders:
                    self.wait(deadline, "not every host was polled yet")
                    continue
                [host] = holders
                self.check_reachable(host, name)
                reservation = host.reservations.get(name)
                if reservation is None:
                    return host, host.vms[name]
                if reservation.claimed:
                    self.wait(deadline, f"host {host.name} is still creating it")
                    continue
                reservation.claimed = True
            try:
                self.recovery.recover(reservation)
            except HostError as error:
                raise errors.outcome_unknown(host, error) from error

    def check_reachable(self, host: HostRecord, name: str) -> None:
        """Refuse at once what a host would have to do that is known not to answer.

        Args:
            host: the host; it is polled again.
            name: the VM that it has or may have.

        Raises:
            RestError: the host did not answer when it was last asked.
        """
        if host.is_unknown and host.was_polled:
            self.poller.poll_soon(host)
            reason = host.resources.reason
            if name in host.reservations:
                raise errors.outcome_unknown(host, reason)
            raise errors.unreachable(host, reason)

    def wait(self, deadline: Deadline, reason: str) -> None:
        """Wait until something changes; the cluster's lock is held.

        Raises:
            RestError: the deadline is over; says the reason.
        """
        if not self.cluster.progress.wait(deadline.left):
            raise errors.not_now(Code.NOT_READY, f"{reason}; try again")
