"""Files that other users of the machine must not read."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_OTHERS = 0o007
_ENTER_ONLY = 0o711


def shut_out_others() -> None:
    """Make new files of this process readable by its own user only.

    A umask that shuts out other users already was chosen, as in a systemd unit, and stays.
    """
    mask = os.umask(0o077)
    if mask & _OTHERS == _OTHERS:
        os.umask(mask)


def close_to_others(paths: Iterable[Path]) -> None:
    """Take the rights of other users from files that an earlier release made; folders stay.

    Links are not followed. A file of another owner stays as it is.
    """
    for path in paths:
        with suppress(OSError):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & _OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def make_passable(folder: Path) -> None:
    """Create a folder, and those above it, that others can pass through and not list.

    QEMU often runs as another user and must reach the files of its VMs. A folder that exists
    keeps its mode.

    Raises:
        OSError: it cannot be created.
    """
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(exist_ok=True)
        missing.chmod(_ENTER_ONLY)
    folder.mkdir(exist_ok=True)


def is_readable_by_everybody(path: Path) -> bool:
    """Return whether every user of this machine can read the file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
