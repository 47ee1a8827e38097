"""Orders from their reservation to their end, and VMs that come, change and go with them.

Each function changes the cluster under its lock and writes down what it did.
"""

import secrets
import time
from collections.abc import Mapping

from schedulerglobal.scheduling.placement import choose
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord, Reservation, bare, model_vm
from schedulerglobal.state.log_entries import no_vm_entry, vm_entry
from schedulerglobal.sync.reports import made_by
from slackvm.api.hosts import SummaryReply
from slackvm.api.vms import ChangedReply, VMReply, VMRequest
from slackvm.formats.operations import REFUSED, UNKNOWN
from slackvm.model.codes import Code
from slackvm.model.placement import PlacementRequest
from slackvm.model.policies import Policy
from slackvm.model.refusal import Refusal


class NobodyError(Exception):
    """No host takes the VM."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def reserve(
    cluster: Cluster, policy: Policy, request: VMRequest, refused: Mapping[HostRecord, Refusal]
) -> Reservation:
    """Choose a host for a VM and reserve its place there.

    Args:
        cluster: the cluster; its lock is held, and nobody has the name.
        policy: scores the hosts.
        request: the VM.
        refused: hosts that refused the same request already.

    Raises:
        NobodyError: no host takes it.
        StoreError: the reservation cannot be written down.
    """
    cluster.ledger.check()
    vm = request.vm()
    choice = choose(cluster, policy, PlacementRequest(vm, request.labels), refused)
    excluded = [member.name for member in refused]
    if choice.member is None:
        refusal = choice.why_not()
        entry = vm_entry("reserve", None, vm, REFUSED, refusal.code, excluded)
        cluster.ledger.log_only(entry)
        raise NobodyError(refusal)
    order = Reservation(request, choice.member, secrets.token_hex(16))
    cluster.ledger.write_durably(
        lambda lines: cluster.store.reserve(order.stored, lines),
        vm_entry("reserve", choice.member, vm, excluded=excluded),
    )
    choice.member.orders[order.name] = order
    cluster.changed(choice.member, choice.member.room.with_vm(vm))
    return order


def ask_again(cluster: Cluster, member: HostRecord, request: VMRequest) -> Reservation:
    """Return an order for a VM that a host has already: whether it is the same is for it to say."""
    order = Reservation(request, member, secrets.token_hex(16), again=True)
    member.orders[order.name] = order
    cluster.changed(member)
    return order


def confirm(
    cluster: Cluster,
    order: Reservation,
    vm: VMReply,
    summary: SummaryReply | None,
    asked_at: float,
    *,
    is_new: bool = False,
) -> None:
    """End an order: the VM is there.

    Args:
        cluster: the cluster.
        order: the order; it may have ended already, by what the host told meanwhile.
        vm: the VM.
        summary: its host in numbers, where that was told.
        asked_at: when the host was asked, on the monotonic clock.
        is_new: whether the host said that it has just made it.
    """
    with cluster.lock:
        member = order.member
        if member.orders.get(order.name) is order:
            del member.orders[order.name]
            member.vms[vm.name] = vm
            entries = [
                vm_entry(op, member, order.request.vm())
                for op in ("deploy", "confirm")
                if not order.again
            ]
            cluster.ledger.write_eventually(
                lambda lines: cluster.store.confirm(order.name, member.ordinal, vm, lines),
                *entries,
            )
        order.done = True
        _heard(member, summary, asked_at, steps=int(is_new))
        is_there = vm.name in member.vms
        cluster.changed(member, member.room.with_vm(model_vm(vm)) if is_there else None)
        cluster.settled.notify_all()


def release(cluster: Cluster, order: Reservation, code: str) -> None:
    """End an order: the VM is not there, and no request is on its way that could make it."""
    with cluster.lock:
        member, name = order.member, order.name
        if member.orders.get(name) is not order:
            return
        del member.orders[name]
        room = member.room
        if name in member.vms:
            room = room.with_vm(model_vm(member.vms[name]))
        else:
            room = room.without_vm(name)
        vm = order.request.vm()
        if not order.again:
            cluster.ledger.write_eventually(
                lambda lines: cluster.store.release(name, lines),
                vm_entry("deploy", member, vm, REFUSED, code),
                vm_entry("release", member, vm, code=code),
            )
        cluster.changed(member, room)
        cluster.settled.notify_all()


def lose(cluster: Cluster, order: Reservation) -> None:
    """Note that an answer was lost: the VM may be there, or come yet."""
    with cluster.lock:
        order.lost = True
        if not order.again and not order.done:
            vm = order.request.vm()
            cluster.ledger.log_only(
                vm_entry("deploy", order.member, vm, UNKNOWN, Code.OUTCOME_UNKNOWN)
            )


def leave_open(cluster: Cluster, order: Reservation) -> None:
    """Let another thread find out what came of an order."""
    with cluster.lock:
        order.busy = False
        cluster.settled.notify_all()


def settle(cluster: Cluster, order: Reservation, vm: VMReply | None, asked_at: float) -> None:
    """End an order whose requests were withdrawn, by what the host has of that name."""
    if vm is not None and made_by(order, vm):
        confirm(cluster, order, vm, None, asked_at)
    else:
        release(cluster, order, Code.CANCELLED)


def changed(cluster: Cluster, member: HostRecord, reply: ChangedReply, asked_at: float) -> None:
    """Take over a VM whose state was changed."""
    with cluster.lock:
        if reply.name not in member.vms:
            return
        vm = member.vms[reply.name] = bare(reply)
        cluster.ledger.write_eventually(
            lambda lines: cluster.store.set_vms(member.ordinal, [vm], (), lines)
        )
        _heard(member, reply.summary, asked_at)
        cluster.changed(member)


def removed(
    cluster: Cluster, member: HostRecord, vm: VMReply, summary: SummaryReply | None, asked_at: float
) -> None:
    """Take over that a VM is gone."""
    with cluster.lock:
        known = member.vms.get(vm.name)
        room = member.room
        if known is not None and known.created == vm.created:
            del member.vms[vm.name]
            if vm.name not in member.orders:
                room = room.without_vm(vm.name)
            cluster.ledger.write_eventually(
                lambda lines: cluster.store.set_vms(member.ordinal, (), [vm.name], lines),
                vm_entry("remove", member, model_vm(vm)),
            )
        _heard(member, summary, asked_at, steps=1)
        cluster.changed(member, room)


def not_removed(cluster: Cluster, name: str) -> None:
    """Note that a VM was to be removed that there is not."""
    with cluster.lock:
        if not cluster.ledger.is_behind:
            cluster.ledger.log_only(no_vm_entry(name))


def _heard(
    member: HostRecord, summary: SummaryReply | None, asked_at: float, steps: int = 0
) -> None:
    """Take over a host in numbers, told after a change that counts so many generations."""
    if summary is None or member.is_older(summary.instance, summary.generation, asked_at):
        # What came of the change is not in the picture that there is, and may be undone since.
        member.etag = ""
        return
    member.take_summary(summary, steps)
    member.last_seen = time.monotonic()
