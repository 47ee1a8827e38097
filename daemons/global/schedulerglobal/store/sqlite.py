"""The store as an SQLite file, which one controller has to itself."""

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from glob import escape
from pathlib import Path
from typing import TypeVar

from schedulerglobal.store.base import Store, StoreError
from schedulerglobal.store.migrations import UnusableError, prepare
from schedulerglobal.store.records import (
    Lines,
    Stored,
    StoredHost,
    StoredLostVM,
    StoredReservation,
    StoredVM,
)
from schedulerglobal.store.rows import (
    UNREADABLE,
    host_of,
    lost_of,
    readable_rows,
    reservation_of,
    vm_of,
)
from slackvm.formats.files import lock_file
from slackvm.formats.private import close_to_others
from slackvm.model.codes import Code

Record = TypeVar("Record")

_HOST_COLUMNS = "ordinal, url, name, cordoned, labels, label_overrides, api_version, token, fenced"


class SqliteStore(Store):
    """A file in WAL mode, with its `-wal` and `-shm` beside it.

    Args:
        path: the file; a missing file is made, an older one is migrated.

    Raises:
        UnusableError: another controller has it, this release cannot read it, or it cannot be
            made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._skipped = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = lock_file(path.with_name(f"{path.name}.lock"))
            close_to_others(path.parent.glob(f"{escape(path.name)}*"))
            close_to_others(path.parent.glob("operations.jsonl*"))
        except BlockingIOError as error:
            raise UnusableError(f"SCG_STORE: {path} is in use by another controller") from error
        except OSError as error:
            raise UnusableError(f"SCG_STORE: {path}: {error.strerror}") from error
        try:
            self._open()
        except (sqlite3.Error, UnusableError, OSError) as error:
            os.close(self._lock)
            raise UnusableError(f"SCG_STORE: {path}: {error}") from error

    def load(self) -> Stored:
        """Return everything that can be read; a row that cannot is logged and left out."""
        with _store_errors():
            hosts = self._read(
                "hosts",
                f"SELECT {_HOST_COLUMNS} FROM hosts ORDER BY ordinal",  # noqa: S608
                host_of,
            )
            vms: dict[int, list[StoredVM]] = {}
            for host, vm in self._read(
                "vms", "SELECT name, host, record FROM vms ORDER BY name", vm_of
            ):
                vms.setdefault(host, []).append(vm)
            reservations = self._read(
                "reservations",
                "SELECT name, host, idempotency_key, record FROM reservations ORDER BY name",
                reservation_of,
            )
            lost = self._read(
                "lost", "SELECT name, created, record FROM lost ORDER BY name, created", lost_of
            )
            values = self._read("controller", "SELECT key, value FROM controller", _pair)
            lines = list(self._database.execute("SELECT seq, line FROM log ORDER BY seq"))
        return Stored(hosts, vms, reservations, lines, lost, dict(values), self._skipped)

    def reserve(self, reservation: StoredReservation, lines: Lines) -> None:
        """Add a reservation."""
        name, host = reservation.name, reservation.host
        with self._transaction(lines, durable=True):
            if self._database.execute(
                "SELECT 1 FROM vms WHERE name = ? AND host != ?", (name, host)
            ).fetchone():
                raise StoreError(Code.STORAGE_FAILED, f"the store has a VM {name} on another host")
            record = reservation.model_dump_json(exclude={"name", "host", "idempotency_key"})
            self._database.execute(
                "INSERT INTO reservations (name, host, idempotency_key, record) "
                "VALUES (?, ?, ?, ?)",
                (name, host, reservation.idempotency_key, record),
            )

    def confirm(
        self, host: int, vm: StoredVM, lines: Lines, *, rebuilt: float | None = None
    ) -> None:
        """Replace the reservation of a VM by the VM, which may have been rebuilt."""
        with self._transaction(lines):
            if rebuilt is not None:
                self._drop_lost(vm.name, rebuilt)
            self._database.execute("DELETE FROM reservations WHERE name = ?", (vm.name,))
            self._put(host, [vm])

    def release(self, name: str, lines: Lines) -> None:
        """Remove a reservation."""
        with self._transaction(lines):
            self._database.execute("DELETE FROM reservations WHERE name = ?", (name,))

    def set_vms(
        self, host: int, changed: Sequence[StoredVM], gone: Collection[str], lines: Lines
    ) -> None:
        """Write the VMs of a host that are new or changed, and remove those that are gone."""
        with self._transaction(lines):
            self._put(host, changed)
            self._database.executemany(
                "DELETE FROM vms WHERE name = ? AND host = ?", [(name, host) for name in gone]
            )

    def set_host(self, host: StoredHost, lines: Lines) -> None:
        """Write a host that is new or changed."""
        with self._transaction(lines, durable=True):
            self._database.execute(
                f"INSERT INTO hosts ({_HOST_COLUMNS}) "  # noqa: S608
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET url = ?2, "
                "name = ?3, cordoned = ?4, labels = ?5, label_overrides = ?6, api_version = ?7, "
                "token = ?8, fenced = ?9",
                (
                    *host[:4],
                    json.dumps(host.labels),
                    json.dumps(host.label_overrides),
                    *host[6:],
                ),
            )

    def forget_host(self, host: int, lines: Lines) -> None:
        """Remove a host, with its VMs and reservations."""
        with self._transaction(lines, durable=True):
            self._database.execute("DELETE FROM hosts WHERE ordinal = ?", (host,))

    def set_lost(self, host: int, lost: Sequence[StoredLostVM], lines: Lines) -> None:
        """Write VMs that are lost, and remove them from the VMs of the host."""
        with self._transaction(lines, durable=True):
            for vm in lost:
                self._database.execute(
                    "INSERT OR REPLACE INTO lost (name, created, record) VALUES (?, ?, ?)",
                    (vm.name, vm.created, vm.model_dump_json(exclude={"name", "created"})),
                )
                self._database.execute(
                    "DELETE FROM vms WHERE name = ? AND host = ?", (vm.name, host)
                )

    def drop_lost(self, name: str, created: float, lines: Lines) -> None:
        """Remove a lost VM."""
        with self._transaction(lines, durable=True):
            self._drop_lost(name, created)

    def set_value(self, key: str, value: str, lines: Lines) -> None:
        """Write what the controller keeps about itself."""
        with self._transaction(lines, durable=True):
            self._database.execute(
                "INSERT OR REPLACE INTO controller (key, value) VALUES (?, ?)", (key, value)
            )

    def write_lines(self, lines: Lines) -> None:
        """Keep lines of the log that belong to no change."""
        with self._transaction(lines):
            pass

    def drop_lines(self, seq: int) -> None:
        """Remove the lines up to this number: the log has them on its disk."""
        with self._transaction(()):
            self._database.execute("DELETE FROM log WHERE seq <= ?", (seq,))

    def close(self) -> None:
        """Close the file, and let another controller have it."""
        self._database.close()
        os.close(self._lock)

    def _open(self) -> None:
        # Used by one thread at a time, under the cluster's lock.
        self._database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        # Text that is not UTF-8 makes one row unreadable, not the store.
        self._database.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        try:
            prepare(self._database, self.path)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            self._database.close()
            raise

    def _read(self, table: str, query: str, read: Callable[..., Record]) -> list[Record]:
        """Return the rows that can be read, and count the others."""
        rows = self._database.execute(query).fetchall()
        found = readable_rows(table, rows, read)
        self._skipped += len(rows) - len(found)
        return found

    def _drop_lost(self, name: str, created: float) -> None:
        self._database.execute("DELETE FROM lost WHERE name = ? AND created = ?", (name, created))

    def _put(self, host: int, vms: Sequence[StoredVM]) -> None:
        self._database.executemany(
            "INSERT INTO vms (name, host, record) VALUES (?1, ?2, ?3) "
            "ON CONFLICT (name, host) DO UPDATE SET record = ?3",
            [(vm.name, host, self._record(host, vm)) for vm in vms],
        )

    def _record(self, host: int, vm: StoredVM) -> str:
        """Return the JSON of a VM, with what a later release keeps in the row of the same VM."""
        record = vm.model_dump(mode="json", exclude={"name"})
        row = self._database.execute(
            "SELECT record FROM vms WHERE name = ? AND host = ?", (vm.name, host)
        ).fetchone()
        if row:
            try:
                _, before = vm_of(vm.name, host, row[0])
            except UNREADABLE:
                before = None
            if before and before.created == vm.created:
                record = {**(before.model_extra or {}), **record}
        return json.dumps(record)

    @contextmanager
    def _transaction(self, lines: Lines, *, durable: bool = False) -> Iterator[None]:
        with _store_errors():
            # With NORMAL a commit survives the end of the process, but not a loss of power.
            self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.executemany("INSERT INTO log (seq, line) VALUES (?, ?)", lines)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise


@contextmanager
def _store_errors() -> Iterator[None]:
    """Turn errors of SQLite into `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, _NO_SPACE_FOR_SHM)
        raise StoreError(Code.STORAGE_FULL if full else Code.STORAGE_FAILED, str(error)) from error


_NO_SPACE_FOR_SHM = sqlite3.SQLITE_IOERR_SHMSIZE


def _pair(key: str, value: str) -> tuple[str, str]:
    return key, value
