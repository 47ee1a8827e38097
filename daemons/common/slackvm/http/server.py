"""The HTTP server of a daemon."""

import ssl
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Self

import structlog

from slackvm.http.app import RestApp
from slackvm.http.engine.engine import Engine
from slackvm.http.engine.limits import Limits

log = structlog.get_logger(__name__)


class RestServer:
    """Serves an application from threads of its own.

    Args:
        app: what answers.
        address: IP address or host name to listen on.
        port: 0 takes any that is free.
        tls: serve HTTPS, and nothing else.
        limits: how much clients can use up.
    """

    def __init__(
        self,
        app: RestApp,
        address: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._where = address, port
        self._limits = limits or Limits()
        self._engine = Engine(app, address, port, tls, self._limits)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen and serve; when this returns, clients can connect.

        Raises:
            OSError: the address cannot be listened on; says which.
        """
        listening: Future[None] = Future()
        # A daemon thread, and so are those that it starts: a request that hangs does not keep the
        # process from ending.
        self._thread = threading.Thread(
            target=self._run, args=(listening,), name="rest", daemon=True
        )
        self._thread.start()
        try:
            listening.result()
        except OSError as error:
            address, port = self._where
            raise OSError(f"cannot listen on {address} port {port}: {error}") from error
        log.info("listening", url=self.url)

    def stop(self) -> bool:
        """Stop listening, finish the requests that have come whole, and end.

        Returns whether all were finished in time; those that were not are left behind.
        """
        stopper = threading.Thread(target=self._engine.stop, name="rest stop", daemon=True)
        stopper.start()
        # Cheroot looks up twice a second, and waits for hanging threads without limit.
        stopper.join(self._limits.stop_seconds + 2 * self._engine.expiration_interval)
        finished = not stopper.is_alive()
        log.info("stopped", url=self.url, finished=finished)
        return finished

    def is_alive(self) -> bool:
        """Return whether it serves."""
        return self._thread is not None and self._thread.is_alive() and self._engine.ready

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._engine.bind_addr[1])

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self._engine.ssl_adapter else "http"
        address = self._where[0]
        return f"{scheme}://{f'[{address}]' if ':' in address else address}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self, listening: "Future[None]") -> None:
        try:
            self._engine.prepare()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            listening.set_exception(error)
            return
        listening.set_result(None)
        self._engine.serve()
