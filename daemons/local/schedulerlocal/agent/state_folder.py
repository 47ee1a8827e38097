"""The state directory, which one daemon has to itself."""

import os
from pathlib import Path

from slackvm.formats.files import lock_file
from slackvm.formats.private import close_to_others, make_passable


class StateFolderError(ValueError):
    """The state directory cannot be used; says why."""


class StateFolder:
    """The state directory, locked by this daemon.

    Raises:
        StateFolderError: another daemon uses it, or it cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # QEMU, which often runs as another user, must be able to reach the overlays in it.
            make_passable(path)
            self._lock = lock_file(path / "lock")
            close_to_others((*path.glob("*"), *path.glob("overlays/*")))
        except BlockingIOError as error:
            raise StateFolderError(f"SCL_STATE_DIR: {path} is in use by another daemon") from error
        except OSError as error:
            raise StateFolderError(f"SCL_STATE_DIR: {path}: {error.strerror}") from error

    def close(self) -> None:
        """Release the directory."""
        os.close(self._lock)
