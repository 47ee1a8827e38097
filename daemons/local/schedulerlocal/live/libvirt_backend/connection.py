"""The connection to libvirt: kept open, opened again when it is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libvirt
import structlog

from schedulerlocal.live.hypervisor import UnavailableError
from schedulerlocal.live.libvirt_backend.conversation import Conversation, Session
from schedulerlocal.live.libvirt_backend.deadline import Deadline, Workers
from schedulerlocal.live.libvirt_backend.event_loop import start_event_loop

log = structlog.get_logger()

MAX_CALLS = 16
"""Calls of libvirt that may be under way at once, those that were given up included."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
KEEPALIVE_COUNT = 2


class Connection:
    """One connection to a libvirt daemon at a time, in the background.

    An end that hangs costs one thread that waits in `open`, and for each call that was given up one
    more until the keepalive ends it, after three fifths of the timeout.

    Args:
        uri: libvirt's URI.
        timeout_s: how long an operation may take.
    """

    def __init__(self, uri: str, timeout_s: float) -> None:
        self._uri = uri
        self._timeout_s = timeout_s
        self._workers = Workers("libvirt-call", MAX_CALLS)
        self._condition = threading.Condition()
        self._session: Session | None = None
        self._refusal = ""
        self._news = False
        self._closed = False
        self._watchers: list[Callable[[], None]] = []
        start_event_loop()
        for task in (self._keep_open, self._tell_watchers):
            threading.Thread(target=task, name=f"libvirt-{task.__name__}", daemon=True).start()

    @contextmanager
    def conversation(self, timeout_s: float | None = None) -> Iterator[Conversation]:
        """Give a way to ask libvirt, for one operation.

        Args:
            timeout_s: how long it may take; None: as long as any.

        Raises:
            UnavailableError: there is no connection. While one is being opened it is waited for.
        """
        deadline = Deadline(self._timeout_s if timeout_s is None else timeout_s)
        session = self._entered_session(deadline)
        try:
            yield Conversation(session, self._workers, deadline)
        finally:
            session.leave()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after domain events and when the connection comes or goes."""
        with self._condition:
            self._watchers.append(changed)

    def close(self) -> None:
        """End the connection and what keeps it open."""
        with self._condition:
            self._closed = True
            session = self._session
            self._condition.notify_all()
        if session:
            session.give_up("closed")

    def _entered_session(self, deadline: Deadline) -> Session:
        with self._condition:
            self._condition.wait_for(
                lambda: self._session or self._refusal or self._closed, deadline.left
            )
            if self._closed:
                reason = "the connection is closed"
            elif self._session is None:
                # Whoever comes next need not wait as long for what hangs
                self._refusal = reason = self._refusal or "it does not answer"
            elif self._session.enter():
                return self._session
            else:
                reason = "the connection was lost"
        raise UnavailableError(f"libvirt at {self._uri} cannot be asked: {reason}")

    def _keep_open(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._closed:
            try:
                session = self._open()
            except libvirt.libvirtError as error:
                self._note_refusal(str(error))
                with self._condition:
                    self._condition.wait_for(lambda: self._closed, pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            began = time.monotonic()
            self._serve(session)
            if time.monotonic() - began > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            else:  # one that is lost as soon as it is there must not make us spin
                with self._condition:
                    self._condition.wait_for(lambda: self._closed, pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _serve(self, session: Session) -> None:
        """Have operations use a session until it has ended."""
        with self._condition:
            self._session = session
            self._refusal = ""
        if not session.enter():  # lost before it was offered
            self._end(session, "lost at once")
            return
        session.leave()
        log.info("connected to libvirt", uri=self._uri)
        self._tell()
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._session is not session)
        session.give_up("closed")

    def _open(self) -> Session:
        connection = libvirt.open(self._uri)
        session = Session(connection, self._end)
        session.enter()  # or it could be closed under these calls, if it is lost meanwhile
        try:
            connection.setKeepAlive(max(1, int(self._timeout_s / 5)), KEEPALIVE_COUNT)
            connection.registerCloseCallback(_closed, session)
            session.callback_id = connection.domainEventRegisterAny(
                None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _happened, self
            )
        except libvirt.libvirtError as error:
            session.give_up(str(error))
            raise
        finally:
            session.leave()
        return session

    def _end(self, session: Session, reason: str) -> None:
        """Forget a session; called from any thread, libvirt's event loop among them."""
        with self._condition:
            if self._session is session:
                self._session = None
                self._condition.notify_all()
        if not self._closed:
            log.warning("connection to libvirt ended", uri=self._uri, reason=reason)
            self._tell()

    def _note_refusal(self, reason: str) -> None:
        with self._condition:
            new = self._refusal != reason
            self._refusal = reason
            self._condition.notify_all()
        if new:
            log.warning("no connection to libvirt", uri=self._uri, reason=reason)

    def _tell(self) -> None:
        with self._condition:
            self._news = True
            self._condition.notify_all()

    def _tell_watchers(self) -> None:
        """Call the watchers outside libvirt's event loop, which they must not hold up."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._news or self._closed)
                if self._closed:
                    return
                self._news = False
                watchers = list(self._watchers)
            for changed in watchers:
                try:
                    changed()
                except Exception:
                    log.exception("a watcher of libvirt failed")


def _closed(_connection: libvirt.virConnect, reason: int, session: Session) -> None:
    names = {
        libvirt.VIR_CONNECT_CLOSE_REASON_ERROR: "an error",
        libvirt.VIR_CONNECT_CLOSE_REASON_EOF: "libvirt ended it",
        libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "libvirt does not answer",
    }
    session.give_up(names.get(reason, "closed"))


def _happened(
    _connection: libvirt.virConnect,
    _domain: libvirt.virDomain,
    _event: int,
    _detail: int,
    watched: Connection,
) -> None:
    watched._tell()  # noqa: SLF001 - this module's own
