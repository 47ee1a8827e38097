"""Cheroot's server, with limits on everything that clients can use up.

Only this module uses private members of cheroot; `tests/rest/test_private.py` checks them.
"""

import errno
import math
import queue
import resource
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import structlog
from cheroot import wsgi

from slackvm.api.errors import RestError, malformed, overloaded
from slackvm.http.app import RestApp
from slackvm.http.engine.connections import WholeRequestConnection
from slackvm.http.engine.limits import Limits
from slackvm.http.engine.workers import LaneWorkers
from slackvm.http.tls import LateHandshake

log = structlog.get_logger(__name__)

_MUCH = 1 << 16
"""Bytes of a request from which on it is looked at what all connections hold."""

_BACKLOG = 128
"""Connections that Linux accepts for us while we are busy."""

_PAUSE_S = 0.05
"""Pause where no connection can be had and none can be given up."""

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Why the machine can give us no further connection."""


class _Listening(socket.socket):
    """The socket that listens; where no connection can be had it says so and goes on.

    Cheroot would end the round in which it looks at all connections, each time, and so never come
    to close one.
    """

    def __init__(self, listening: socket.socket, exhausted: Callable[[OSError], None]) -> None:
        timeout = listening.gettimeout()
        super().__init__(fileno=listening.detach())
        self.settimeout(timeout)
        self._exhausted = exhausted

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection.

        Raises:
            TimeoutError: no connection is waiting.
        """
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._exhausted(error)
            raise TimeoutError from error


class Engine(wsgi.Server):
    """The server that watches connections and hands whole requests to the threads of their lanes.

    Raises:
        ValueError: this process may open too few files.
    """

    ConnectionClass = WholeRequestConnection

    def __init__(
        self, app: RestApp, address: str, port: int, tls: ssl.SSLContext | None, limits: Limits
    ) -> None:
        super().__init__(
            (address, port),
            app,
            server_name="slackvm",
            request_queue_size=_BACKLOG,
        )
        self.requests: Any = LaneWorkers(
            limits.lanes, limits.queue_seconds, self.put_conn, self._refuse_overdue
        )
        self.timeout: Any = limits.seconds
        self.shutdown_timeout: Any = limits.stop_seconds
        self.keep_alive_conn_limit = limits.connections
        self.ssl_adapter = LateHandshake(tls) if tls else None
        self._app = app
        self._limits = limits
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most_waiting = limits.waiting_connections(files)

    def prepare(self) -> None:
        """Listen."""
        super().prepare()
        self.socket: Any = _Listening(self.socket, self._exhausted)

    def process_conn(self, conn: WholeRequestConnection) -> None:
        """Go on with a connection on which something came; never waits, never raises.

        Only the thread that watches the connections calls it.
        """
        try:
            if conn.last_used is None:
                conn.last_used = time.time()
                self._make_room()
            if conn.draining:
                self._wait(conn) if conn.drain() else conn.close()
            elif conn.gather():
                self.requests.put(conn, self._app.lane(conn.request_line))
            else:
                self._wait(conn)
                if conn.held > _MUCH:
                    self._make_room()
        except queue.Full:
            self._refuse(conn, overloaded("too many requests wait"))
        except RestError as error:
            self._refuse(conn, error)
        except ssl.SSLError as error:
            log.info("tls_failed", client=conn.remote_addr, reason=error.reason)
            if error.reason == "HTTP_REQUEST":
                conn.refuse(malformed("this port speaks HTTPS only"), in_plain=True)
            else:
                conn.close()
        except (OSError, ValueError, KeyError):
            # The client is gone, or the server stops.
            conn.close()

    def put_conn(self, conn: WholeRequestConnection) -> None:
        """Watch a connection again; called from every thread, never raises."""
        try:
            if not self.ready:
                raise OSError("the server stops")
            conn.last_used = time.time()
            conn.awaits = selectors.EVENT_WRITE if conn.has_more() else selectors.EVENT_READ
            self._wait(conn)
        except (OSError, ValueError, KeyError):
            conn.draining = True
            conn.close()

    @staticmethod
    def bind_socket(sock: socket.socket, address: tuple[str, int]) -> socket.socket:
        """Take the address; where that fails, cheroot forgets the socket."""
        try:
            sock.bind(address)
        except OSError:
            sock.close()
            raise
        return sock

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Log what cheroot would write to stderr."""
        log.log(level, "http_server", detail=msg, exc_info=traceback)

    def _refuse(self, conn: WholeRequestConnection, error: RestError) -> None:
        self._app.metrics.count_unread(error.status)
        log.info("request_unread", client=conn.remote_addr, status=error.status, reason=str(error))
        conn.refuse(error)

    def _refuse_overdue(self, conn: WholeRequestConnection) -> None:
        self._refuse(conn, overloaded("no thread took this request in time"))

    def _wait(self, conn: WholeRequestConnection) -> None:
        self.selector.register(conn.socket.fileno(), conn.awaits, data=conn)

    def _make_room(self) -> None:
        waiting = self._waiting()
        held = sum(conn.held for conn in waiting)
        while len(waiting) > self._most_waiting or held > self._limits.held:
            longest = waiting.pop()
            held -= longest.held
            longest.hang_up()

    def _exhausted(self, error: OSError) -> None:
        waiting = self._waiting()
        log.warning("no_connection", reason=error.strerror, waiting=len(waiting))
        if waiting:
            waiting.pop().hang_up()
        else:
            time.sleep(_PAUSE_S)

    def _waiting(self) -> list[WholeRequestConnection]:
        """Return the connections that wait, the one that has waited for longest last."""
        everyone = [conn for _, conn in self.selector.connections if conn is not self]
        waiting = [conn for conn in everyone if conn.last_used < math.inf]
        return sorted(waiting, key=lambda conn: conn.last_used, reverse=True)

    @property
    def selector(self) -> Any:
        """Cheroot's selector, which watches connections and itself.

        Cheroot has no public way to wait until a socket can be written to, or to list the
        connections that wait.
        """
        return self._connections._selector  # type: ignore[attr-defined]  # noqa: SLF001
