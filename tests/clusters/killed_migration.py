"""Opening a store, killed at each statement of SQL in turn, as `kill -9` would.

`python -m clusters.killed_migration STORE FOLDER` opens a copy of the store in a process for each
statement, which kills itself before that statement; the copy for statement 7 is in FOLDER/7, and
that of a process that is not killed in FOLDER/0, with a file `statements`.
"""

import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from schedulerglobal.store.sqlite import SqliteStore

connect = sqlite3.connect


def open_killed(path: Path, kill_at: int) -> int:
    """Open a store in a process of its own; return how that ended."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    statements: list[str] = []

    def step(statement: str) -> None:
        statements.append(" ".join(statement.split()))
        if len(statements) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(*given: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*given, **more)
        connection.set_trace_callback(step)
        return connection

    sqlite3.connect = traced
    SqliteStore(path).close()
    path.with_name("statements").write_text("\n".join(statements))
    os._exit(0)


store, folder = Path(sys.argv[1]), Path(sys.argv[2])
statements = [""]
number = 0
while number < len(statements):
    place = folder / str(number)
    place.mkdir()
    ended = open_killed(Path(shutil.copy(store, place / "store.sqlite")), number)
    assert ended == (signal.SIGKILL if number else 0), ended
    if not number:
        statements += (place / "statements").read_text().splitlines()
    number += 1
