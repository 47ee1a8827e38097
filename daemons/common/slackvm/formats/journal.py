"""The operations log of a daemon: append to it, and repair it after a crash."""

import json
import os
from pathlib import Path


class Journal:
    """`operations.jsonl`, one line per operation.

    A line that a crash cut short is removed when the log is opened: the state file, which a daemon
    writes first, has the whole line.

    Attributes:
        seq: number of the last operation in it; 0 for none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seq = _mend(path)
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
        self.seq = seq

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
