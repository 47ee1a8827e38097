"""The operations log: every decision of a host or a controller in order, one JSON object a line.

Daemons append to it (`Journal`); `operations_reader` reads it.
"""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slackvm.formats.rotation import repair_rotation, rotate
from slackvm.model.placement import PlacementRequest
from slackvm.model.plan import Plan
from slackvm.model.vm import VM

HOST_OPERATIONS = ("deploy", "remove", "withhold", "reset", "snapshot")
"""`withhold`: unmanaged VMs were started, changed or stopped. `reset`: the host has no vNodes from
here on. `snapshot`: the first line of a file after a rotation, of a controller too; it has the
whole state, so that later lines can be decided without earlier ones."""

CLUSTER_OPERATIONS = (
    *("start", "host", "forget", "cordon", "uncordon"),
    *("reserve", "deploy", "confirm", "release", "remove"),
    *("add", "move", "fence", "unfence", "vm_start", "vm_stop", "vm_restart"),
    *("lost", "found", "let_go"),
)
"""`start`: the controller starts with a policy, and knows no host's state yet. `host`: the facts
about a host that differ from what the controller's own operations made of them. `forget`: a host
was removed from the cluster. `reserve`: a host was chosen for a VM. `deploy`: the host's answer.
`confirm`: the VM exists. `release`: the VM does not exist and will not be created. `lost`: the host
does not have the VM any more, and nobody removed it. No decision depends on the last ones. `add`: a
host was added. `move`: it got another address. `fence`,
`unfence`: it was evacuated, and accepted again. `vm_start`, `vm_stop`, `vm_restart`: its host did
this with a VM. `found`: a host has a lost VM again. `let_go`: a client let a lost VM go."""

OPERATIONS = tuple(dict.fromkeys([*HOST_OPERATIONS, *CLUSTER_OPERATIONS]))

ACCEPTED = "accepted"
REFUSED = "refused"
UNKNOWN = "unknown"
"""Outcome of a controller's `deploy` to which the host gave no answer."""

OUTCOMES = (ACCEPTED, REFUSED, UNKNOWN)

_OFTEN_ABSENT = (
    *("withheld", "policy", "room", "excluded", "labels", "require"),
    *("owner", "by", "client", "required_host", "anti_affinity", "spec", "state"),
)

