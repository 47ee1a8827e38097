"""Retries: which requests are sent again, and until when."""

import math
import time
from types import TracebackType
from typing import Self

from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import MaxRetryError, ResponseError
from urllib3.util import Retry

_LOST = 2
"""How often a request is sent again after its answer was lost."""

_MANY = 1000


class _UntilDeadline(Retry):
    """Waits as long as the server requests (`Retry-After`), if the deadline allows it.

    Attributes:
        deadline: in seconds of the monotonic clock.
    """

    deadline = math.inf

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Return the retries that are left.

        Raises:
            MaxRetryError: none are left.
        """
        if response is not None:
            pause = self.get_retry_after(response) or 0.0
            if time.monotonic() + pause >= self.deadline:
                raise MaxRetryError(_pool, url, ResponseError("too late"))  # type: ignore[arg-type]  # as urllib3 itself does
        left = super().increment(method, url, response, error, _pool, _stacktrace)
        left.deadline = self.deadline
        return left


def retries(deadline: float | None) -> Retry:
    """Return the retries of a request that fails.

    Args:
        deadline: until when the request may be sent again, in seconds of the monotonic clock: after
            the server reported that it cannot serve it now, or after its answer was lost. None: it
            is sent once.
    """
    if deadline is None:
        return Retry(0, read=False)
    policy = _UntilDeadline(
        total=_MANY,
        connect=0,
        read=_LOST,
        redirect=0,
        other=0,
        allowed_methods=None,
        backoff_factor=0.2,
        raise_on_status=False,
    )
    policy.deadline = deadline
    return policy
