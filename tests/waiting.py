"""Waiting for what comes in its own time."""

import time
from collections.abc import Callable


def wait_until(what: Callable[[], object], seconds: float = 60) -> None:
    """Ask until the answer is yes; the limit is generous, for machines may be slow."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
