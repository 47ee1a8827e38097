"""What the hypervisor cannot hold and must survive the daemon: the order of the CPUs, empty vNodes.

One small file, written whole or not at all. The hypervisor stays the truth for which VMs there are;
a file that is missing, damaged or of another version costs the order of the CPUs and nothing else.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slackvm.formats.files import atomic_write, lock_file
from slackvm.model.host import Host
from slackvm.model.vm import VM

VERSION = 1


class StateError(ValueError):
    """The state file cannot be used; says why."""


@dataclass(frozen=True)
class State:
    """A host's vNodes as they were, and where its operations log stood.

    Attributes:
        seq: number of the last operation.
        unlogged: operations that the log may lack, numbers and lines; the last one is among them.
        vnodes: level, CPUs in the order taken, VMs.
        uuids: UUID of each VM by name.
        withheld: CPUs withheld for VMs of somebody else.
        withheld_mib: memory of those VMs.
    """

    seq: int
    unlogged: list[tuple[int, bytes]]
    vnodes: list[tuple[float, list[int], list[VM]]]
    uuids: dict[str, str]
    withheld: list[int]
    withheld_mib: int

    @classmethod
    def of(
        cls, host: Host, uuids: dict[str, str], seq: int, unlogged: Sequence[tuple[int, bytes]]
    ) -> "State":
        """Return the state of a host."""
        vnodes = [
            (level, list(host.cpu_ids(level)), list(vnode.vms.values()))
            for level, vnode in host.vnodes.items()
        ]
        return cls(seq, list(unlogged), vnodes, uuids, list(host.withheld), host.withheld_mib)

    def restore(self, host: Host) -> None:
        """Make it a host's state.

        Raises:
            ValueError: the host cannot be in it, since its CPUs are others now, for instance.
        """
        host.restore(self.vnodes, self.withheld, self.withheld_mib)


def write_state(path: Path, state: State) -> None:
    """Write the file; once this returns, it survives a loss of power.

    Raises:
        OSError: it cannot be written; the old one is still there.
    """
    document = {
        "version": VERSION,
        "seq": state.seq,
        "last": b"".join(line for _, line in state.unlogged).decode(),
        "vnodes": [
            {
                "level": level,
                "cpus": cpu_ids,
                "vms": [
                    {
                        "name": vm.name,
                        "uuid": state.uuids[vm.name],
                        "vcpus": vm.vcpus,
                        "memory_mib": vm.memory_mib,
                    }
                    for vm in vms
                ],
            }
            for level, cpu_ids, vms in state.vnodes
        ],
        "withheld": state.withheld,
        "withheld_mib": state.withheld_mib,
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_state(path: Path) -> State | None:
    """Return the state; None where there is no file.

    Raises:
        StateError: the file cannot be read, is damaged, or is of another version.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise StateError(f"{path}: cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        found = document.get("version") if isinstance(document, dict) else None
        raise StateError(f"{path}: version {found!r} instead of {VERSION}")
    try:
        return _parsed(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"{path}: not a state: {error!r}") from error


def _parsed(document: dict[str, Any]) -> State:
    vnodes: list[tuple[float, list[int], list[VM]]] = []
    uuids: dict[str, str] = {}
    for vnode in document["vnodes"]:
        level = float(vnode["level"])
        vms = []
        for entry in vnode["vms"]:
            vms.append(VM(entry["name"], entry["vcpus"], entry["memory_mib"], level))
            uuids[entry["name"]] = str(entry["uuid"])
        vnodes.append((level, [int(cpu_id) for cpu_id in vnode["cpus"]], vms))
    withheld = [int(cpu_id) for cpu_id in document["withheld"]]
    memory_mib = int(document["withheld_mib"])
    lines = str(document["last"]).encode().splitlines(keepends=True)
    unlogged = [(int(json.loads(line)["seq"]), line) for line in lines]
    return State(int(document["seq"]), unlogged, vnodes, uuids, withheld, memory_mib)


class StateFolder:
    """The state directory, which one daemon has to itself.

    Raises:
        StateError: another daemon has it, or it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # QEMU, often a user of its own, must be able to pass through to the overlays in it.
            path.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._lock = lock_file(path / "lock")
        except BlockingIOError as error:
            raise StateError(f"SCL_STATE_DIR: {path} is in use by another daemon") from error
        except OSError as error:
            raise StateError(f"SCL_STATE_DIR: {path}: {error.strerror}") from error

    def close(self) -> None:
        """Let another daemon have it."""
        os.close(self._lock)
