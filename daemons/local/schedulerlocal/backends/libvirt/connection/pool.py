"""The connections to libvirt: one for events and pings, and a few for operations."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libvirt
import structlog

from schedulerlocal.backends.libvirt.connection.errors import LibvirtError
from schedulerlocal.backends.libvirt.connection.event_loop import start_event_loop
from schedulerlocal.backends.libvirt.connection.session import HUNG, LibvirtOperation, Session
from schedulerlocal.backends.libvirt.connection.watchers import Watchers
from schedulerlocal.hypervisor import UnavailableError
from schedulerlocal.workers import NotStartedError, OverdueError, Workers
from slackvm.deadline import Deadline

log = structlog.get_logger()

MAX_SESSIONS = 6
"""Operations that use libvirt at once; others wait."""
MAX_CALLS = 16
"""Calls to libvirt at once, including those that hang and were given up."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


class Connection:
    """The connections to a libvirt daemon, kept open in the background.

    One connection is for events and pings. A ping goes every tenth of the timeout; without an
    answer within half of the timeout libvirt hangs: callers stop waiting, and new connections are
    opened.

    Args:
        uri: libvirt's URI.
        timeout_s: how long an operation may take.
    """

    def __init__(self, uri: str, timeout_s: float) -> None:
        self._uri = uri
        self._timeout_s = timeout_s
        self._workers = Workers("libvirt-call", MAX_CALLS)
        self._condition = threading.Condition()
        self._watch: Session | None = None
        self._idle: list[Session] = []
        self._taken: set[Session] = set()
        self._opening = 0
        self._refusal = ""
        self._closed = threading.Event()
        self._watchers = Watchers()
        start_event_loop()
        threading.Thread(target=self._keep_watch, name="libvirt-watch", daemon=True).start()

    @contextmanager
    def operation(self, timeout_s: float | None = None) -> Iterator[LibvirtOperation]:
        """Give one operation access to libvirt.

        Args:
            timeout_s: how long the operation may take; None: the usual timeout.

        Raises:
            UnavailableError: there is no connection now, or none becomes free in time.
        """
        deadline = Deadline(self._timeout_s if timeout_s is None else timeout_s)
        session = self._take(deadline)
        try:
            yield LibvirtOperation(session, deadline)
        finally:
            self._put_back(session)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after domain events, and when the connection is lost or back."""
        self._watchers.add(changed)

    def close(self) -> None:
        """End all connections."""
        with self._condition:
            self._closed.set()
            self._condition.notify_all()
        self._give_up_all("closed")
        self._watchers.close()

    # A connection for an operation ----------------------------------------------------------------

    def _take(self, deadline: Deadline) -> Session:
        with self._condition:
            self._condition.wait_for(self._is_answer_known, deadline.left)
            if self._closed.is_set():
                raise UnavailableError(f"the connection to libvirt at {self._uri} is closed")
            if self._watch is None:
                # Later operations need not wait as long for a libvirt that hangs
                self._refusal = self._refusal or HUNG
                raise self._unavailable(self._refusal)
            if self._idle:
                session = self._idle.pop()
                self._taken.add(session)
                return session
            if not self._is_room:
                raise self._unavailable("other operations take too long")
            self._opening += 1
        try:
            session = self._open(deadline)
        finally:
            with self._condition:
                self._opening -= 1
                self._condition.notify_all()
        with self._condition:
            self._taken.add(session)
        return session

    @property
    def _is_room(self) -> bool:
        return len(self._taken) + self._opening < MAX_SESSIONS

    def _is_answer_known(self) -> bool:
        if self._watch is not None:
            return bool(self._idle) or self._is_room or self._closed.is_set()
        return bool(self._refusal) or self._closed.is_set()

    def _open(self, deadline: Deadline) -> Session:
        def session() -> Session:
            return Session(libvirt.open(self._uri), self._workers)

        try:
            return self._workers.run(
                session, deadline, late=lambda opened: opened.give_up("it was opened too late")
            )
        except libvirt.libvirtError as error:
            raise self._unavailable(str(error)) from error
        except NotStartedError as error:
            raise self._unavailable(str(error)) from error
        except OverdueError:
            raise self._unavailable(HUNG) from None

    def _put_back(self, session: Session) -> None:
        with self._condition:
            self._taken.discard(session)
            is_lost = session.ended.is_set()
            if not is_lost and self._watch is not None:
                self._idle.append(session)
            self._condition.notify_all()
            kept = session in self._idle
        if not kept:
            session.give_up("no longer needed")
        if is_lost:
            self._watchers.notify()  # libvirt may have done the last call

    def _unavailable(self, reason: str) -> UnavailableError:
        return UnavailableError(f"libvirt at {self._uri} cannot be asked: {reason}")

    # The connection for events and pings --------------------------------------------------------

    def _keep_watch(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._closed.is_set():
            try:
                session = self._open_watch()
            except libvirt.libvirtError as error:
                self._refuse(str(error))
                self._closed.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            log.info("libvirt_connected", uri=self._uri)
            with self._condition:
                self._watch, self._refusal = session, ""
                self._condition.notify_all()
            self._watchers.notify()
            began = time.monotonic()
            self._wait_for_loss(session)
            if not self._closed.is_set():
                log.warning("libvirt_connection_lost", uri=self._uri, reason=session.reason)
            self._give_up_all(session.reason)
            self._watchers.notify()
            # A connection that is lost at once must not make this loop spin
            if time.monotonic() - began > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            self._closed.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _open_watch(self) -> Session:
        connection = libvirt.open(self._uri)
        session = Session(connection, self._workers)
        try:
            connection.registerCloseCallback(_closed, session)
            session.on_close.append(connection.unregisterCloseCallback)
            callback_id = connection.domainEventRegisterAny(
                None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _happened, self._watchers
            )
            session.on_close.insert(0, lambda: connection.domainEventDeregisterAny(callback_id))
        except libvirt.libvirtError as error:
            session.give_up(str(error))
            raise
        return session

    def _wait_for_loss(self, session: Session) -> None:
        """Ping until there is no answer."""
        while not (self._closed.is_set() or session.ended.wait(self._timeout_s / 10)):
            try:
                session.ask(
                    "ping",
                    lambda connection: connection.getLibVersion(),
                    Deadline(self._timeout_s / 2),
                )
            except LibvirtError as error:
                log.warning("libvirt_ping_failed", error=str(error))
            except UnavailableError as error:
                if not session.ended.is_set():
                    session.give_up(str(error))
                if session.reason == HUNG:
                    self._refuse(HUNG)
        session.give_up("closed")

    def _give_up_all(self, reason: str) -> None:
        with self._condition:
            sessions = [*self._idle, *self._taken]
            if self._watch:
                sessions.append(self._watch)
            self._idle.clear()
            self._watch = None
            self._condition.notify_all()
        for session in sessions:
            session.give_up(reason)

    def _refuse(self, reason: str) -> None:
        with self._condition:
            is_new = self._refusal != reason
            self._refusal = reason
            self._condition.notify_all()
        if is_new:
            log.warning("libvirt_connection_failed", uri=self._uri, reason=reason)


def _closed(_connection: libvirt.virConnect, reason: int, session: Session) -> None:
    names = {
        libvirt.VIR_CONNECT_CLOSE_REASON_ERROR: "an error",
        libvirt.VIR_CONNECT_CLOSE_REASON_EOF: "libvirt ended it",
    }
    session.give_up(names.get(reason, "closed"))


def _happened(
    _connection: libvirt.virConnect,
    _domain: libvirt.virDomain,
    _event: int,
    _detail: int,
    watchers: Watchers,
) -> None:
    watchers.notify()
