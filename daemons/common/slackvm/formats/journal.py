"""The operations log of a daemon: appended to, and mended after a crash."""

import json
import os
from pathlib import Path


class Journal:
    """`operations.jsonl`, one line per operation.

    A line that a crash cut short is removed when the log is opened: what a daemon writes before the
    log has it whole.

    Attributes:
        seq: number of the last operation in it; 0 for none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seq = _mend(path)
        self._file = path.open("ab", buffering=0)

    def append(self, line: bytes, seq: int, *, durably: bool = True) -> None:
        """Append an operation, and see it onto the disk where it must survive a loss of power.

        Raises:
            OSError: it cannot be written; what was written of it is taken back.
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
        """See what was appended onto the disk.

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
        # Not a log of ours: keep it for whoever wants to know, and begin anew.
        path.rename(path.with_suffix(".jsonl.damaged"))
        return 0
