"""Reservations from their start to their end.

Each function changes the cluster under its lock and writes down what it did.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from schedulerglobal.scheduling.placement import choose
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord, Reservation
from schedulerglobal.state.vms import VMRecord, VMSpec
from schedulerglobal.store.ledger import reserve_entry
from slackvm.api.hosts import SummaryReply
from slackvm.formats.operations import REFUSED, UNKNOWN
from slackvm.model.codes import Code
from slackvm.model.placement import Policy
from slackvm.model.refusal import Refusal


class NoHostError(Exception):
    """No host takes the VM."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def reserve(
    cluster: Cluster,
    policy: Policy,
    spec: VMSpec,
    refused: Mapping[HostRecord, Refusal],
    rebuilds: float | None = None,
) -> Reservation:
    """Choose a host for a VM and reserve its resources there.

    Args:
        cluster: the cluster; its lock is held, and no VM or reservation has the name.
        policy: scores the hosts.
        spec: the VM.
        refused: hosts that refused the same request already.
        rebuilds: when the lost VM was created that it makes again; None: it makes a new one.

    Raises:
        NoHostError: no host takes it.
        StoreError: the reservation cannot be written.
    """
    cluster.ledger.check()
    if reason := cluster.why_places_nothing:
        raise NoHostError(Refusal(Code.OTHER_CONTROLLER, reason=reason))
    request = spec.placement_request
    decision = choose(cluster, policy, request, refused)
    excluded = [
        host.name
        for host, refusal in decision.refused.items()
        if host in refused or refusal.code in (Code.HOST_OUTDATED, Code.HOST_FENCED)
    ]
    host = decision.host
    if host is None:
        refusal = decision.why_not()
        cluster.ledger.log_only(reserve_entry("", request, excluded, refusal.code))
        raise NoHostError(refusal)
    reservation = Reservation(spec, host, _new_key(), rebuilds=rebuilds)
    cluster.ledger.write_durably(
        lambda lines: cluster.store.reserve(reservation.stored, lines),
        reserve_entry(host.name, request, excluded),
    )
    host.reservations[spec.name] = reservation
    cluster.changed(host)
    return reservation


def repeat(cluster: Cluster, host: HostRecord, spec: VMSpec) -> Reservation:
    """Return a reservation for a VM that a host has already: the host says if it is the same."""
    reservation = Reservation(spec, host, _new_key(), repeated=True)
    host.reservations[spec.name] = reservation
    cluster.changed(host)
    return reservation


def confirm(
    cluster: Cluster,
    reservation: Reservation,
    vm: VMRecord,
    summary: SummaryReply | None,
    asked_at: float,
    *,
    is_new: bool = False,
) -> None:
    """End a reservation: the VM exists.

    Args:
        cluster: the cluster.
        reservation: the reservation; a report of the host may have ended it already.
        vm: the VM.
        summary: its host in numbers, where the reply has it.
        asked_at: when the host was asked, on the monotonic clock.
        is_new: whether the host replied that it has just created it.
    """
    with cluster.lock:
        host = reservation.host
        if host.reservations.get(reservation.name) is reservation:
            take_confirmed(cluster, reservation, vm)
        reservation.confirmed = True
        take_summary(cluster, host, summary, asked_at, steps=int(is_new))
        cluster.changed(host)
        cluster.progress.notify_all()


def take_confirmed(
    cluster: Cluster,
    reservation: Reservation,
    vm: VMRecord,
    ops: Sequence[str] = ("deploy", "confirm"),
) -> None:
    """Replace a reservation by its VM; the cluster's lock is held.

    Args:
        cluster: the cluster.
        reservation: the reservation, which has not ended.
        vm: the VM.
        ops: operations of the log that say so; not used for a repeated reservation.
    """
    host, rebuilt = reservation.host, reservation.rebuilds
    facts = host.facts() if reservation.repeated else {}
    del host.reservations[reservation.name]
    host.vms[vm.name] = vm
    if reservation.repeated:
        # Of a VM on a host that keeps no group, the request says which group it is in.
        entries = host.change_entries(facts)
    else:
        entries = [reservation.entry(op) for op in ops]
    cluster.ledger.write_eventually(
        lambda lines: cluster.store.confirm(host.ordinal, vm.to_stored(), lines, rebuilt=rebuilt),
        *entries,
    )
    if rebuilt is not None:
        cluster.lost.end_rebuilt(vm.name, rebuilt, host.name)
    cluster.lost.end_found(host.name, {vm.name: vm})


def release(cluster: Cluster, reservation: Reservation, code: str) -> None:
    """End a reservation: the VM does not exist, and no request that could create it remains."""
    with cluster.lock:
        host, name = reservation.host, reservation.name
        if host.reservations.get(name) is not reservation:
            return
        del host.reservations[name]
        if not reservation.repeated:
            cluster.ledger.write_eventually(
                lambda lines: cluster.store.release(name, lines),
                reservation.entry("deploy", outcome=REFUSED, code=code),
                reservation.entry("release", code=code),
            )
        cluster.changed(host)
        cluster.progress.notify_all()


def mark_outcome_unknown(cluster: Cluster, reservation: Reservation) -> None:
    """Note that a reply was lost: the VM may exist, or a request may still create it."""
    with cluster.lock:
        reservation.outcome_unknown = True
        if not reservation.repeated and not reservation.confirmed:
            cluster.ledger.log_only(
                reservation.entry("deploy", outcome=UNKNOWN, code=Code.OUTCOME_UNKNOWN)
            )


def give_back(cluster: Cluster, reservation: Reservation) -> None:
    """Let another thread find out what became of a reservation."""
    with cluster.lock:
        reservation.claimed = False
        cluster.progress.notify_all()


@contextmanager
def given_back_on_failure(cluster: Cluster, reservation: Reservation) -> Iterator[None]:
    """Let other threads recover a reservation if this one fails."""
    try:
        yield
    except BaseException:
        give_back(cluster, reservation)
        raise


def take_summary(
    cluster: Cluster,
    host: HostRecord,
    summary: SummaryReply | None,
    asked_at: float,
    steps: int = 0,
) -> None:
    """Update a host by the summary in a reply; without a usable one its next report is a whole one.

    Args:
        cluster: the cluster; its lock is held.
        host: the host.
        summary: the host in numbers; None: the reply has none.
        asked_at: when the host was asked, on the monotonic clock.
        steps: how many generations the change counts.
    """
    if summary is None or host.is_older(summary.boot_id, summary.generation, asked_at):
        # The last report does not have what the change did, and it may be undone since.
        host.etag = ""
        return
    facts = host.facts()
    host.take_summary(summary, steps)
    if entries := host.change_entries(facts):
        cluster.ledger.log_only(*entries)


def _new_key() -> str:
    return secrets.token_hex(16)
