"""`slackvm-global` that kills itself at a step, as `kill -9` would.

Run as a module. The steps are the moments before each thing that the controller does to its store,
its log and its hosts while it changes VMs; what is after one is before the next. `KILL_AT` numbers
the step, or `KILL_NAME` names it: then its first time counts. Steps that are reached are appended
to the file `STEPS`; before it is there, none counts.
"""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schedulerglobal.__main__ import main
from schedulerglobal.hosts.client import HostClient
from schedulerglobal.store.sqlite import SqliteStore
from slackvm.formats.operations import Journal

STEPS = Path(os.environ["STEPS"])
KILL_AT = int(os.environ.get("KILL_AT", "0"))
KILL_NAME = os.environ.get("KILL_NAME", "")
reached = 0


def step(name: str) -> None:
    global reached
    if not STEPS.exists():
        return
    reached += 1
    with STEPS.open("a") as steps:
        steps.write(f"{name}\n")
    if reached == KILL_AT or name == KILL_NAME:
        os.kill(os.getpid(), signal.SIGKILL)


def stepping(owner: type, name: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*given: Any, **more: Any) -> Any:
        step(name)
        return original(*given, **more)

    setattr(owner, name, wrapped)


for name in (
    *("reserve", "confirm", "release", "set_vms", "write_lines"),
    *("set_lost", "drop_lost"),
):
    stepping(SqliteStore, name)
for name in ("deploy", "remove", "cancel"):
    stepping(HostClient, name)
stepping(Journal, "append")
main()
