"""The store across releases: migrated forward, used by the release before, never damaged."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from schedulerglobal.store.migrations import VERSION, UnusableError
from schedulerglobal.store.records import StoredHost, StoredReservation, StoredVM
from schedulerglobal.store.sqlite import SqliteStore

TESTS = Path(__file__).parents[1]
EARLIEST = TESTS / "releases" / "0.1.0" / "controller" / "store.sqlite"
BACKUP = "store.sqlite.v1-backup"
VM = StoredVM(
    name="web",
    vcpus=2,
    memory_mib=2048,
    level=2.0,
    image="/i.qcow2",
    clone=False,
    labels={"app": "shop"},
    created=17.25,
    state="running",
    addresses=["192.0.2.9"],
    reported={"x_later": {"since": "9.0.0"}},
)
RESERVATION = StoredReservation(
    name="new",
    vcpus=1,
    memory_mib=512,
    level=1.0,
    image="/i.qcow2",
    clone=True,
    host=1,
    idempotency_key="abc",
    require={"rack": "b"},
)
HOST = StoredHost(
    1,
    "http://192.0.2.7",
    "host0",
    cordoned=True,
    labels={"zone": "a"},
    label_overrides={"rack": "b"},
)


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A store of this release with a host, a VM and a reservation."""
    store = SqliteStore(tmp_path / "store.sqlite")
    store.load()
    store.set_host(HOST, ())
    store.set_vms(1, [VM], (), ())
    store.reserve(RESERVATION, ())
    store.close()
    return tmp_path / "store.sqlite"


@pytest.fixture
def earliest(tmp_path: Path) -> Path:
    """A store that release 0.1.0 wrote."""
    return Path(shutil.copy(EARLIEST, tmp_path / "store.sqlite"))


def test_what_is_written_is_read_back(path: Path) -> None:
    stored = SqliteStore(path).load()
    assert stored.hosts == [HOST]
    assert stored.vms == {1: [VM]}
    assert stored.reservations == [RESERVATION]


class TestNextRelease:
    """A store of the next release, which adds a table, columns and fields."""

    @pytest.fixture
    def later(self, path: Path) -> Path:
        change(
            path,
            """
            CREATE TABLE tenants (name TEXT);
            INSERT INTO tenants VALUES ('alice');
            ALTER TABLE hosts ADD COLUMN zone TEXT NOT NULL DEFAULT '';
            UPDATE hosts SET zone = 'north';
            ALTER TABLE vms ADD COLUMN owner TEXT;
            UPDATE vms SET owner = 'bob', record = json_set(record, '$.note', json('{"a": [1]}'));
            UPDATE reservations SET record = json_set(record, '$.note', 'later');
            PRAGMA user_version = 99;
            """,
        )
        return path

    def test_it_is_read_and_written_and_keeps_what_is_unknown(self, later: Path) -> None:
        store = SqliteStore(later)
        stored = store.load()
        assert (stored.hosts, [vm.name for vm in stored.vms[1]]) == ([HOST], ["web"])
        assert stored.reservations[0].require == {"rack": "b"}
        store.set_host(HOST._replace(cordoned=False), ())
        store.set_vms(1, [VM.model_copy(update={"state": "stopped"})], (), ())
        store.close()
        assert rows(later, "PRAGMA user_version") == [(99,)]
        assert rows(later, "SELECT * FROM tenants") == [("alice",)]
        assert rows(later, "SELECT zone, cordoned FROM hosts") == [("north", 0)]
        [(owner, record)] = rows(later, "SELECT owner, record FROM vms")
        assert (owner, json.loads(record)["note"]) == ("bob", {"a": [1]})
        assert json.loads(record)["state"] == "stopped"
        [(record,)] = rows(later, "SELECT record FROM reservations")
        assert json.loads(record)["note"] == "later"

    def test_unknown_fields_of_a_vm_do_not_pass_to_the_next_of_its_name(self, later: Path) -> None:
        store = SqliteStore(later)
        store.set_vms(1, [VM.model_copy(update={"created": 18.0})], (), ())
        store.close()
        [(record,)] = rows(later, "SELECT record FROM vms")
        assert "note" not in json.loads(record)

    def test_one_that_this_release_would_misread_is_refused_and_left_as_it_is(
        self, later: Path
    ) -> None:
        change(later, "UPDATE meta SET readable_by = 4, release = '0.9.0'")
        content = later.read_bytes()
        with pytest.raises(
            UnusableError, match=r"version is 99, written by 0\.9\.0.*Install"
        ) as told:
            SqliteStore(later)
        assert f"v{VERSION}-backup" in str(told.value)
        assert later.read_bytes() == content


