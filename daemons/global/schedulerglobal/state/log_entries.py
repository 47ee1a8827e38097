"""Entries of the controller's operations log."""

import time
from typing import Any

from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.resources import HostResources
from slackvm.formats.operations import ACCEPTED, REFUSED, Operation
from slackvm.model.codes import Code
from slackvm.model.vm import VM


def start_entry(policy: str) -> Operation:
    """Return that the controller starts; it knows no host's state yet."""
    return _entry("start", policy=policy)


def host_entry(op: str, member: HostRecord) -> Operation:
    """Return that something is done to a host: `cordon`, `uncordon`, `forget`."""
    return _entry(op, host=member.name)


def room_entry(
    member: HostRecord, room: HostResources, known: HostResources | None, name: str | None = None
) -> list[Operation]:
    """Return that a host has other room than is known; nothing where it has not.

    Args:
        member: the host.
        room: what it has.
        known: what it should have; None: it is heard of for the first time since the start.
        name: its name, where that is not what it was.
    """
    told = room.difference(known)
    if not told:
        return []
    if known is None:
        told["cordoned"] = member.cordoned
    return [_entry("host", host=name or member.name, room={"position": member.ordinal, **told})]


def vm_entry(
    op: str,
    member: HostRecord | None,
    vm: VM,
    outcome: str = ACCEPTED,
    code: str | None = None,
    excluded: list[str] | None = None,
) -> Operation:
    """Return that something is done to a VM."""
    return _entry(
        op,
        name=vm.name,
        vcpus=vm.vcpus,
        memory_mib=vm.memory_mib,
        level=vm.level,
        host=member.name if member else "",
        outcome=outcome,
        code=code,
        excluded=excluded or None,
    )


def no_vm_entry(name: str) -> Operation:
    """Return that a VM was to be removed that there is not."""
    return _entry("remove", name=name, outcome=REFUSED, code=Code.VM_NOT_FOUND)


def _entry(op: str, **fields: Any) -> Operation:
    given = {
        "name": "",
        "vcpus": None,
        "memory_mib": None,
        "level": None,
        "host": "",
        "outcome": ACCEPTED,
        **fields,
    }
    # The ledger numbers it.
    return Operation(seq=0, time=time.time(), op=op, **given)
