"""The store in a file of SQLite, which one controller has to itself."""

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from schedulerglobal.store.base import (
    Lines,
    Store,
    Stored,
    StoredHost,
    StoredReservation,
    StoreError,
)
from slackvm.api.vms import VMReply, VMRequest
from slackvm.formats.files import lock_file
from slackvm.model.codes import Code

VERSION = 1

_SCHEMA = """
CREATE TABLE hosts (
    ordinal INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    name TEXT NOT NULL,
    cordoned INTEGER NOT NULL
) STRICT;
CREATE TABLE vms (
    name TEXT NOT NULL,
    host INTEGER NOT NULL REFERENCES hosts ON DELETE CASCADE,
    told TEXT NOT NULL,
    PRIMARY KEY (name, host)
) STRICT, WITHOUT ROWID;
CREATE TABLE orders (
    name TEXT PRIMARY KEY,
    host INTEGER NOT NULL REFERENCES hosts ON DELETE CASCADE,
    attempt TEXT NOT NULL,
    request TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE log (seq INTEGER PRIMARY KEY, line BLOB NOT NULL) STRICT;
"""


class UnusableError(ValueError):
    """There is no store to be had at the place that was given; says why."""


class SqliteStore(Store):
    """A file in WAL mode, with its `-wal` and `-shm` beside it.

    Args:
        path: the file; it is made where there is none.

    Raises:
        UnusableError: another controller has it, it is of another version, or it cannot be made.
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
        except (sqlite3.Error, UnusableError) as error:
            os.close(self._lock)
            raise UnusableError(f"SCG_STORE: {path}: {error}") from error

    def load(self) -> Stored:
        """Return all."""
        with _told():
            hosts = [
                StoredHost(ordinal, url, name, bool(cordoned))
                for ordinal, url, name, cordoned in self._database.execute(
                    "SELECT ordinal, url, name, cordoned FROM hosts ORDER BY ordinal"
                )
            ]
            vms: dict[int, list[VMReply]] = {}
            for host, told in self._database.execute("SELECT host, told FROM vms ORDER BY name"):
                vms.setdefault(host, []).append(VMReply.model_validate_json(told))
            orders = [
                StoredReservation(VMRequest.model_validate_json(request), host, attempt)
                for host, attempt, request in self._database.execute(
                    "SELECT host, attempt, request FROM orders ORDER BY name"
                )
            ]
            lines = list(self._database.execute("SELECT seq, line FROM log ORDER BY seq"))
        return Stored(hosts, vms, orders, lines)

    def reserve(self, order: StoredReservation, lines: Lines) -> None:
        """Add an order."""
        name = order.request.name
        with self._transaction(lines, durable=True):
            # An order on the host that has the VM asks whether it is still what it was.
            if self._database.execute(
                "SELECT 1 FROM vms WHERE name = ? AND host != ?", (name, order.host)
            ).fetchone():
                raise StoreError(Code.STORAGE_FAILED, f"the store has a VM {name} on another host")
            self._database.execute(
                "INSERT INTO orders (name, host, attempt, request) VALUES (?, ?, ?, ?)",
                (name, order.host, order.attempt, order.request.model_dump_json()),
            )

    def confirm(self, name: str, host: int, vm: VMReply, lines: Lines) -> None:
        """Make an order a VM."""
        with self._transaction(lines):
            self._database.execute("DELETE FROM orders WHERE name = ?", (name,))
            self._put(host, [vm])

    def release(self, name: str, lines: Lines) -> None:
        """Drop an order."""
        with self._transaction(lines):
            self._database.execute("DELETE FROM orders WHERE name = ?", (name,))

    def set_vms(
        self, host: int, changed: Sequence[VMReply], gone: Collection[str], lines: Lines
    ) -> None:
        """Write down VMs of a host that are new or otherwise, and those that are gone."""
        with self._transaction(lines):
            self._put(host, changed)
            self._database.executemany(
                "DELETE FROM vms WHERE name = ? AND host = ?", [(name, host) for name in gone]
            )

    def set_host(self, host: StoredHost, lines: Lines) -> None:
        """Write down a host that is new or otherwise."""
        with self._transaction(lines, durable=True):
            self._database.execute(
                "INSERT INTO hosts (ordinal, url, name, cordoned) VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT DO UPDATE SET url = ?2, name = ?3, cordoned = ?4",
                (host.ordinal, host.url, host.name, host.cordoned),
            )

    def forget_host(self, host: int, lines: Lines) -> None:
        """Drop a host, with its VMs and orders."""
        with self._transaction(lines, durable=True):
            self._database.execute("DELETE FROM hosts WHERE ordinal = ?", (host,))

    def note(self, lines: Lines) -> None:
        """Keep lines of the log that go with no change."""
        with self._transaction(lines):
            pass

    def logged(self, seq: int) -> None:
        """Drop the lines up to this number: they are in the log for good."""
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
            [version] = self._database.execute("PRAGMA user_version").fetchone()
            tables = self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if version != VERSION and (version, tables) != (0, 0):
                raise UnusableError(
                    f"its version is {version}, and this controller knows {VERSION}; "
                    "without a store it is made anew from what the hosts tell"
                )
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA foreign_keys = ON")
            if version != VERSION:
                self._database.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
                )
        except BaseException:
            self._database.close()
            raise

    def _put(self, host: int, vms: Sequence[VMReply]) -> None:
        rows = [(vm.name, host, vm.model_copy(update={"cpu_list": []})) for vm in vms]
        self._database.executemany(
            "INSERT OR REPLACE INTO vms (name, host, told) VALUES (?, ?, ?)",
            [(name, host, vm.model_dump_json()) for name, host, vm in rows],
        )

    @contextmanager
    def _transaction(self, lines: Lines, *, durable: bool = False) -> Iterator[None]:
        with _told():
            # Without this a commit survives the process, and the power only some time later.
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
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, _NO_SPACE_FOR_SHM)
        raise StoreError(Code.STORAGE_FULL if full else Code.STORAGE_FAILED, str(error)) from error


_NO_SPACE_FOR_SHM = sqlite3.SQLITE_IOERR_SHMSIZE
