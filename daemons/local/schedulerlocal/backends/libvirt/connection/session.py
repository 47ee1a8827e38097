"""One connection to libvirt, used by one call at a time.

If something interrupts the client of libvirt 9.0 while it waits for an answer, it keeps a pointer
into the stack of the waiting thread, and the process crashes. Two things interrupt it: another
thread's call on the same connection, and libvirt's keepalive. Neither is used here.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import libvirt
import structlog

from schedulerlocal.backends.libvirt.connection.errors import (
    LibvirtError,
    completed,
    is_of_connection,
)
from schedulerlocal.hypervisor import HypervisorError, UnavailableError, UncertainError
from schedulerlocal.workers import NotStartedError, OverdueError, Workers
from slackvm.deadline import Deadline

T = TypeVar("T")
log = structlog.get_logger()

HUNG = "it does not answer"
CLEAN_UP_S = 2.0
"""Seconds that cleaning up may take at least, even after the deadline."""


class Session:
    """One connection to libvirt, from opening it until it is lost or given up.

    One operation uses it at a time. It is closed once it has ended and no call runs on it: closing
    it during a call would crash libvirt's client.

    Args:
        connection: libvirt's.
        workers: threads for the calls.

    Attributes:
        ended: set when the connection cannot be used any more.
        reason: why it has ended.
        on_close: called before it is closed.
    """

    def __init__(self, connection: libvirt.virConnect, workers: Workers) -> None:
        self.ended = threading.Event()
        self.on_close: list[Callable[[], object]] = []
        self._connection = connection
        self._workers = workers
        self._lock = threading.Lock()
        self._call: threading.Event | None = None
        self.reason = ""

    def ask(self, what: str, function: Callable[[libvirt.virConnect], T], deadline: Deadline) -> T:
        """Return what a function of the connection returns.

        The function must not return an object of libvirt's: freeing the last object of a closed
        connection calls libvirt, which may hang. The function may still run after the caller has
        stopped waiting. So it changes one thing at most, and if it has called libvirt before, it
        checks `ended` first.

        Args:
            what: what is done, for messages.
            function: calls libvirt.
            deadline: how long the caller waits.

        Raises:
            LibvirtError: libvirt reports an error.
            UnavailableError: no answer; the outcome is unknown.
        """
        stop_waiting = threading.Event()
        with self._lock:
            if self.ended.is_set():
                raise UnavailableError(f"libvirt cannot be asked ({what}): {self.reason}")
            self._call = stop_waiting

        def call() -> T:
            try:
                return function(self._connection)
            except (libvirt.libvirtError, HypervisorError) as error:
                if isinstance(error, libvirt.libvirtError):
                    completed(error)
                # The traceback would take libvirt's objects out of this thread
                raise error.with_traceback(None) from None
            finally:
                self._call_ended()

        try:
            return self._workers.run(call, deadline, stop_waiting)
        except NotStartedError as error:
            self._call_ended()
            raise UnavailableError(f"libvirt is busy ({what}): {error}") from error
        except OverdueError:
            self.give_up(HUNG)
            raise UnavailableError(f"libvirt did not answer ({what}): {self.reason}") from None
        except libvirt.libvirtError as error:
            if is_of_connection(error):
                self.give_up(f"the connection was lost: {error}")
                raise UnavailableError(f"libvirt did not answer ({what}): {error}") from error
            raise LibvirtError(error) from error

    def give_up(self, reason: str) -> None:
        """End it without waiting; callers stop waiting for their calls."""
        with self._lock:
            if self.ended.is_set():
                return
            self.reason = reason
            self.ended.set()
            call = self._call
        if call is None:
            self._close()
        else:
            call.set()

    def _call_ended(self) -> None:
        with self._lock:
            self._call = None
            ended = self.ended.is_set()
        if ended:
            self._close()

    def _close(self) -> None:
        # Closing calls libvirt too, which may hang
        threading.Thread(target=self._close_connection, name="libvirt-close", daemon=True).start()

    def _close_connection(self) -> None:
        for step in (*self.on_close, self._connection.close):
            try:
                step()
            except libvirt.libvirtError as error:  # most likely the connection is lost
                log.debug("libvirt_close_failed", error=str(error))
        self.on_close.clear()


class LibvirtOperation:
    """The calls of one operation, on one connection and with one deadline."""

    def __init__(self, session: Session, deadline: Deadline) -> None:
        self._session = session
        self.deadline = deadline

    def until(self, deadline: Deadline) -> "LibvirtOperation":
        """Return the same with another deadline."""
        return LibvirtOperation(self._session, deadline)

    def with_cleanup_time(self) -> "LibvirtOperation":
        """Return the same with a deadline that leaves time to clean up."""
        return self.until(Deadline(max(self.deadline.left, CLEAN_UP_S)))

    def ask(self, what: str, function: Callable[[libvirt.virConnect], T]) -> T:
        """Return what a function of the connection returns; see `Session.ask`."""
        return self._session.ask(what, function, self.deadline)

    def change(self, what: str, function: Callable[[libvirt.virConnect], object]) -> None:
        """Change one thing by a function of the connection; see `Session.ask`.

        Raises:
            UncertainError: no answer.
        """
        try:
            self.ask(what, function)
        except UnavailableError as error:
            raise UncertainError(str(error)) from error

    def act(self, what: str, uuid: str, action: Callable[[libvirt.virDomain], object]) -> None:
        """Change a domain, given by its UUID, unless the caller has stopped waiting."""

        def call(connection: libvirt.virConnect) -> None:
            domain = connection.lookupByUUIDString(uuid)
            if not self._session.ended.is_set():
                action(domain)

        self.change(what, call)
