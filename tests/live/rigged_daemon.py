"""`slackvm-local`, rigged: it dies or waits at chosen points, and its clock is wrong.

`rigged_daemon.py FOLDER` forks a daemon for each order that it reads; `rigs.Rig` gives the orders,
and tells the daemons what to do by files in FOLDER. All else is the ordinary daemon. A step is
whatever changes something outside the process: what is asked of libvirt, work on overlays, writing
state and log, seeing a file onto the disk. Between two of them only memory changes, which a kill
takes along in any case.
"""

import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

POLL_S = 0.01


class Steps:
    """The steps of the operation that is under way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._operation = ""
        self._taken: Counter[str] = Counter()

    @contextmanager
    def operation(self, name: str) -> Iterator[None]:
        self._operation, self._taken = name, Counter()
        try:
            yield
            self.step("answer")
        finally:
            self._operation = ""

    def step(self, name: str, take: Callable[[], object] = lambda: None) -> None:
        """Write down that a step comes, and do before it what the order says."""
        if not self._operation:
            return
        with self._lock:
            self._taken[name] += 1
            times = f" ({self._taken[name]})" if self._taken[name] > 1 else ""
            line = f"{self._operation}: {name}{times}"
            with (self._folder / "steps").open("a") as steps:
                steps.write(f"{line}\n")
        order = self._order()
        if order == f"kill {line}":
            _die()
        if order == f"kill amid {line}":
            threading.Thread(target=take).start()
            time.sleep(POLL_S)
            _die()
        if order == f"wait {line}":
            (self._folder / "held").touch()
            while self._order() == order:
                time.sleep(POLL_S)

    def _order(self) -> str:
        try:
            return (self._folder / "order").read_text()
        except FileNotFoundError:
            return ""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()  # not a step further until the kernel has done it


def rig_clock(folder: Path) -> None:
    real = time.time

    def wrong() -> float:
        try:
            return real() + float((folder / "clock").read_text())
        except FileNotFoundError:
            return real()

    time.time = wrong


def rig_libvirt(steps: Steps) -> None:
    from schedulerlocal.backends.libvirt.connection.session import LibvirtOperation
    from schedulerlocal.images.storage import Storage

    change, run = LibvirtOperation.change, Storage.run

    def rigged_change(operation: LibvirtOperation, what: str, function: Any) -> None:
        steps.step(f"libvirt, {what}", lambda: change(operation, what, function))
        change(operation, what, function)

    def rigged_run(storage: Storage, what: str, work: Any, deadline: Any) -> Any:
        if not what.startswith("image"):  # which is only looked at
            steps.step(what)
        return run(storage, what, work, deadline)

    LibvirtOperation.change, Storage.run = rigged_change, rigged_run


def rig_files(steps: Steps) -> None:
    from schedulerlocal.agent import records
    from slackvm.formats.operations import Journal

    write_state, append, fsync = records.write_state, Journal.append, os.fsync

    def rigged_write_state(*arguments: Any) -> None:
        steps.step("write state")
        write_state(*arguments)

    def rigged_append(*arguments: Any, **options: Any) -> None:
        steps.step("write log")
        append(*arguments, **options)

    def rigged_fsync(file: int) -> None:
        name = Path(f"/proc/self/fd/{file}").readlink().name
        steps.step("fsync " + re.sub(r"[0-9a-f]{8}-[-0-9a-f]{27}|(?<=json\.)\w+", "*", name))
        fsync(file)

    records.write_state, Journal.append, os.fsync = rigged_write_state, rigged_append, rigged_fsync


def rig_operations(steps: Steps) -> None:
    from schedulerlocal.agent.host_agent import HostAgent
    from schedulerlocal.agent.operation_lock import OperationLock

    held = OperationLock.held

    class Asked(threading.local):
        """What this thread does; work without a name has no steps."""

        operation = ""

    asked = Asked()

    def named(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def rigged(*arguments: Any, **options: Any) -> Any:
            outer, asked.operation = asked.operation, name
            try:
                return method(*arguments, **options)
            finally:
                asked.operation = outer

        return rigged

    @contextmanager
    def rigged_held(lock: OperationLock) -> Iterator[None]:
        with held(lock), steps.operation(asked.operation):
            yield

    OperationLock.held = rigged_held
    for name in ("deploy", "cancel", "remove", "reconcile"):
        setattr(HostAgent, name, named(name, getattr(HostAgent, name)))


def live(order: Any) -> None:
    """Be the daemon that is ordered, in this process."""
    from schedulerlocal.__main__ import main

    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(Path(order["log"]).parent)
    os.environ.update(order["environment"])
    sys.argv = ["slackvm-local", *order["options"]]
    main()


def fork_on_demand() -> None:
    """Read orders; fork a daemon for each, tell its process id, and when it has ended its code."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            live(json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    steps = Steps(Path(sys.argv[1]))
    rig_clock(Path(sys.argv[1]))
    rig_libvirt(steps)
    rig_files(steps)
    rig_operations(steps)
    fork_on_demand()
