"""Work that ends in time, whatever it waits for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises.

    It is done by a thread, which is left behind when the time is over and does not keep the process
    from ending: timeouts of sockets count neither the look-up of a name nor an answer that comes
    drop by drop.

    Raises:
        TimeoutError: the time is over.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - is raised by whoever waits
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
