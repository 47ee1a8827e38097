"""Waiting for what may never end."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class OverdueError(Exception):
    """It has not ended by the deadline, and may still end some day."""


class BusyError(Exception):
    """By the deadline it could not begin: too much else is under way."""


class Deadline:
    """A moment in the future, `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._moment = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; zero afterwards."""
        return max(0.0, self._moment - time.monotonic())


class Workers:
    """Threads for calls that may hang; whoever waits for one is let go at the deadline.

    A call that hangs cannot be ended. Its thread stays until it returns, and it counts: no more
    than `limit` threads are there at once. None keeps the process from ending.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._places = threading.BoundedSemaphore(limit)

    def run(
        self,
        function: Callable[[], T],
        deadline: Deadline,
        let_go: threading.Event | None = None,
        late: Callable[[T], object] = lambda _: None,
    ) -> T:
        """Return what `function` returns, or raise what it raises.

        Args:
            function: what may hang.
            deadline: until when it is waited for.
            let_go: one to be set in order to end the wait earlier.
            late: called with what is returned when nobody waits for it any more.

        Raises:
            OverdueError: it has begun and not ended.
            BusyError: it was not begun and will not be.
        """
        if not self._places.acquire(timeout=deadline.left):
            raise BusyError(f"{self._name}: too many calls have not ended yet")
        result: Future[T] = Future()
        ended = let_go or threading.Event()
        try:
            threading.Thread(
                target=self._work, args=(function, result, ended), name=self._name, daemon=True
            ).start()
        except RuntimeError as error:
            self._places.release()
            raise BusyError(f"{self._name}: {error}") from error
        ended.wait(deadline.left)
        if not result.done():
            result.add_done_callback(lambda done: done.exception() or late(done.result()))
            raise OverdueError
        try:
            return result.result()
        finally:
            del result  # see below

    def _work(self, function: Callable[[], T], result: Future[T], ended: threading.Event) -> None:
        try:
            result.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            result.set_exception(error)
        finally:
            # An error that is kept by what its own traceback holds is freed by the garbage
            # collector only, and what hangs on it at any time and in any thread.
            del function, result
            self._places.release()
            ended.set()
