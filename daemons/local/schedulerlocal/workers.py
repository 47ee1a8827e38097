"""Threads for calls that may hang."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from slackvm.deadline import Deadline

T = TypeVar("T")


class OverdueError(Exception):
    """The call has not ended by the deadline, and may still end later."""


class NotStartedError(Exception):
    """The call was not started, and will not be: too many others have not ended."""


class Workers:
    """Runs calls that may hang in threads; the caller waits until the deadline and no longer.

    A call that hangs cannot be ended. Its thread stays until the call returns, and counts: there
    are at most `limit` threads at once. None keeps the process from ending.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._places = threading.BoundedSemaphore(limit)

    def run(
        self,
        function: Callable[[], T],
        deadline: Deadline,
        stop_waiting: threading.Event | None = None,
        late: Callable[[T], object] = lambda _: None,
    ) -> T:
        """Return what `function` returns, or raise what it raises.

        Args:
            function: a call that may hang.
            deadline: how long the caller waits.
            stop_waiting: set by another thread to end the wait earlier.
            late: called with the result if the caller no longer waits for it.

        Raises:
            OverdueError: it was started and has not ended.
            NotStartedError: it was not started and will not be.
        """
        if not self._places.acquire(timeout=deadline.left):
            raise NotStartedError(f"{self._name}: too many calls have not ended yet")
        result: Future[T] = Future()
        ended = stop_waiting or threading.Event()
        try:
            threading.Thread(
                target=self._work, args=(function, result, ended), name=self._name, daemon=True
            ).start()
        except RuntimeError as error:
            self._places.release()
            raise NotStartedError(f"{self._name}: {error}") from error
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
        except BaseException as error:  # noqa: BLE001 - raised in the waiting thread
            result.set_exception(error)
        finally:
            # An error that its own traceback refers to is freed by the garbage collector only,
            # with all that hangs on it, at any time and in any thread.
            del function, result
            self._places.release()
            ended.set()
