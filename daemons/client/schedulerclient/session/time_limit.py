"""A time limit on work that may wait for anything."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises.

    A thread does the work. When the time is over the thread is left behind, and does not keep the
    process from ending. Socket timeouts cover neither a name look-up nor an answer that arrives
    byte by byte.

    Raises:
        TimeoutError: the time is over.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
