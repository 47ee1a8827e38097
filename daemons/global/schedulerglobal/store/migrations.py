"""Versions of the SQLite store: how one is made, read across releases, and migrated forward.

`user_version` is the version of the release that wrote the file, and the table `meta` says the
oldest version whose releases can use it (`readable_by`) and the release that wrote it. A release
uses a newer file if it is readable by its own version: it ignores columns, tables and JSON fields
that it does not know, and leaves them as they are. An older file is migrated step by step in one
transaction, after a copy of it was made.

To add a version: count `VERSION` up, append a step to `_STEPS`, and change `READABLE_BY` only if an
older release would misread the new file.
"""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from schedulerglobal.store.rows import UNREADABLE
from slackvm import __version__
from slackvm.api.base import memory_mib

log = structlog.get_logger()

VERSION = 3
"""1: release 0.1.0. 2: labels, records of the store's own, `meta`. 3: lost VMs, a token for each
host, fenced hosts, values of the controller."""

READABLE_BY = 2
"""The oldest version whose releases can use a store of `VERSION`."""


class UnusableError(ValueError):
    """The store cannot be used; the message says why and what to do."""


def prepare(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new store, or migrate an older one to `VERSION`.

    Raises:
        UnusableError: the file is not a store, or of a release that this one cannot read.
        sqlite3.Error: it cannot be read or written.
        OSError: the copy before a migration cannot be made.
    """
    [version] = database.execute("PRAGMA user_version").fetchone()
    [tables] = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version > VERSION:
        _check_readable(database, version)
        return
    if version < 0 or (version == 0 and tables):
        raise UnusableError("it is a database, but not a store of a SlackVM controller")
    if version == VERSION:
        return
    if version:
        _back_up(database, path.with_name(f"{path.name}.v{version}-backup"))
    # A commit must survive a loss of power, as the copy does.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN IMMEDIATE")
    try:
        for step in _STEPS[version:]:
            step(database)
        database.execute("DELETE FROM meta")
        database.execute(
            "INSERT INTO meta (readable_by, release) VALUES (?, ?)", (READABLE_BY, __version__)
        )
        database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    if version:
        log.info("store_migrated", path=str(path), from_version=version, to_version=VERSION)


def _check_readable(database: sqlite3.Connection, version: int) -> None:
    readable_by, release = None, "a later release"
    # If the table is missing or empty, nothing says which releases can read the file.
    with suppress(sqlite3.OperationalError, TypeError):
        [readable_by, release] = database.execute(
            "SELECT readable_by, release FROM meta"
        ).fetchone()
    if not isinstance(readable_by, int) or readable_by > VERSION:
        raise UnusableError(
            f"its version is {version}, written by {release}, and this controller "
            f"({__version__}) reads stores up to version {VERSION}. Install the release that wrote "
            "it, or move back the copy that the upgrade left beside it "
            f"(*.v{VERSION}-backup, without the files *-wal and *-shm)"
        )
    log.info("newer_store_opened", version=version, release=release, readable_by=readable_by)


def _back_up(database: sqlite3.Connection, backup: Path) -> None:
    """Copy a store, with all that its write-ahead log holds.

    The copy of an earlier migration is replaced: after the way back and another upgrade it is out
    of date, and would not have the VMs that were deployed since.
    """
    part = backup.with_name(f"{backup.name}.part")
    part.unlink(missing_ok=True)
    copy = sqlite3.connect(part)
    try:
        database.backup(copy)
    finally:
        copy.close()
    for place in (part, part.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if place == part:
            part.rename(backup)
    log.info("store_backed_up", path=str(backup))


_VERSION_1 = """
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

_VERSION_2 = """
ALTER TABLE hosts ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE hosts ADD COLUMN label_overrides TEXT NOT NULL DEFAULT '{}';
ALTER TABLE hosts ADD COLUMN api_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE vms RENAME COLUMN told TO record;
ALTER TABLE orders RENAME TO reservations;
ALTER TABLE reservations RENAME COLUMN attempt TO idempotency_key;
ALTER TABLE reservations RENAME COLUMN request TO record;
CREATE TABLE meta (readable_by INTEGER NOT NULL, release TEXT NOT NULL) STRICT;
"""


_VERSION_3 = """
ALTER TABLE hosts ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN fenced INTEGER NOT NULL DEFAULT 0;
CREATE TABLE lost (
    name TEXT NOT NULL,
    created REAL NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (name, created)
) STRICT, WITHOUT ROWID;
CREATE TABLE controller (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


def _make_version_1(database: sqlite3.Connection) -> None:
    _execute(database, _VERSION_1)


def _migrate_to_version_2(database: sqlite3.Connection) -> None:
    _execute(database, _VERSION_2)
    _rewrite(database, "vms", _vm_of_version_1)
    _rewrite(database, "reservations", _reservation_of_version_1)


def _migrate_to_version_3(database: sqlite3.Connection) -> None:
    _execute(database, _VERSION_3)


def _execute(database: sqlite3.Connection, script: str) -> None:
    """Execute statements within the transaction, which `executescript` would end."""
    for statement in script.split(";"):
        database.execute(statement)


def _rewrite(
    database: sqlite3.Connection, table: str, migrated: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Migrate the JSON of each row; one that cannot be read stays as it is."""
    rows = database.execute(f"SELECT name, host, record FROM {table}").fetchall()  # noqa: S608
    for name, host, record in rows:
        try:
            text = json.dumps(migrated(json.loads(record)))
            database.execute(
                f"UPDATE {table} SET record = ? WHERE name = ? AND host = ?",  # noqa: S608
                (text, name, host),
            )
        except UNREADABLE:
            continue  # `load` logs it


def _vm_of_version_1(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a VM without what version 1 kept of the reply beside it."""
    return {key: value for key, value in record.items() if key not in ("name", "host", "cpu_list")}


def _reservation_of_version_1(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a reservation with its memory in MiB."""
    kept = {key: value for key, value in record.items() if key not in ("name", "memory_gib")}
    return {**kept, "memory_mib": memory_mib(record["memory_gib"])}


_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _make_version_1,
    _migrate_to_version_2,
    _migrate_to_version_3,
)
