"""Writing a file whole or not at all, and files that one process has to itself."""

import errno
import fcntl
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` that takes its place when the block ends well.

    Whoever reads `path` sees the old content or the whole new one. When the block raises, the
    temporary file is removed and `path` is as it was. The folder is made where it is missing; a
    device or a pipe is written as it is.

    Raises:
        OSError: the folder or the file cannot be written; the error names `path`, never the
            temporary file.
    """
    if path.exists() and not path.is_file():
        with _naming(path, path):
            yield path
        return
    try:
        target = path.resolve()
    except RuntimeError as error:
        raise OSError(errno.ELOOP, "too many levels of symbolic links", str(path)) from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # as the system calls a file where a folder has to be
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", error.filename) from error
    with _naming(path, target.parent / _prefix(target)):
        handle, name = tempfile.mkstemp(prefix=_prefix(target), dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def _naming(path: Path, beginning: Path) -> Iterator[None]:
    """Let errors of writing name `path`: those of files so called, and those that name no file.

    Libraries report an error of writing without a name, and in words of their own.
    """
    try:
        yield
    except OSError as error:
        of_ours = error.filename is None or str(error.filename).startswith(str(beginning))
        if error.errno is None or not of_ours:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse outputs that would overwrite an input or each other; nothing is read or written.

    Files are compared by what they are, not by how they are named: through symbolic and hard
    links, and where their folders do not exist yet. An output in an input folder (a Parquet data
    set) counts as overwriting it. `-`, devices and pipes are no files to overwrite; as an input,
    `-` stands for the file that standard input reads.

    Args:
        outputs: every file or folder that a command is going to write.
        inputs: every file or folder that it reads; those that do not exist are ignored.

    Raises:
        ValueError: names both paths.
    """
    sources = [(path, identity) for path in inputs if (identity := _identity_of_input(path))]
    written: dict[_Identity, Path] = {}
    for output in outputs:
        identity = None if output == _STANDARD else _identity(output)
        if identity is None:
            continue
        for source, theirs in sources:
            if identity == theirs:
                raise ValueError(
                    f"{_both(output, source)} is an input, too; choose another file for the output"
                )
            if source.is_dir() and theirs in map(_identity, _resolved(output).parents):
                raise ValueError(
                    f"{output} is inside the input folder {source}; choose another place for the "
                    "output"
                )
        if identity in written:
            raise ValueError(
                f"{_both(output, written[identity])} would be written twice; choose two files"
            )
        written[identity] = output


_Identity = tuple[int, int] | Path
"""What a file is: device and inode; of one that does not exist yet, its path without links."""

_STANDARD = Path("-")


def _identity_of_input(path: Path) -> _Identity | None:
    """Return what an input is; None where it cannot be overwritten."""
    try:
        return _identity_of(os.fstat(0) if path == _STANDARD else path.stat())
    except OSError:
        return None


def _identity(path: Path) -> _Identity | None:
    """Return what a file is, or is going to be; None of a device or a pipe."""
    resolved = _resolved(path)
    # A path through folders that do not exist yet is found by its resolved form only.
    for spelling in (path, resolved):
        try:
            return _identity_of(spelling.stat())
        except OSError:
            continue
    return resolved


def _identity_of(status: os.stat_result) -> _Identity | None:
    is_kept = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return (status.st_dev, status.st_ino) if is_kept else None


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links: writing to it fails by itself
        return path.absolute()


def _both(path: Path, other: Path) -> str:
    return str(path) if path == other else f"{path} (the same file as {other})"


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
    """Remove temporary files that a killed `atomic_write` left; nobody may be writing `path`."""
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
