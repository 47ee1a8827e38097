"""One connection to libvirt, used by one call at a time.

The client of libvirt 9.0 crashes the process when its wait for an answer is interrupted, since it
then leaves a pointer into the stack of the waiting thread behind. What interrupts it is another
thread's call on the same connection, and libvirt's own keepalive. Here neither exists.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import libvirt
import structlog

from schedulerlocal.backends.libvirt.deadline import BusyError, Deadline, OverdueError, Workers
from schedulerlocal.backends.libvirt.errors import LibvirtError, completed, is_of_connection
from schedulerlocal.hypervisor import HypervisorError, UnavailableError, UncertainError

T = TypeVar("T")
log = structlog.get_logger()

HUNG = "it does not answer"
CLEAR_UP_S = 2.0
"""How long what must be done after something slow may take at least, deadline or not."""


class Session:
    """One connection to libvirt, from opening it until it is lost or given up.

    Whoever has it has it alone. It is closed when it has ended and no call runs on it any more,
    never before: closing under a call would pull it from under libvirt's feet.

    Args:
        connection: libvirt's.
        workers: threads for the calls.

    Attributes:
        ended: set when it is of no use any more.
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

        The function must not return an object of libvirt's: whoever frees the last one of a closed
        connection talks to libvirt, and hangs if it hangs. What the function does may be done
        although nobody waits for it any more: it changes no more than one thing, and looks at
        `ended` before it does when it has asked for something else first.

        Args:
            what: what is done, for messages.
            function: calls libvirt.
            deadline: until when it is waited for.

        Raises:
            LibvirtError: libvirt says no.
            UnavailableError: no answer; whether it was done is not known.
        """
        let_go = threading.Event()
        with self._lock:
            if self.ended.is_set():
                raise UnavailableError(f"libvirt cannot be asked ({what}): {self.reason}")
            self._call = let_go

        def call() -> T:
            try:
                return function(self._connection)
            except (libvirt.libvirtError, HypervisorError) as error:
                if isinstance(error, libvirt.libvirtError):
                    completed(error)
                # The traceback would carry libvirt's objects out of this thread
                raise error.with_traceback(None) from None
            finally:
                self._call_ended()

        try:
            return self._workers.run(call, deadline, let_go)
        except BusyError as error:
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
        """End it; whoever waits for a call on it is let go. Nothing is waited for."""
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
        # Closing talks to libvirt too, which may hang
        threading.Thread(target=self._let_go, name="libvirt-close", daemon=True).start()

    def _let_go(self) -> None:
        for step in (*self.on_close, self._connection.close):
            try:
                step()
            except libvirt.libvirtError as error:  # it is lost, as likely as not
                log.debug("closing a connection to libvirt", error=str(error))
        self.on_close.clear()


class LibvirtOperation:
    """The calls of one operation: on one connection, by one deadline."""

    def __init__(self, session: Session, deadline: Deadline) -> None:
        self._session = session
        self.deadline = deadline

    def until(self, deadline: Deadline) -> "LibvirtOperation":
        """Return the same with another deadline."""
        return LibvirtOperation(self._session, deadline)

    def with_time_left(self) -> "LibvirtOperation":
        """Return the same with a deadline that leaves some time to clear up."""
        return self.until(Deadline(max(self.deadline.left, CLEAR_UP_S)))

    def ask(self, what: str, function: Callable[[libvirt.virConnect], T]) -> T:
        """Return what a function of the connection returns; see `Session.ask`."""
        return self._session.ask(what, function, self.deadline)

    def change(self, what: str, function: Callable[[libvirt.virConnect], object]) -> None:
        """Have a function of the connection change one thing; see `Session.ask`.

        Raises:
            UncertainError: no answer.
        """
        try:
            self.ask(what, function)
        except UnavailableError as error:
            raise UncertainError(str(error)) from error

    def act(self, what: str, uuid: str, action: Callable[[libvirt.virDomain], object]) -> None:
        """Change a domain, given by its UUID, unless nobody waits for it any more."""

        def call(connection: libvirt.virConnect) -> None:
            domain = connection.lookupByUUIDString(uuid)
            if not self._session.ended.is_set():
                action(domain)

        self.change(what, call)
