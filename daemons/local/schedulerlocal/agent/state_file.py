"""`state.json`: what the hypervisor cannot hold, the order of the CPUs and the empty vNodes.

It is a small file, written whole or not at all. Which VMs exist, the hypervisor knows; without a
usable file vNodes are built from scratch, which may change the CPUs of running VMs.

`slackvm.formats.versions` says how releases read each other's files. Release 0.1.0 accepts
`"version": 1` only and ignores fields that it does not know: as long as fields are only added, the
version stays 1.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from schedulerlocal.hypervisor import ObservedVM
from slackvm.formats.files import atomic_write
from slackvm.formats.versions import readable_version
from slackvm.model.host import Host
from slackvm.model.vm import VM

VERSION = 1
READABLE_BY = 1
"""The oldest version whose readers can use what is written here."""

LogLines = Sequence[tuple[int, bytes]]
"""Lines of the operations log with their numbers."""


class Removal(NamedTuple):
    """A managed VM that was removed.

    Attributes:
        name: its name.
        created: when it was created, in seconds since the epoch.
        time: when it was removed, in seconds since the epoch.
    """

    name: str
    created: float
    time: float


class StateError(ValueError):
    """The state file cannot be used; says why."""


@dataclass(frozen=True)
class State:
    """A state file.

    Attributes:
        version: version of its writer.
        seq: number of the last operation.
        unlogged: operations that the log may lack; the last one is among them.
        vnodes: level, CPUs in the order taken, VMs.
        reserved: CPUs reserved for unmanaged VMs.
        reserved_mib: memory of those VMs.
        removals: the last VMs that were removed, the latest last.
    """

    version: int
    seq: int
    unlogged: LogLines
    vnodes: list[tuple[float, list[int], list[VM]]]
    reserved: list[int]
    reserved_mib: int
    removals: Sequence[Removal] = ()

    def restore(self, host: Host) -> None:
        """Put a host into this state.

        Raises:
            ValueError: the host cannot be in it, since it now has other CPUs, for instance.
        """
        host.restore(self.vnodes, self.reserved, self.reserved_mib)


def write_state(
    path: Path,
    host: Host,
    vms: Mapping[str, ObservedVM],
    seq: int,
    unlogged: LogLines,
    removals: Sequence[Removal] = (),
) -> None:
    """Write a host's state; once this returns, it survives a loss of power.

    Args:
        path: the file.
        host: the host.
        vms: its VMs by name, for their UUIDs.
        seq: number of the last operation.
        unlogged: operations that the log may lack.
        removals: the last VMs that were removed.

    Raises:
        OSError: it cannot be written; the old file is still there.
    """
    document = {
        "version": VERSION,
        "readable_by": READABLE_BY,
        "seq": seq,
        "last": b"".join(line for _, line in unlogged).decode(),
        "vnodes": [
            {
                "level": level,
                "cpus": list(host.cpu_ids(level)),
                "vms": [_entry(vm, vms.get(vm.name)) for vm in vnode.vms.values()],
            }
            for level, vnode in host.vnodes.items()
        ],
        "withheld": list(host.reserved_for_unmanaged),
        "withheld_mib": host.reserved_for_unmanaged_mib,
        "removals": [list(removal) for removal in removals],
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _entry(vm: VM, observed: ObservedVM | None) -> dict[str, Any]:
    return {
        "name": vm.name,
        "uuid": observed.uuid if observed else "",
        "vcpus": vm.vcpus,
        "memory_mib": vm.memory_mib,
    }


def read_state(path: Path) -> State | None:
    """Return the state; None if there is no file.

    Raises:
        StateError: the file cannot be read, is damaged, or needs a later release.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise StateError(f"{path}: cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise StateError(f"{path}: not a state file")
    try:
        return _parsed(document, readable_version(document, VERSION))
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise StateError(f"{path}: {error!r}") from error


def _parsed(document: dict[str, Any], version: int) -> State:
    vnodes: list[tuple[float, list[int], list[VM]]] = []
    for vnode in document["vnodes"]:
        level = float(vnode["level"])
        vms = [VM(vm["name"], vm["vcpus"], vm["memory_mib"], level) for vm in vnode["vms"]]
        vnodes.append((level, [int(cpu_id) for cpu_id in vnode["cpus"]], vms))
    reserved = [int(cpu_id) for cpu_id in document["withheld"]]
    memory_mib = int(document["withheld_mib"])
    lines = str(document["last"]).encode().splitlines(keepends=True)
    unlogged = [(int(json.loads(line)["seq"]), line) for line in lines]
    removals = [
        Removal(str(name), float(created), float(time))
        for name, created, time in document.get("removals", [])
    ]
    return State(version, int(document["seq"]), unlogged, vnodes, reserved, memory_mib, removals)
