"""The store as an SQLite file, which one controller has to itself."""

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog

from schedulerglobal.store.base import Store, StoreError
from schedulerglobal.store.migrations import UnusableError, prepare
from schedulerglobal.store.records import Lines, Stored, StoredHost, StoredReservation, StoredVM
from slackvm.formats.files import lock_file
from slackvm.model.codes import Code

log = structlog.get_logger()

Record = TypeVar("Record")


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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = lock_file(path.with_name(f"{path.name}.lock"))
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
                "SELECT ordinal, url, name, cordoned, labels, label_overrides, api_version "
                "FROM hosts ORDER BY ordinal",
                _host,
            )
            vms: dict[int, list[StoredVM]] = {}
            for host, vm in self._read(
                "vms", "SELECT name, host, record FROM vms ORDER BY name", _vm
            ):
                vms.setdefault(host, []).append(vm)
            reservations = self._read(
                "reservations",
                "SELECT name, host, idempotency_key, record FROM reservations ORDER BY name",
                _reservation,
            )
            lines = list(self._database.execute("SELECT seq, line FROM log ORDER BY seq"))
        return Stored(hosts, vms, reservations, lines)

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

    def confirm(self, host: int, vm: StoredVM, lines: Lines) -> None:
        """Replace the reservation of a VM by the VM."""
        with self._transaction(lines):
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
                "INSERT INTO hosts "
                "(ordinal, url, name, cordoned, labels, label_overrides, api_version) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET url = ?2, "
                "name = ?3, cordoned = ?4, labels = ?5, label_overrides = ?6, api_version = ?7",
                (
                    *host[:4],
                    json.dumps(host.labels),
                    json.dumps(host.label_overrides),
                    host.api_version,
                ),
            )

    def forget_host(self, host: int, lines: Lines) -> None:
        """Remove a host, with its VMs and reservations."""
        with self._transaction(lines, durable=True):
            self._database.execute("DELETE FROM hosts WHERE ordinal = ?", (host,))

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
        try:
            prepare(self._database, self.path)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            self._database.close()
            raise

    def _read(self, table: str, query: str, read: Callable[..., Record]) -> list[Record]:
        """Return the rows that can be read."""
        found = []
        for row in self._database.execute(query):
            try:
                found.append(read(*row))
            except (ValueError, TypeError) as error:
                reason = " ".join(str(error).split())[:300]
                log.error("store_row_skipped", table=table, key=row[0], reason=reason)
        return found

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
                before = StoredVM.model_validate({**json.loads(row[0]), "name": vm.name})
            except (ValueError, TypeError):
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


def _host(
    ordinal: int,
    url: str,
    name: str,
    cordoned: int,
    labels: str,
    overrides: str,
    api_version: int,
) -> StoredHost:
    return StoredHost(
        ordinal, url, name, bool(cordoned), _labels(labels), _labels(overrides), api_version
    )


def _labels(text: str) -> dict[str, str]:
    labels = _object(text)
    if not all(isinstance(value, str) for value in labels.values()):
        raise ValueError("a label is not a text")
    return labels


def _vm(name: str, host: int, record: str) -> tuple[int, StoredVM]:
    return host, StoredVM.model_validate(_object(record) | {"name": name})


def _reservation(name: str, host: int, key: str, record: str) -> StoredReservation:
    fields = {"name": name, "host": host, "idempotency_key": key}
    return StoredReservation.model_validate(_object(record) | fields)


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


@contextmanager
def _store_errors() -> Iterator[None]:
    """Turn errors of SQLite into `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, _NO_SPACE_FOR_SHM)
        raise StoreError(Code.STORAGE_FULL if full else Code.STORAGE_FAILED, str(error)) from error


_NO_SPACE_FOR_SHM = sqlite3.SQLITE_IOERR_SHMSIZE
