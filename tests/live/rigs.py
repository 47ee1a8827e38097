"""Local daemons that die or wait at chosen points, or whose clock is wrong."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL
from typing import BinaryIO, Self

from live.daemons import START_S, Daemon

PROGRAM = Path(__file__).with_name("rigged_daemon.py")


class Child:
    """A rigged daemon as a process: as much of `Popen` as is needed."""

    def __init__(self, reports: BinaryIO) -> None:
        self._reports = reports
        self._code: int | None = None
        self.pid = int(reports.readline())

    def poll(self) -> int | None:
        if self._code is None and select.select([self._reports], [], [], 0)[0]:
            self._code = int(self._reports.readline())
        return self._code

    def wait(self, timeout: float) -> int:
        if self._code is None:
            ready, _, _ = select.select([self._reports], [], [], timeout)
            assert ready, "the daemon does not end"
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


class RiggedDaemon(Daemon):
    """`slackvm-local`, rigged."""

    rig: "Rig"

    def launch(self) -> None:
        """Start it; the one before it ends by itself, or has."""
        if self.process:
            self.process.wait(START_S)
        self.log.touch()
        self._log_start = self.log.stat().st_size
        options = self._command[self._command.index("schedulerlocal") + 1 :]
        self.process = self.rig.fork(options, self.log, self._environment)


class Rig:
    """Messages between a test and a rigged daemon, as files in a folder.

    A step is named `OPERATION: STEP`, as in `deploy: libvirt, start VM b`; the last one of each
    operation is `OPERATION: answer`. Many daemons are needed, one after another: they are forked
    from a process that has imported everything.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def __enter__(self) -> Self:
        self._nest = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        with self._nest:
            os.killpg(self._nest.pid, SIGKILL)

    def daemon(self, folder: Path, *options: str, **environment: str) -> RiggedDaemon:
        """Return a daemon that is rigged."""
        daemon = RiggedDaemon(folder, *options, **environment)
        daemon.rig = self
        return daemon

    def fork(self, options: Sequence[str], log: Path, environment: Mapping[str, str]) -> Child:
        assert self._nest.stdin
        assert self._nest.stdout
        order = {"options": options, "log": str(log), "environment": environment}
        self._nest.stdin.write(json.dumps(order).encode() + b"\n")
        return Child(self._nest.stdout)

    def steps(self, operation: str) -> list[str]:
        """Return the steps that operations of one kind have taken since `forget`."""
        lines = (self._folder / "steps").read_text().splitlines()
        return [line for line in lines if line.startswith(f"{operation}: ")]

    def forget(self) -> None:
        (self._folder / "steps").write_text("")

    def tell(self, what: str, step: str) -> None:
        """Have it `kill` itself or `wait` before a step; or `kill amid` one that libvirt takes."""
        (self._folder / "held").unlink(missing_ok=True)
        (self._folder / "order").write_text(f"{what} {step}")

    def release(self) -> None:
        """Remove its instruction; if it waits, it continues."""
        (self._folder / "order").unlink(missing_ok=True)

    @property
    def is_waiting(self) -> bool:
        return (self._folder / "held").exists()

    def shift_clock(self, seconds: float) -> None:
        """Have its clock differ from the machine's from now on."""
        (self._folder / "clock.part").write_text(str(seconds))
        (self._folder / "clock.part").rename(self._folder / "clock")