class TestMigration:
    """A store of release 0.1.0 becomes one of this release."""

    def test_the_file_before_it_is_kept_beside(self, earliest: Path) -> None:
        SqliteStore(earliest).close()
        assert rows(earliest, "PRAGMA user_version") == [(VERSION,)]
        backup = earliest.with_name(BACKUP)
        for query in ("PRAGMA user_version", "SELECT * FROM orders", "SELECT * FROM vms"):
            assert rows(backup, query) == rows(EARLIEST, query)
        content = backup.read_bytes()
        SqliteStore(earliest).close()
        assert backup.read_bytes() == content

    def test_a_second_migration_replaces_the_backup_of_the_first(self, earliest: Path) -> None:
        """After the way back, the earlier release has gone on writing its store."""
        backup = earliest.with_name(BACKUP)
        SqliteStore(earliest).close()
        shutil.copyfile(backup, earliest)
        with closing(sqlite3.connect(earliest)) as database:
            database.execute("INSERT INTO hosts VALUES (99, 'http://new', 'new', 0)")
            database.commit()
        SqliteStore(earliest).close()
        query = "SELECT name FROM hosts WHERE ordinal = 99"
        assert rows(backup, query) == rows(earliest, query) == [("new",)]

    def test_rows_that_cannot_be_read_do_not_stop_it(self, earliest: Path) -> None:
        nested = "[" * 50_000
        change(
            earliest,
            f"""
            INSERT INTO vms VALUES ('list', 1, '[]');
            INSERT INTO vms VALUES ('nested', 1, '{nested}');
            INSERT INTO vms VALUES ('bytes', 1, CAST(x'7b7dff' AS TEXT));
            INSERT INTO vms VALUES (CAST(x'ff' AS TEXT), 1, '{{}}');
            INSERT INTO orders VALUES ('infinite', 1, 'key', '{{"memory_gib": 1e999}}');
            """,  # noqa: S608
        )
        with capture_logs() as logs:
            store = SqliteStore(earliest)
            names = {vm.name for vms in store.load().vms.values() for vm in vms}
        assert names == {name for (name,) in rows(EARLIEST, "SELECT name FROM vms")}
        skipped = {log["key"] for log in logs if log["event"] == "store_row_skipped"}
        assert skipped == {"list", "nested", "bytes", "?", "infinite"}

    def test_a_kill_at_any_statement_leaves_the_old_version_or_the_new_one(
        self, tmp_path: Path
    ) -> None:
        command = [sys.executable, "-m", "clusters.killed_migration", EARLIEST, tmp_path]
        subprocess.run(command, cwd=TESTS, check=True)
        statements = (tmp_path / "0" / "statements").read_text().splitlines()
        assert {"BEGIN IMMEDIATE", f"PRAGMA user_version = {VERSION}", "COMMIT"} <= set(statements)
        names = [name for (name,) in rows(EARLIEST, "SELECT name FROM hosts ORDER BY ordinal")]
        for number in range(1, len(statements) + 1):
            path = tmp_path / str(number) / "store.sqlite"
            [(version,)] = rows(path, "PRAGMA user_version")
            is_migrated = number > statements.index("COMMIT") + 1
            assert version == (VERSION if is_migrated else 1)
            if not is_migrated:
                assert rows(path, "SELECT * FROM vms") == rows(EARLIEST, "SELECT * FROM vms")
            store = SqliteStore(path)
            assert [host.name for host in store.load().hosts] == names
            store.close()
            assert rows(path.with_name(BACKUP), "PRAGMA user_version") == [(1,)]


def test_rows_that_cannot_be_read_are_skipped_and_logged(path: Path) -> None:
    change(
        path,
        """
        INSERT INTO vms VALUES ('nan', 1, '{"vcpus": 1, "memory_mib": 1, "level": 1,
            "image": "/i", "clone": false, "created": null, "state": "running"}');
        INSERT INTO vms VALUES ('torn', 1, '{"vcpus": 1');
        INSERT INTO hosts (ordinal, url, name, cordoned, label_overrides)
            VALUES (2, 'http://192.0.2.8', 'host1', 0, '[]');
        INSERT INTO reservations VALUES ('odd', 1, 'key', '[1]');
        """,
    )
    with capture_logs() as logs:
        stored = SqliteStore(path).load()
    without_labels = StoredHost(2, "http://192.0.2.8", "host1", cordoned=False)
    assert stored.hosts == [HOST, without_labels]
    assert (stored.vms[1], stored.reservations) == ([VM], [RESERVATION])
    assert [log["host"] for log in logs if log["event"] == "stored_labels_dropped"] == [2]
    skipped = {(log["table"], log["key"]) for log in logs if log["event"] == "store_row_skipped"}
    assert skipped == {("vms", "nan"), ("vms", "torn"), ("reservations", "odd")}
    assert stored.skipped == len(skipped)
