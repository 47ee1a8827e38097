"""What hosts say of themselves, taken over into the cluster; and that they say nothing."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import structlog

from schedulerglobal.hosts.replies import Picture
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord, Reservation, model_vm
from schedulerglobal.state.log_entries import room_entry, vm_entry
from schedulerglobal.state.resources import UNKNOWN, HostResources
from slackvm.api.vms import VMReply
from slackvm.formats.operations import Operation

log = structlog.get_logger()


def saw(cluster: Cluster, member: HostRecord, picture: Picture | None, asked_at: float) -> bool:
    """Take over a picture of a host; None: it is as it was.

    Args:
        cluster: the cluster.
        member: the host.
        picture: what it told.
        asked_at: when it was asked, on the monotonic clock.

    Returns:
        Whether the picture was taken; otherwise it is older than what is known, and the host
        should be asked again.
    """
    with cluster.lock, _looking(cluster, member):
        if member.forgotten:
            return True
        if picture is None:
            member.last_seen = time.monotonic()
            if member.told and member.is_unknown:
                told = member.told
                _become(cluster, member, replace(member.room, state=told.state, reason=told.reason))
            return True
        host = picture.host
        if member.is_older(host.instance, host.generation, asked_at):
            return False
        stranger = _stranger(cluster, member, host.name)
        if stranger:
            _become_unknown(cluster, member, stranger)
        else:
            _take(cluster, member, picture)
        return True


def lost(cluster: Cluster, member: HostRecord, reason: str) -> None:
    """Note that a host does not answer as one of ours; what it has is kept."""
    with cluster.lock, _looking(cluster, member):
        if not member.forgotten:
            _become_unknown(cluster, member, reason)


def made_by(order: Reservation, vm: VMReply) -> bool:
    """Tell whether a VM is what an order asks for, as far as that can be told from outside."""
    asked = order.request
    return model_vm(vm) == asked.vm() and vm.clone == asked.clone


def _take(cluster: Cluster, member: HostRecord, picture: Picture) -> None:
    ledger, store = cluster.ledger, cluster.store
    vms = {vm.name: vm for vm in picture.vms.vms}
    for name, order in list(member.orders.items()):
        if name in vms and not order.again and made_by(order, vms[name]):
            del member.orders[name]
            order.done = True
            _confirm(cluster, order, vms[name])
    gone = {name for name in member.removing if name in member.vms and name not in vms}
    operations = [vm_entry("remove", member, model_vm(member.vms[name])) for name in gone]
    known = replace(
        member.room, vms={name: vm for name, vm in member.room.vms.items() if name not in gone}
    )
    room = member.room_of(picture)
    operations += room_entry(member, room, known if member.told else None, picture.host.name)
    _write_vms(cluster, member, vms, operations)
    if member.known_as != picture.host.name:
        member.known_as = picture.host.name
        ledger.write_eventually(lambda lines: store.set_host(member.stored, lines))
    member.take_picture(picture)
    member.last_seen = time.monotonic()
    _tell(member, room)
    cluster.changed(member, room)
    cluster.settled.notify_all()


def _confirm(cluster: Cluster, order: Reservation, vm: VMReply) -> None:
    member = order.member
    cluster.ledger.write_eventually(
        lambda lines: cluster.store.confirm(order.name, member.ordinal, vm, lines),
        vm_entry("confirm", member, order.request.vm()),
    )


def _write_vms(
    cluster: Cluster, member: HostRecord, vms: Mapping[str, VMReply], operations: list[Operation]
) -> None:
    changed = [vm for name, vm in vms.items() if not _is_kept(member.vms.get(name), vm)]
    gone = [name for name in member.vms if name not in vms]
    if changed or gone:
        cluster.ledger.write_eventually(
            lambda lines: cluster.store.set_vms(member.ordinal, changed, gone, lines), *operations
        )
    elif operations:
        cluster.ledger.log_only(*operations)


def _is_kept(before: VMReply | None, now: VMReply) -> bool:
    """Tell whether a VM is in the store as it is now; its CPUs are not kept there."""
    return before is not None and before.model_copy(update={"cpu_list": now.cpu_list}) == now


def _stranger(cluster: Cluster, member: HostRecord, name: str) -> str:
    """Return why a host of that name cannot be this one; empty where it can."""
    namesake = cluster.find_host(name)
    if namesake is not None and namesake is not member:
        return f"it says that it is {name}, as {namesake.url.given} does: forget one of them"
    if member.known_as not in ("", name) and member.names:
        return (
            f"it says that it is {name}; VMs are known here of {member.known_as}: forget that host "
            "first, by force, if they are gone"
        )
    return ""


def _become_unknown(cluster: Cluster, member: HostRecord, reason: str) -> None:
    _become(cluster, member, replace(member.room, state=UNKNOWN, reason=reason))


def _become(cluster: Cluster, member: HostRecord, room: HostResources) -> None:
    if (room, room.reason) == (member.room, member.room.reason):
        return
    operations = room_entry(member, room, member.room) if member.told else []
    if operations:
        cluster.ledger.log_only(*operations)
    _tell(member, room)
    cluster.changed(member, room)


def _tell(member: HostRecord, room: HostResources) -> None:
    if (room.state, room.reason) != (member.room.state, member.room.reason):
        log.info("host", host=member.name, state=room.state, reason=room.reason)


@contextmanager
def _looking(cluster: Cluster, member: HostRecord) -> Iterator[None]:
    yield
    if not member.looked_at:
        member.looked_at = True
        cluster.settled.notify_all()
