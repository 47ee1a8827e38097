"""Writing a file whole or not at all, and files that one process has to itself."""

import errno
import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` that takes its place when the block ends well.

    Whoever reads `path` sees the old content or the whole new one. When the block raises, the
    temporary file is removed and `path` is as it was. The folder is made where it is missing; a
    device or a pipe is written as it is.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    try:
        path = path.resolve()
    except RuntimeError as error:
        raise OSError(errno.ELOOP, "too many levels of symbolic links", str(path)) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_prefix(path), dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def lock_file(path: Path) -> int:
    """Take a file that one process has to itself, until it closes what is returned or ends.

    Raises:
        BlockingIOError: another process has it.
        OSError: it cannot be made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def remove_leftovers(path: Path) -> None:
    """Remove temporary files of `replacing` that a kill has left; nobody may be writing `path`."""
    for leftover in path.parent.glob(f"{escape(_prefix(path))}*"):
        leftover.unlink(missing_ok=True)


def end_like_an_error() -> None:
    """Let SIGTERM and SIGHUP end this process as an error does, so that nothing half-written stays.

    A daemon, which ends otherwise, installs its own handlers later.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _prefix(path: Path) -> str:
    return f".{path.name[:200]}."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
