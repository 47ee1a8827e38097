"""Entries of the controller's operations log."""

import time
from collections.abc import Mapping
from typing import Any

from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.vms import VMSpec
from slackvm.formats.operations import ACCEPTED, REFUSED, Operation
from slackvm.model.codes import Code
from slackvm.model.vm import VM


def start_entry(policy: str) -> Operation:
    """Return that the controller starts; no host's state is known yet."""
    return _entry("start", policy=policy)


def host_entry(op: str, host: HostRecord) -> Operation:
    """Return an operation on a host: `cordon`, `uncordon` or `forget`."""
    return _entry(op, host=host.name)


def resources_entry(host: HostRecord, before: Mapping[str, Any] | None) -> list[Operation]:
    """Return what of a host's facts has changed; nothing where nothing has.

    Args:
        host: the host as it is now.
        before: its facts before; None: this is its first report since the controller started.
    """
    now = host.facts()
    changed = {
        name: value for name, value in now.items() if before is None or before[name] != value
    }
    if not changed:
        return []
    if before is None:
        changed["cordoned"] = host.cordoned
    return [_entry("host", host=host.name, room={"position": host.ordinal, **changed})]


def vm_entry(
    op: str, host: HostRecord | None, vm: VM, outcome: str = ACCEPTED, code: str | None = None
) -> Operation:
    """Return an operation on a VM."""
    return _entry(op, **_of_vm(host, vm), outcome=outcome, code=code)


def reserve_entry(
    host: HostRecord | None, spec: VMSpec, excluded: list[str], code: str | None = None
) -> Operation:
    """Return the entry of a placement: the chosen host, or the reason of the refusal.

    Args:
        host: the host; None: no host takes it.
        spec: the VM.
        excluded: names of hosts that refused the request before, or whose release cannot take it.
        code: why no host takes it.
    """
    return _entry(
        "reserve",
        **_of_vm(host, spec.vm),
        outcome=ACCEPTED if host else REFUSED,
        code=code,
        excluded=excluded or None,
        labels=dict(spec.labels) or None,
        require=dict(spec.require) or None,
    )


def no_vm_entry(name: str) -> Operation:
    """Return that a VM was to be removed that does not exist."""
    return _entry("remove", name=name, outcome=REFUSED, code=Code.VM_NOT_FOUND)


def _of_vm(host: HostRecord | None, vm: VM) -> dict[str, Any]:
    return {
        "name": vm.name,
        "vcpus": vm.vcpus,
        "memory_mib": vm.memory_mib,
        "level": vm.level,
        "host": host.name if host else "",
    }


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
