"""Asking libvirt: an open connection, and the calls of one operation on it."""

import threading
from collections.abc import Callable
from typing import TypeVar

import libvirt
import structlog

from schedulerlocal.live.hypervisor import UnavailableError
from schedulerlocal.live.libvirt_backend.deadline import BusyError, Deadline, OverdueError, Workers
from schedulerlocal.live.libvirt_backend.errors import LibvirtError, completed, is_of_connection

T = TypeVar("T")
log = structlog.get_logger()


class Session:
    """One connection to libvirt, from opening it until it is lost or given up.

    It is closed when it has been given up and nobody uses it any more, never before: closing under
    a call that still runs would pull it from under libvirt's feet.

    Args:
        connection: libvirt's.
        on_end: called once, without waiting, when it has been given up; with the reason.
    """

    def __init__(
        self, connection: libvirt.virConnect, on_end: Callable[["Session", str], None]
    ) -> None:
        self.connection = connection
        self.callback_id: int | None = None
        self._on_end = on_end
        self._lock = threading.Lock()
        self._users = 0
        self._ended = False

    def enter(self) -> bool:
        """Take part in its use, unless it has ended; then return False."""
        with self._lock:
            self._users += not self._ended
            return not self._ended

    def leave(self) -> None:
        """End a use of it."""
        with self._lock:
            self._users -= 1
            unused = self._ended and not self._users
        if unused:
            self._dispose()

    def give_up(self, reason: str) -> None:
        """Use it no more; what still runs on it may end."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            unused = not self._users
        self._on_end(self, reason)
        if unused:
            self._dispose()

    def _dispose(self) -> None:
        # Closing talks to libvirtd, which may hang; that ends with the keepalive at the latest.
        threading.Thread(target=self._close, name="libvirt-close", daemon=True).start()

    def _close(self) -> None:
        steps: list[Callable[[], object]] = []
        if self.callback_id is not None:
            callback_id = self.callback_id
            steps.append(lambda: self.connection.domainEventDeregisterAny(callback_id))
        steps += [self.connection.unregisterCloseCallback, self.connection.close]
        for step in steps:
            try:
                step()
            except libvirt.libvirtError as error:  # it is lost, as likely as not
                log.debug("closing a connection to libvirt", error=str(error))


class Conversation:
    """The calls of one operation: on one connection, by one deadline."""

    def __init__(self, session: Session, workers: Workers, deadline: Deadline) -> None:
        self._session = session
        self._workers = workers
        self.deadline = deadline

    def until(self, deadline: Deadline) -> "Conversation":
        """Return the same with another deadline."""
        return Conversation(self._session, self._workers, deadline)

    def ask(self, what: str, function: Callable[[libvirt.virConnect], T]) -> T:
        """Return what a function of the connection returns.

        A function that changes anything makes just one call: once the deadline has passed it may
        still go on, and whoever gave it is not there any more.

        Args:
            what: what is done, for messages.
            function: calls libvirt.

        Raises:
            LibvirtError: libvirt says no.
            UnavailableError: no answer; whether it was done is not known.
        """
        session = self._session
        if not session.enter():
            raise UnavailableError(f"the connection to libvirt was lost ({what})")

        def call() -> T:
            try:
                return function(session.connection)
            except libvirt.libvirtError as error:
                raise completed(error) from None
            finally:
                session.leave()

        try:
            return self._workers.run(call, self.deadline)
        except BusyError as error:
            session.leave()
            raise UnavailableError(f"libvirt is busy ({what}): {error}") from error
        except OverdueError:
            reason = f"libvirt did not answer in time ({what})"
            session.give_up(reason)
            raise UnavailableError(reason) from None
        except libvirt.libvirtError as error:
            if _is_lost(error, session.connection):
                reason = f"the connection to libvirt was lost ({what}): {error}"
                session.give_up(reason)
                raise UnavailableError(reason) from error
            raise LibvirtError(error) from error


def _is_lost(error: libvirt.libvirtError, connection: libvirt.virConnect) -> bool:
    if is_of_connection(error):
        return True
    try:
        return not connection.isAlive()
    except libvirt.libvirtError:
        return True
