"""Rotation of an operations log: the present file becomes an older one, and a new file begins.

Each step leaves files that `repair_rotation` understands: the present file always exists.
"""

import os
import re
from pathlib import Path

from slackvm.formats.operations_files import older_file

KEPT_FILES = 4
"""Older files that are kept; the oldest ones are removed."""


def rotate(path: Path, line: bytes) -> None:
    """Let a log go on in a new file, which begins with a line.

    Args:
        path: the log; all of it is on the disk.
        line: the first line of the new file.

    Raises:
        OSError: it cannot be written; the log has the files that it had, or one less.
    """
    new = _new_file(path)
    with new.open("wb", buffering=0) as file:
        rest = line
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    for number in sorted(_numbers(path), reverse=True):
        if number >= KEPT_FILES:
            older_file(path, number).unlink()
        else:
            older_file(path, number).rename(older_file(path, number + 1))
    os.link(path, older_file(path, 1))
    new.replace(path)
    _sync_folder(path.parent)


def repair_rotation(path: Path) -> None:
    """Undo a rotation that was interrupted, so that the files are numbered from 1 again.

    Raises:
        OSError: files cannot be renamed.
    """
    _new_file(path).unlink(missing_ok=True)
    latest = older_file(path, 1)
    if path.exists() and latest.exists() and path.samefile(latest):
        latest.unlink()
    for number, there in enumerate(sorted(_numbers(path)), start=1):
        if number != there:
            older_file(path, there).rename(older_file(path, number))


def _numbers(path: Path) -> list[int]:
    """Return the numbers of the older files."""
    pattern = re.compile(re.escape(path.name) + r"\.([1-9][0-9]{0,3})")
    if not path.parent.is_dir():
        return []
    matches = (pattern.fullmatch(each.name) for each in path.parent.iterdir())
    return [int(match[1]) for match in matches if match]


def _new_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
