"""Deploying a VM on the best host.

No VM is ever created twice. A host that does not reply may have created the VM, or may still create
it when a request arrives late. So its reservation stays until the host reports the VM or refuses it
for good: all requests for one reservation carry its idempotency key, and a host refuses every
request whose key was cancelled.
"""

import time
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from schedulerglobal.hosts.replies import ConnectError, HostError, OutcomeUnknownError, RefusedError
from schedulerglobal.operations import errors, quotas
from schedulerglobal.operations.claims import FIRST_PAUSE_S, LONGEST_PAUSE_S, Claims
from schedulerglobal.reservations import reservations
from schedulerglobal.state.host import HostRecord, Reservation
from schedulerglobal.state.lost import LostVM
from schedulerglobal.state.suspicion import check_sender, watched
from schedulerglobal.state.vms import VMRecord, VMSpec
from schedulerglobal.store.base import StoreError
from schedulerglobal.sync.reports import mark_unreachable
from slackvm.api.errors import RestError
from slackvm.api.roles import UNRESTRICTED, Caller
from slackvm.api.vms import ChangedReply
from slackvm.deadline import Deadline
from slackvm.model.codes import Code
from slackvm.model.placement import Policy
from slackvm.model.refusal import Refusal


class Deployment:
    """Deploys VMs.

    Args:
        claims: the cluster and its hosts.
        policy: chooses hosts.
        registry: gets the metrics of how deploys end.
    """

    def __init__(self, claims: Claims, policy: Policy, registry: CollectorRegistry) -> None:
        self._claims = claims
        self._cluster = claims.cluster
        self._policy = policy
        self._outcomes = Counter(
            "slackvm_placements",
            "Requests to deploy a VM, by outcome and error code.",
            ["outcome", "code"],
            registry=registry,
        )
        self._hosts_asked = Histogram(
            "slackvm_placement_hosts_asked",
            "Hosts that one deploy asked in turn.",
            buckets=(0, 1, 2, 3, 5, 10),
            registry=registry,
        )

    def deploy(
        self, spec: VMSpec, caller: Caller = UNRESTRICTED, lost: LostVM | None = None
    ) -> tuple[ChangedReply, bool]:
        """Create a VM on the best host; where it exists already, return it.

        Args:
            spec: the VM; if it is new, its owner is the caller.
            caller: who sent the request.
            lost: the lost VM that it replaces; None: it is a new one.

        Returns:
            The VM, and whether it is new.

        Raises:
            RestError: no host takes it, the caller's quota is used up, or the outcome is unknown.
        """
        refused: dict[HostRecord, Refusal] = {}
        try:
            reply, is_new = self._try_hosts(spec, caller, refused, lost)
        except RestError as error:
            outcome = "failed" if error.status == 503 else "refused"
            self._count(outcome, error.detail.code, len(refused))
            raise errors.without_others(error, caller) from error
        self._count("placed" if is_new else "again", "", len(refused) + 1)
        return reply, is_new

    def _count(self, outcome: str, code: str, hosts_asked: int) -> None:
        # A host of another release may reply with any word.
        label = code if not code or Code.parse(code) else "other"
        self._outcomes.labels(outcome, label).inc()
        self._hosts_asked.observe(hosts_asked)

    def _try_hosts(
        self,
        spec: VMSpec,
        caller: Caller,
        refused: dict[HostRecord, Refusal],
        lost: LostVM | None,
    ) -> tuple[ChangedReply, bool]:
        """Ask one host after another; those that refuse are put into `refused`."""
        deadline = self._claims.client.deadline()
        while True:
            reservation, place = self._claim(spec, caller, refused, deadline, lost)
            host, api_version = reservation.host, reservation.host.api_version
            try:
                with reservations.given_back_on_failure(self._cluster, reservation):
                    return self._create(reservation, deadline), not reservation.repeated
            except ConnectError as error:
                mark_unreachable(self._cluster, host, str(error))
                self._claims.poller.poll_soon(host)
                if reservation.repeated:
                    raise errors.outcome_unknown(host, error) from error
                refused[host] = Refusal(Code.HOST_UNREACHABLE, reason=str(error))
            except RefusedError as error:
                if not self._runs_another_release(host, api_version, error):
                    self._claims.poller.poll_soon(host)
                    if reservation.repeated or error.is_same_on_every_host:
                        raise errors.refused_by_host(host, error) from error
                    refused[host] = _refusal(error)
            finally:
                self._claims.slots.give_back(host, place)
            if not deadline.left:
                raise errors.not_now(Code.NOT_READY, "several hosts refused it in turn; try again")

    def _claim(
        self,
        spec: VMSpec,
        caller: Caller,
        refused: dict[HostRecord, Refusal],
        deadline: Deadline,
        lost: LostVM | None,
    ) -> tuple[Reservation, float]:
        """Return a reservation for a VM, claimed by this thread, and its place at the host.

        Raises:
            RestError: there is another VM of that name, it is lost, no host takes it, or the
                caller's quota is used up.
        """
        cluster, slots = self._cluster, self._claims.slots
        with cluster.lock:
            while True:
                holders = cluster.holders(spec.name)
                self._check_lost(spec.name, caller, holders, lost)
                if not holders and cluster.is_known:
                    passed_over = {**slots.passed_over(), **refused}
                    if cluster.holders(spec.name):
                        # It came while this thread waited for a place.
                        continue
                    new = self._reserve(spec, caller, passed_over, lost)
                    return new, slots.take(new.host)
                if not holders:
                    self._claims.wait(deadline, "not every host was polled yet")
                    continue
                [host, *others] = holders
                known = host.reservations.get(spec.name)
                if others or not _is_same(spec, host, known):
                    raise errors.name_taken(f"another VM of this name is on host {host.name}")
                if spec.host not in ("", host.name):
                    raise errors.name_taken(f"the VM exists on host {host.name}, not {spec.host}")
                if known is None:
                    self._claims.check_reachable(host, spec.name)
                    place = slots.take(host)
                    return reservations.repeat(cluster, host, spec), place
                if not known.claimed:
                    place = slots.take(host)
                    known.claimed = True
                    return known, place
                with slots.waiting(host):
                    self._claims.wait(deadline, f"host {host.name} is still creating it")

    def _reserve(
        self,
        spec: VMSpec,
        caller: Caller,
        refused: Mapping[HostRecord, Refusal],
        lost: LostVM | None,
    ) -> Reservation:
        """Return a reservation on the best host; the cluster's lock is held.

        Raises:
            RestError: no host takes the VM, the caller's quota is used up, or the store fails.
        """
        if lost is None:
            # Under the lock of the reservation, so that two requests cannot both get the rest. A
            # lost VM is counted already.
            quotas.check(self._cluster, caller, spec.vm)
        rebuilds = lost.created if lost else None
        try:
            return reservations.reserve(self._cluster, self._policy, spec, refused, rebuilds)
        except reservations.NoHostError as error:
            raise errors.no_host(error.refusal, spec.host) from error
        except StoreError as error:
            raise errors.store_failed(error) from error

    def _check_lost(
        self, name: str, caller: Caller, holders: Sequence[HostRecord], lost: LostVM | None
    ) -> None:
        """Check that a request rebuilds a VM that is still lost, or one of a name that is not.

        Raises:
            RestError: it does not.
        """
        found = self._cluster.lost.find(name)
        if lost is None:
            if found and not holders:
                if not caller.sees(found[0].spec.owner):
                    raise errors.name_taken(Code.NAME_TAKEN.text)
                raise errors.vm_lost(found[0])
        elif lost not in found or any(name in host.vms for host in holders):
            raise errors.not_lost(name, holders)

    def _create(self, reservation: Reservation, deadline: Deadline) -> ChangedReply:
        """Let the host create a reserved VM; ask it again once it replies where it did not.

        Raises:
            ConnectError: the host did not get the request; the reservation is released.
            RefusedError: the host refuses; the reservation is released.
            RestError: the outcome is unknown; the reservation stays.
        """
        host = reservation.host
        while True:
            asked_at = time.monotonic()
            try:
                with watched(self._cluster, host):
                    reply, is_new = self._claims.client.deploy(
                        host.url,
                        reservation.spec.to_request(),
                        reservation.idempotency_key,
                        deadline,
                        api_version=host.api_version,
                    )
                    check_sender(host, reply.summary)
            except HostError as error:
                if self._is_released(reservation, error):
                    raise
                if not self._host_replies(reservation, deadline):
                    self._claims.poller.poll_soon(host)
                    raise errors.outcome_unknown(host, error) from error
                if reservation.confirmed:
                    return self._reply(reservation)
            else:
                vm = VMRecord.from_reply(reply, reservation.spec)
                reservations.confirm(
                    self._cluster, reservation, vm, reply.summary, asked_at, is_new=is_new
                )
                return reply

    def _runs_another_release(
        self, host: HostRecord, api_version: int, error: RefusedError
    ) -> bool:
        """Return whether a host refused fields because its release changed since its last poll."""
        if error.detail.code not in (Code.INVALID, Code.MALFORMED):
            return False
        return self._claims.poller.poll(host) and host.api_version != api_version

    def _host_replies(self, reservation: Reservation, deadline: Deadline) -> bool:
        """Poll a reservation's host until it replies; its report may have the VM.

        Returns:
            Whether the VM exists, or the host replied and there is time to ask it again.
        """
        pause_s = FIRST_PAUSE_S
        while not self._claims.poller.poll(reservation.host) and not reservation.confirmed:
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S, deadline.left)
            if not pause_s:
                return False
            with self._cluster.lock:
                self._cluster.progress.wait_for(lambda: reservation.confirmed, pause_s)
        return reservation.confirmed or deadline.left > 0

    def _reply(self, reservation: Reservation) -> ChangedReply:
        """Return a VM that a report of its host has confirmed."""
        with self._cluster.lock:
            if reservation.name not in reservation.host.vms:
                raise errors.not_now(
                    Code.OUTCOME_UNKNOWN, "the VM was created and has been removed since; try again"
                )
            return reservation.host.changed_reply(reservation.name)

    def _is_released(self, reservation: Reservation, error: HostError) -> bool:
        """Release a reservation if an error means for good that the VM does not exist."""
        if isinstance(error, OutcomeUnknownError):
            reservations.mark_outcome_unknown(self._cluster, reservation)
            mark_unreachable(self._cluster, reservation.host, str(error))
            return False
        code = error.detail.code if isinstance(error, RefusedError) else Code.HOST_UNREACHABLE
        if reservation.outcome_unknown:
            # A request that was sent before may still do what this one was refused.
            is_refused = isinstance(error, RefusedError)
            return is_refused and self._claims.recovery.is_cancelled(reservation)
        reservations.release(self._cluster, reservation, code)
        return True


def _is_same(spec: VMSpec, host: HostRecord, reservation: Reservation | None) -> bool:
    """Return whether a request asks for the VM that exists or is reserved."""
    if reservation is not None:
        return reservation.spec == spec
    return spec.describes(host.vms[spec.name])


def _refusal(error: RefusedError) -> Refusal:
    detail = error.detail
    unit = "MiB" if detail.code == Code.NO_MEMORY else "CPUs"
    amounts = detail.needed, detail.free, unit
    return errors.HostRefusal(detail.code, *amounts, detail.message, error.status)
