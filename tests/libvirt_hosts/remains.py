"""What is on this machine of a host, seen from outside it."""

import time
from pathlib import Path

KINDS = ("mnt", "pid", "uts", "net", "ipc", "cgroup")
"""Namespaces that a host has of its own."""


class Remains:
    """Looks for all that belongs to a host, which is up now and may be gone later."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._uuid = (directory / "uuid").read_text().strip()
        init = (directory / "init.pid").read_text().strip()
        self._namespaces = _namespaces(Path("/proc", init)) - _namespaces(Path("/proc/self"))

    def found(self) -> list[str]:
        """Return its processes, mounts, cgroups and its folder, as text."""
        mounts = Path("/proc/mounts").read_text().splitlines()
        return [
            *map(str, self.processes() + processes_that_name(self.directory)),
            *(line for line in mounts if str(self.directory) in line),
            *map(str, Path("/sys/fs/cgroup").glob(f"**/slackvm-host-{self._uuid}")),
            *map(str, filter(Path.exists, [self.directory])),
        ]

    def processes(self) -> list[Path]:
        """Return the processes that are in its namespaces, which live no longer than these."""
        return [process for process in _all_processes() if self._holds(process)]

    def wait_until_gone(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while found := self.found():
            assert time.monotonic() < end, found
            time.sleep(0.05)

    def _holds(self, process: Path) -> bool:
        try:
            return bool(self._namespaces & _namespaces(process))
        except OSError:  # it has ended meanwhile
            return False


def processes_that_name(directory: Path) -> list[Path]:
    """Return the processes that have a folder in their command line."""
    found = []
    for process in _all_processes():
        try:
            command = (process / "cmdline").read_text(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if str(directory) in command:
            found.append(process)
    return found


def _all_processes() -> list[Path]:
    return list(Path("/proc").glob("[0-9]*"))


def _namespaces(process: Path) -> set[str]:
    return {str((process / "ns" / kind).readlink()) for kind in KINDS}