Changes = Mapping[str, list[int]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation and what was decided.

    Attributes:
        seq: its number; each operation has the next one.
        time: seconds: since the epoch, or of the recording's clock.
        op: one of `OPERATIONS`, or a word of a later release.
        name: the VM's name; empty if the operation is not about a VM.
        vcpus: vCPUs; None if a removal names a VM that does not exist (as for the next two).
        memory_mib: MiB; of a `withhold`, those of all unmanaged VMs.
        level: oversubscription level.
        host: name of the host that decided; in a controller's log, of the host that it is about.
        outcome: one of `OUTCOMES`, or a word of a later release.
        code: why it was refused.
        gains: CPUs in the order in which they were taken, per vNode (its level as text).
        loses: CPUs in the order in which they were given back, per vNode.
        withheld: of a `withhold`, the CPUs that unmanaged VMs are pinned to.
        policy: of a `start`, the name of the policy.
        room: of a `host`, the facts that have changed; see docs/cluster.md.
        excluded: of a `reserve`, hosts that had refused the same request before, or whose release
            cannot take it.
        labels: of a `deploy` or `reserve`, the VM's labels; None if it has none.
        require: of a `reserve`, the labels that the host must have; None without any.
        owner: owner of the VM; None if it has none.
        by: name of the token of the request that caused it; None: it has none, or the daemon found
            it out by itself.
        client: IP address that the request came from; None as for `by`.
        required_host: of a `reserve`, the name of the host that the request is for; None: any.
        anti_affinity: of a `reserve`, the group whose VMs are on different hosts; None: no group.
        spec: of a `lost`, what else the VM was: image, clone, labels, owner, group, creation time.
        state: of a `snapshot`, the state on which later decisions depend; see docs/cluster.md and
            docs/recording.md.
    """

    seq: int
    time: float
    op: str
    name: str
    vcpus: int | None
    memory_mib: int | None
    level: float | None
    host: str
    outcome: str
    code: str | None = None
    gains: Changes = field(default_factory=dict)
    loses: Changes = field(default_factory=dict)
    withheld: list[int] | None = None
    policy: str | None = None
    room: Mapping[str, Any] | None = None
    excluded: list[str] | None = None
    labels: Mapping[str, str] | None = None
    require: Mapping[str, str] | None = None
    owner: str | None = None
    by: str | None = None
    client: str | None = None
    required_host: str | None = None
    anti_affinity: str | None = None
    spec: Mapping[str, Any] | None = None
    state: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, plan: Plan, seq: int, time: float, host: str) -> "Operation":
        """Return the log entry of a plan that was carried out, or refused."""
        vm = plan.vm
        withheld = None
        memory_mib = vm.memory_mib if vm else None
        if plan.operation == "withhold":
            withheld = sorted(plan.topology.cpus[place].cpu_id for place in plan.reserved)
            memory_mib = plan.reserved_mib
        return cls(
            seq,
            time,
            plan.operation,
            plan.name,
            vm.vcpus if vm else None,
            memory_mib,
            vm.level if vm else None,
            host,
            ACCEPTED if plan.accepted else REFUSED,
            plan.refusal.code if plan.refusal else None,
            {str(change.level): list(change.gains) for change in plan.changes if change.gains},
            {str(change.level): list(change.loses) for change in plan.changes if change.loses},
            withheld,
        )

    @property
    def is_known(self) -> bool:
        """Whether this release knows what the operation does; a later release may have others."""
        return self.op in OPERATIONS and self.outcome in OUTCOMES

    @property
    def is_of_host(self) -> bool:
        """Whether it is in the log of a host, as far as one operation shows it."""
        if self.op == "snapshot":
            return self.state is not None and "vnodes" in self.state
        return self.op in HOST_OPERATIONS

    def to_line(self) -> bytes:
        """Return it as a line of the log."""
        entry = asdict(self)
        for name in _OFTEN_ABSENT:
            if entry[name] is None:
                del entry[name]
        if self.op not in HOST_OPERATIONS:
            del entry["gains"], entry["loses"]
        return json.dumps(entry).encode() + b"\n"

    def request(self) -> VM:
        """Return the VM that was requested.

        Raises:
            ValueError: a field of the request is missing or out of range.
        """
        if self.vcpus is None or self.memory_mib is None or self.level is None:
            raise ValueError("vcpus, memory_mib or level is missing")
        return VM(self.name, self.vcpus, self.memory_mib, self.level)

    def placement_request(self) -> PlacementRequest:
        """Return what a `reserve` placed, and what it demanded of the host.

        Raises:
            ValueError: a field of the request is missing or out of range.
        """
        return PlacementRequest(
            self.request(),
            self.labels or {},
            self.require or {},
            self.required_host or "",
            self.owner or "",
            self.anti_affinity or "",
        )


class Journal:
    """`operations.jsonl`, one line per operation.

    A line that a crash cut short is removed when the log is opened: the state file, which a daemon
    writes first, has the whole line.

    Attributes:
        seq: number of the last operation in it; 0 for none.
        grown: notified when an operation was appended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        repair_rotation(path)
        self.seq = _mend(path)
        self.grown = threading.Condition()
        self._file = path.open("ab", buffering=0)

    def append(self, line: bytes, seq: int, *, durably: bool = True) -> None:
        """Append an operation, and sync it if it must survive a power failure.

        Raises:
            OSError: it cannot be written; a partly written line is removed.
        """
        end = self._file.seek(0, os.SEEK_END)
        try:
            rest = line
            while rest:
                rest = rest[self._file.write(rest) :]
            if durably:
                os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise
        with self.grown:
            self.seq = seq
            self.grown.notify_all()

    @property
    def size(self) -> int:
        """Bytes in the present file."""
        return os.fstat(self._file.fileno()).st_size

    def rotate(self, line: bytes, seq: int) -> None:
        """Begin a new file with a snapshot; the present one is kept under another name.

        Raises:
            OSError: it cannot be written; operations are appended to the present file.
        """
        self.sync()
        rotate(self.path, line)
        self._file.close()
        self._file = self.path.open("ab", buffering=0)
        with self.grown:
            self.seq = seq
            self.grown.notify_all()

    def sync(self) -> None:
        """Sync what was appended to the disk.

        Raises:
            OSError: it cannot be written.
        """
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _mend(path: Path) -> int:
    """Cut off a torn last line, and return the number of the last operation."""
    try:
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            tail = b""
            start = size
            while start > 0 and tail.count(b"\n") < 2:
                start = max(0, start - 65536)
                file.seek(start)
                tail = file.read(size - start)
            whole = tail.rfind(b"\n") + 1
            file.truncate(start + whole)
            lines = tail[:whole].splitlines()
            return int(json.loads(lines[-1])["seq"]) if lines else 0
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError):
        # Not an operations log: keep the file under another name, and start a new one.
        path.rename(path.with_suffix(".jsonl.damaged"))
        return 0
