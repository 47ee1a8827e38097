"""The connections to libvirt: one that watches, and a few for operations."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libvirt
import structlog

from schedulerlocal.backends.libvirt.deadline import BusyError, Deadline, OverdueError, Workers
from schedulerlocal.backends.libvirt.errors import LibvirtError
from schedulerlocal.backends.libvirt.event_loop import start_event_loop
from schedulerlocal.backends.libvirt.session import HUNG, LibvirtOperation, Session
from schedulerlocal.backends.libvirt.watchers import Watchers
from schedulerlocal.hypervisor import UnavailableError

log = structlog.get_logger()

MAX_SESSIONS = 6
"""Operations that may ask libvirt at once; others wait for them."""
MAX_CALLS = 16
"""Calls that may be under way at once, those included that hang and were given up."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


class Connection:
    """The way to a libvirt daemon, kept open in the background.

    A connection of its own brings the events and is asked for a sign of life every tenth of the
    timeout; if that does not come within half of it, libvirt hangs: whoever waits for anything is
    let go, and connections are opened anew.

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
    def conversation(self, timeout_s: float | None = None) -> Iterator[LibvirtOperation]:
        """Give a way to ask libvirt, for one operation.

        Args:
            timeout_s: how long it may take; None: as long as any.

        Raises:
            UnavailableError: there is none now. While a connection is opened it is waited for.
        """
        deadline = Deadline(self._timeout_s if timeout_s is None else timeout_s)
        session = self._take(deadline)
        try:
            yield LibvirtOperation(session, deadline)
        finally:
            self._put_back(session)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after domain events and when the connection comes or goes."""
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
                # Whoever comes next need not wait as long for what hangs
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
                session, deadline, late=lambda opened: opened.give_up("it came too late")
            )
        except libvirt.libvirtError as error:
            raise self._unavailable(str(error)) from error
        except BusyError as error:
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
            self._watchers.tell()  # what it was asked for last may have been done or not

    def _unavailable(self, reason: str) -> UnavailableError:
        return UnavailableError(f"libvirt at {self._uri} cannot be asked: {reason}")

    # The connection that watches ------------------------------------------------------------------

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
            log.info("connected to libvirt", uri=self._uri)
            with self._condition:
                self._watch, self._refusal = session, ""
                self._condition.notify_all()
            self._watchers.tell()
            began = time.monotonic()
            self._wait_for_loss(session)
            if not self._closed.is_set():
                log.warning("connection to libvirt lost", uri=self._uri, reason=session.reason)
            self._give_up_all(session.reason)
            self._watchers.tell()
            # One that is lost as soon as it is there must not make us spin
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
        """Ask for signs of life until there is none."""
        while not (self._closed.is_set() or session.ended.wait(self._timeout_s / 10)):
            try:
                session.ask(
                    "a sign of life",
                    lambda connection: connection.getLibVersion(),
                    Deadline(self._timeout_s / 2),
                )
            except LibvirtError as error:
                log.warning("libvirt gave an odd sign of life", error=str(error))
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
            log.warning("no connection to libvirt", uri=self._uri, reason=reason)


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
    watchers.tell()
