"""The files of an operations log: the present one, and older ones that it was rotated to.

`operations.jsonl` is the present file, `operations.jsonl.1` the one before it, and so on. Entries
are numbered through all of them (`seq`).
"""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import count, takewhile
from pathlib import Path
from typing import Any, BinaryIO

Entry = dict[str, Any]

_SEQ = re.compile(rb'\s*\{\s*"seq"\s*:\s*([0-9]{1,18})\b')
_NEAR = 1 << 16
"""Bytes that are read line by line instead of being halved once more."""


def older_file(path: Path, number: int) -> Path:
    """Return the path of the file of a log that was rotated that many times since."""
    return path.with_name(f"{path.name}.{number}")


def log_files(path: Path) -> list[Path]:
    """Return the files of a log that exist, the oldest first."""
    older = takewhile(Path.exists, (older_file(path, number) for number in count(1)))
    return [*reversed(list(older)), path]


def contiguous_files(path: Path) -> list[Path]:
    """Return the files of a log whose entries follow each other up to the newest, oldest first.

    Raises:
        OSError: a file cannot be read.
        ValueError: a line is not an entry.
    """
    found = [path]
    for each in reversed(log_files(path)[:-1]):
        with each.open("rb") as older, found[0].open("rb") as newer:
            first = _first_seq(newer)
            older.seek(_offset(older, 1 << 60))
            lines = list(_whole_lines(older))
        if not lines or first != _seq(lines[-1]) + 1:
            break
        found.insert(0, each)
    return found


def read_entries(
    path: Path, after: int, limit: int, most_bytes: int = 1 << 22
) -> tuple[list[Entry], int]:
    """Return entries of a log after a number; their places in the files are found by halving.

    Args:
        path: the log.
        after: the number.
        limit: at most so many entries.
        most_bytes: no further entry once so many bytes were read.

    Returns:
        The entries, which begin with the oldest that is kept; and the number of that one (of no
        entry: 1).

    Raises:
        OSError: a file cannot be read.
        ValueError: a line is not an entry.
    """
    # While the log is rotated, a file can be missed between its old name and its new one.
    for _ in range(3):
        entries, first, is_whole = _read(path, after, limit, most_bytes)
        if is_whole:
            break
    return entries, first


def _read(path: Path, after: int, limit: int, most_bytes: int) -> tuple[list[Entry], int, bool]:
    """Return the same, and whether no entry is missing between two others."""
    entries: list[Entry] = []
    with ExitStack() as stack:
        files: list[BinaryIO] = []
        for each in log_files(path):
            with suppress(FileNotFoundError):
                files.append(stack.enter_context(each.open("rb")))
        firsts = [(seq, file) for file in files if (seq := _first_seq(file)) is not None]
        if not firsts:
            return [], 1, True
        begun = [number for number, (seq, _) in enumerate(firsts) if seq <= after + 1]
        for _, file in firsts[begun[-1] if begun else 0 :]:
            file.seek(_offset(file, after + 1))
            for line in _whole_lines(file):
                if len(entries) == limit or most_bytes <= 0:
                    break
                entry = json.loads(line)
                if entry["seq"] > after:
                    entries.append(entry)
                    most_bytes -= len(line)
    seqs = [entry["seq"] for entry in entries]
    is_whole = not seqs or seqs[-1] - seqs[0] == len(seqs) - 1
    return entries, firsts[0][0], is_whole


def _first_seq(file: BinaryIO) -> int | None:
    line = file.readline()
    return _seq(line) if line.endswith(b"\n") else None


def _offset(file: BinaryIO, seq: int) -> int:
    """Return where a line begins at or shortly before the entry with this number."""
    low, high = 0, file.seek(0, 2)
    while high - low > _NEAR:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        start = file.tell()
        line = file.readline()
        if start >= high or not line.endswith(b"\n") or _seq(line) > seq:
            high = middle
        else:
            low = start
    return low


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines, without the last one while it is being written."""
    return (line for line in file if line.endswith(b"\n"))


def _seq(line: bytes) -> int:
    match = _SEQ.match(line)
    return int(match[1]) if match else int(json.loads(line)["seq"])
