"""Writes decisions to the store and to the operations log, in the same order."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from schedulerglobal.store.base import Store, StoreError
from schedulerglobal.store.records import Lines
from slackvm.formats.journal import Journal
from slackvm.formats.operations import Operation
from slackvm.model.codes import Code

log = structlog.get_logger()

_KEPT_LINES = 512
"""Lines of the log that the store keeps before the log is synced to its disk."""

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
