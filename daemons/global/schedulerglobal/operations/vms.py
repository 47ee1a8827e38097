"""VMOperations to VMs of the cluster, each carried out by one host: what clients ask for.

No VM is ever made twice. A host that gave no answer may have made the VM, or may make it yet when
a request comes late, so its order stays until the host told of the VM, or refused for good: all
requests of an order bear its *attempt*, and a host that was told to withdraw an attempt refuses
whatever bears it.
"""

import time

from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.replies import ConnectError, HostError, OutcomeUnknownError, RefusedError
from schedulerglobal.metrics import Counters
from schedulerglobal.operations import errors as told
from schedulerglobal.reservations import reservations as orders
from schedulerglobal.reservations.recovery import ReservationRecovery
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord, Reservation, bare, model_vm
from schedulerglobal.sync import reports as hearing
from schedulerglobal.sync.poller import Poller
from slackvm.api.errors import RestError
from slackvm.api.hosts import SummaryReply
from slackvm.api.vms import ChangedReply, VMReply, VMRequest
from slackvm.model.codes import Code
from slackvm.model.policies import Policy
from slackvm.model.refusal import Refusal

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


class VMOperations:
    """Deploys, removes, starts and stops VMs.

    Args:
        cluster: the cluster.
        policy: chooses hosts.
        nodes: asks them.
        poller: looks at them.
        settler: finds out what came of an order whose answer was lost.
        counters: counts how deploys end.
    """

    def __init__(
        self,
        cluster: Cluster,
        policy: Policy,
        nodes: HostClient,
        poller: Poller,
        settler: ReservationRecovery,
        counters: Counters,
    ) -> None:
        self._cluster = cluster
        self._policy = policy
        self._nodes = nodes
        self._poller = poller
        self._settler = settler
        self._counters = counters

    def deploy(self, request: VMRequest) -> tuple[ChangedReply, bool]:
        """Create a VM on the best host; asked again for the same, return the one that is there.

        Returns:
            The VM, and whether it is new.

        Raises:
            RestError: no host takes it, or it is not known what one did.
        """
        refused: dict[HostRecord, Refusal] = {}
        try:
            reply, is_new = self._deploy(request, refused)
        except RestError as error:
            outcome = "failed" if error.status == 503 else "refused"
            self._counters.placed(outcome, error.detail.code, len(refused))
            raise
        self._counters.placed("placed" if is_new else "again", "", len(refused) + 1)
        return reply, is_new

    def _deploy(
        self, request: VMRequest, refused: dict[HostRecord, Refusal]
    ) -> tuple[ChangedReply, bool]:
        """Ask one host after another; those that refuse are put into `refused`."""
        deadline = self._deadline()
        while True:
            order = self._claim(request, refused, deadline)
            member = order.member
            try:
                with self._settler.left_open_on_failure(order):
                    return self._carry_out(order, deadline), not order.again
            except ConnectError as error:
                hearing.lost(self._cluster, member, str(error))
                self._poller.soon(member)
                if order.again:
                    raise told.not_known(member, error) from error
                refused[member] = Refusal(Code.HOST_UNREACHABLE, reason=str(error))
            except RefusedError as error:
                self._poller.soon(member)
                if order.again or error.is_same_on_every_host:
                    raise told.by_host(member, error) from error
                refused[member] = _refusal(error)
            if time.monotonic() > deadline:
                raise told.not_now(Code.NOT_READY, "hosts refuse it one after another; try again")

    def remove(self, name: str) -> SummaryReply:
        """Remove a VM; return its host in numbers.

        Raises:
            RestError: there is none, or it is not known what its host did.
        """
        deadline = self._deadline()
        try:
            member, vm = self._claim_vm(name, deadline)
        except RestError as error:
            if error.status == 404:
                orders.not_removed(self._cluster, name)
            raise
        with self._cluster.lock:
            member.removing[name] = member.removing.get(name, 0) + 1
        try:
            return self._carry_out_removal(member, vm, deadline)
        finally:
            with self._cluster.lock:
                member.removing[name] -= 1
                if not member.removing[name]:
                    del member.removing[name]

    def change_state(self, name: str, verb: str) -> ChangedReply:
        """Start, stop or restart a VM.

        Raises:
            RestError: there is none, or it is not known what its host did.
        """
        member, _ = self._claim_vm(name, self._deadline())
        asked_at = time.monotonic()
        try:
            reply = self._nodes.change_state(member.url, name, verb)
        except RefusedError as error:
            self._poller.soon(member)
            raise told.by_host(member, error) from error
        except HostError as error:
            self._poller.soon(member)
            raise told.not_known(member, error) from error
        orders.changed(self._cluster, member, reply, asked_at)
        return reply

    def _deadline(self) -> float:
        """Return until when an answer is worked on, on the monotonic clock."""
        return time.monotonic() + 2 * self._nodes.timeout_s

    def _claim(
        self, request: VMRequest, refused: dict[HostRecord, Refusal], deadline: float
    ) -> Reservation:
        """Return an order of a VM for this thread to find out about.

        Raises:
            RestError: there is another VM of that name, or no host takes it.
        """
        cluster = self._cluster
        with cluster.lock, told.store_errors_told():
            while True:
                holders = cluster.holders(request.name)
                if not holders and cluster.is_known:
                    try:
                        return orders.reserve(cluster, self._policy, request, refused)
                    except orders.NobodyError as error:
                        raise told.no_host(error.refusal) from error
                if not holders:
                    self._wait(deadline, "the hosts are not known yet")
                    continue
                [member, *others] = holders
                order = member.orders.get(request.name)
                if others or not _is_same(request, member, order):
                    raise told.name_taken(f"on host {member.name}")
                if order is None:
                    return orders.ask_again(cluster, member, request)
                if not order.busy:
                    order.busy = True
                    return order
                self._wait(deadline, f"host {member.name} has been asked for it and takes long")

    def _carry_out(self, order: Reservation, deadline: float) -> ChangedReply:
        """Have the host create an order's VM, and ask again once it answers where it did not.

        Raises:
            ConnectError: the host knows nothing of it; the order is released.
            RefusedError: the host refuses; the order is released.
            RestError: it is not known; the order is left open.
        """
        while True:
            asked_at = time.monotonic()
            timeout_s = max(min(self._nodes.timeout_s, deadline - asked_at), _FIRST_PAUSE_S)
            try:
                reply, is_new = self._nodes.deploy(
                    order.member.url, order.request, order.attempt, timeout_s
                )
            except HostError as error:
                if self._is_settled(order, error):
                    raise
                if not self._answers(order, deadline):
                    self._poller.soon(order.member)
                    raise told.not_known(order.member, error) from error
                if order.done:
                    return self._reply(order)
            else:
                orders.confirm(
                    self._cluster, order, bare(reply), reply.summary, asked_at, is_new=is_new
                )
                return reply

    def _answers(self, order: Reservation, deadline: float) -> bool:
        """Look at an order's host until it answers; then it may have told that the VM is there.

        Returns:
            Whether it did, or there is time to ask it again.
        """
        pause_s = _FIRST_PAUSE_S
        while not self._poller.look(order.member) and not order.done:
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S, deadline - time.monotonic())
            if pause_s <= 0:
                return False
            with self._cluster.lock:
                self._cluster.settled.wait_for(lambda: order.done, pause_s)
        return order.done or time.monotonic() < deadline

    def _reply(self, order: Reservation) -> ChangedReply:
        """Return a VM that came to be, as far as it is known."""
        with self._cluster.lock:
            if order.name not in order.member.vms:
                raise told.not_now(
                    Code.OUTCOME_UNKNOWN, "the VM was made, and is gone since; ask again"
                )
            return order.member.changed_reply(order.name)

    def _is_settled(self, order: Reservation, error: HostError) -> bool:
        """Tell whether an error means for good that the VM is not there; then release the order."""
        if isinstance(error, OutcomeUnknownError):
            orders.lose(self._cluster, order)
            hearing.lost(self._cluster, order.member, str(error))
            return False
        code = error.detail.code if isinstance(error, RefusedError) else Code.HOST_UNREACHABLE
        if order.lost:
            # What is refused now may yet be done by a request that was sent before.
            return isinstance(error, RefusedError) and self._settler.is_off(order)
        orders.release(self._cluster, order, code)
        return True

    def _claim_vm(self, name: str, deadline: float) -> tuple[HostRecord, VMReply]:
        """Return a VM and its host, when nothing else is under way about it.

        Raises:
            RestError: there is none, or it takes too long.
        """
        cluster = self._cluster
        while True:
            with cluster.lock:
                holders = cluster.holders(name)
                if not holders and cluster.is_known:
                    raise told.no_vm()
                if len(holders) > 1:
                    names = " and ".join(member.name for member in holders)
                    raise told.name_taken(f"there too: on {names}. Ask one of them itself")
                if not holders:
                    self._wait(deadline, "the hosts are not known yet")
                    continue
                [member] = holders
                order = member.orders.get(name)
                if order is None:
                    return member, member.vms[name]
                if order.busy:
                    self._wait(deadline, f"host {member.name} has been asked for it and takes long")
                    continue
                order.busy = True
            try:
                self._settler.settle(order)
            except HostError as error:
                raise told.not_known(member, error) from error

    def _carry_out_removal(self, member: HostRecord, vm: VMReply, deadline: float) -> SummaryReply:
        pause_s = _FIRST_PAUSE_S
        was_lost = False
        while True:
            asked_at = time.monotonic()
            timeout_s = max(min(self._nodes.timeout_s, deadline - asked_at), _FIRST_PAUSE_S)
            try:
                summary = self._nodes.remove(member.url, vm, timeout_s)
            except RefusedError as error:
                if error.status != 404:
                    self._poller.soon(member)
                    raise told.by_host(member, error) from error
                orders.removed(self._cluster, member, vm, None, asked_at)
                self._poller.look(member)
                if was_lost:
                    return member.summary_reply()
                raise told.no_vm() from error
            except HostError as error:
                was_lost = was_lost or isinstance(error, OutcomeUnknownError)
                hearing.lost(self._cluster, member, str(error))
                self._poller.soon(member)
                if not was_lost or time.monotonic() + pause_s > deadline:
                    raise told.not_known(member, error) from error
            else:
                orders.removed(self._cluster, member, vm, summary, asked_at)
                if was_lost:
                    self._poller.soon(member)
                return summary
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _wait(self, deadline: float, what: str) -> None:
        """Wait for something to change; the cluster's lock is held.

        Raises:
            RestError: it takes too long.
        """
        if not self._cluster.settled.wait(max(deadline - time.monotonic(), 0)):
            raise told.not_now(Code.NOT_READY, f"{what}; try again")


def _is_same(request: VMRequest, member: HostRecord, order: Reservation | None) -> bool:
    """Tell whether what is there or ordered may be what is asked for; the host knows images."""
    if order is not None:
        return order.request == request
    vm = member.vms[request.name]
    return model_vm(vm) == request.vm() and vm.clone == request.clone


def _refusal(error: RefusedError) -> Refusal:
    detail = error.detail
    unit = "MiB" if detail.code == Code.NO_MEMORY else "CPUs"
    return Refusal(detail.code, detail.needed, detail.free, unit, detail.message)
