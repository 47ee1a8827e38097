"""The controller's decisions, written to the store and to the operations log in the same order."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from schedulerglobal.store.base import Store, StoreError
from schedulerglobal.store.records import Lines
from slackvm.formats.operations import ACCEPTED, REFUSED, Journal, Operation
from slackvm.formats.origin import current_origin
from slackvm.model.codes import Code
from slackvm.model.placement import PlacementRequest
from slackvm.model.vm import VM

log = structlog.get_logger()

_KEPT_LINES = 512
"""Lines of the log that the store keeps before the log is synced to its disk."""

_ROTATE_AGAIN_S = 60.0

Write = Callable[[Lines], None]


class Ledger:
    """Store and operations log of a controller; used under the cluster's lock.

    The log is not synced with each operation: the store is, and has the last lines of the log too.
    At the next start it completes a log whose end a loss of power took.

    A decision of the controller must be written before it is carried out (`write_durably`). What
    hosts report again may be written later (`write_eventually`), for example when the disk is full.

    Attributes:
        errors: how often the store or the log could not be written.
    """

    def __init__(self, store: Store, journal: Journal, lines: Lines) -> None:
        self.errors = 0
        self._store = store
        self._journal = journal
        self._late: list[tuple[Write, Lines]] = []
        self._unlogged: list[tuple[int, bytes]] = []
        self._error = StoreError(Code.STORAGE_FAILED, "")
        self._kept = 0
        self._rotate_after = 0.0
        self._seq = journal.seq
        for seq, line in lines:
            if seq > self._seq:
                self._unlogged.append((seq, line))
                self._seq = seq
        self._append()

    @property
    def is_behind(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._late or self._unlogged)

    def write_durably(self, write: Write, *operations: Operation) -> None:
        """Write a change and its operations, or nothing.

        Raises:
            StoreError: it cannot be written.
        """
        self.check()
        lines = self._numbered(operations)
        try:
            write(lines)
        except StoreError as error:
            self._failed(error)
            self._seq -= len(lines)
            raise
        self._log(lines)

    def check(self) -> None:
        """Check that the store can be written.

        Raises:
            StoreError: an earlier change still cannot be written.
        """
        self.catch_up()
        if self._late:
            raise self._error

    def write_eventually(self, write: Write, *operations: Operation) -> None:
        """Write a change and its operations now, or as soon as possible."""
        self._late.append((write, self._numbered(operations)))
        self.catch_up()

    def log_only(self, *operations: Operation) -> None:
        """Log operations that change nothing in the store."""
        self.write_eventually(self._store.write_lines, *operations)

    def catch_up(self) -> None:
        """Write earlier changes that could not be written."""
        while self._late:
            write, lines = self._late[0]
            try:
                write(lines)
            except StoreError as error:
                self._failed(error)
                return
            del self._late[0]
            self._log(lines)
        if self._unlogged:
            self._append()

    def is_rotation_due(self, most_bytes: float) -> bool:
        """Return whether the log is larger than this, and nothing waits to be written."""
        is_tried = time.monotonic() < self._rotate_after
        return not is_tried and not self.is_behind and self._journal.size > most_bytes

    def rotate(self, snapshot: Operation) -> None:
        """Let the log go on in a new file, which begins with a snapshot of the present state.

        If that fails, the log stays as it is, and it is tried again a minute later.
        """
        [(seq, line)] = self._numbered([snapshot])
        try:
            self._journal.rotate(line, seq)
            # The lines before it are on the disk.
            self._store.drop_lines(seq)
            self._kept = 0
        except (OSError, StoreError) as error:
            self._seq = self._journal.seq
            self._rotate_after = time.monotonic() + _ROTATE_AGAIN_S
            self._failed(error)
            return
        log.info("operations_log_rotated", seq=seq, path=str(self._journal.path))

    def close(self) -> None:
        """Write what is left, as far as possible, and close store and log."""
        self.catch_up()
        self._journal.close()
        self._store.close()

    def _numbered(self, operations: Sequence[Operation]) -> Lines:
        lines = []
        for operation in operations:
            self._seq += 1
            lines.append((self._seq, replace(operation, seq=self._seq).to_line()))
        return lines

    def _log(self, lines: Lines) -> None:
        self._unlogged += lines
        self._append()

    def _append(self) -> None:
        try:
            while self._unlogged:
                seq, line = self._unlogged[0]
                self._journal.append(line, seq, durably=False)
                del self._unlogged[0]
                self._kept += 1
            if self._kept >= _KEPT_LINES:
                self._journal.sync()
                self._store.drop_lines(self._journal.seq)
                self._kept = 0
        except (OSError, StoreError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        if isinstance(error, StoreError):
            self._error = error
        log.error("store_write_failed", error=str(error))


def entry(op: str, **fields: Any) -> Operation:
    """Return an entry of the operations log, which happens now; the ledger numbers it.

    Args:
        op: the operation.
        fields: those of `Operation` that differ from an accepted operation without a VM or host,
            which the request caused that this thread answers, if any.
    """
    origin = current_origin()
    given = {
        "name": "",
        "vcpus": None,
        "memory_mib": None,
        "level": None,
        "host": "",
        "outcome": ACCEPTED,
        "by": origin.by,
        "client": origin.client,
        **fields,
    }
    return Operation(seq=0, time=time.time(), op=op, **given)


def vm_entry(op: str, host: str, vm: VM, owner: str, **fields: Any) -> Operation:
    """Return an operation on a VM.

    Args:
        op: the operation.
        host: name of the VM's host; empty: none.
        vm: the VM.
        owner: its owner; empty: it has none.
        fields: further fields of `Operation`.
    """
    of_vm = {
        "name": vm.name,
        "vcpus": vm.vcpus,
        "memory_mib": vm.memory_mib,
        "level": vm.level,
    }
    return entry(op, **of_vm, host=host, owner=owner or None, **fields)


def reserve_entry(
    host: str, request: PlacementRequest, excluded: list[str], code: str | None = None
) -> Operation:
    """Return the entry of a placement: the chosen host, or the reason of the refusal.

    Args:
        host: name of the host; empty: no host takes the VM.
        request: what was to be placed.
        excluded: names of hosts that refused the request before, or whose release cannot take it.
        code: why no host takes it.
    """
    return vm_entry(
        "reserve",
        host,
        request.vm,
        request.owner,
        outcome=ACCEPTED if host else REFUSED,
        code=code,
        excluded=excluded or None,
        labels=dict(request.labels) or None,
        require=dict(request.require) or None,
        required_host=request.host or None,
        anti_affinity=request.anti_affinity or None,
    )
