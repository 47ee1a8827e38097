"""Metrics of a daemon: one registry per application, and counters of its requests."""

import platform

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from slackvm import __version__
from slackvm.api.endpoint import METHODS, Endpoint, Lane
from slackvm.http.routes import Request, Response, Route

_METHODS = frozenset({*METHODS, "HEAD", "OPTIONS"})

_METRICS: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/metrics",
    summary="Metrics in the text format of Prometheus.",
    replies={200: CONTENT_TYPE_PLAIN_0_0_4},
    lane=Lane.PROBE,
    tags=("daemon",),
)

NO_ROUTE = "none"
"""Route of a request that no endpoint's path matches, or that was not read."""


class Metrics:
    """Counts requests by the route's template, so that clients cannot add label values.

    Attributes:
        registry: where a daemon registers its own metrics.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Memory, CPU time, open files, and since when it runs.
        ProcessCollector(registry=self.registry)
        build = Info("slackvm_build", "Versions of SlackVM and Python.", registry=self.registry)
        build.info({"version": __version__, "python": platform.python_version()})
        self._requests = Counter(
            "slackvm_http_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "slackvm_http_request_seconds",
            "Seconds from a whole request to its answer.",
            ["route", "method"],
            registry=self.registry,
        )

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that took `seconds`."""
        known = known_method(method)
        self._requests.labels(route, known, status).inc()
        self._seconds.labels(route, known).observe(seconds)

    def count_unread(self, status: int) -> None:
        """Count a connection that was answered without reading a request from it."""
        self._requests.labels(NO_ROUTE, known_method(""), status).inc()

    def route(self) -> Route[None, None]:
        """Return the route of `GET /metrics`."""
        return Route(_METRICS, self._show)

    def _show(self, _request: Request[None, None]) -> Response:
        return Response(200, generate_latest(self.registry))


def known_method(method: str) -> str:
    """Return a method for a label or a log; clients may send any word."""
    return method if method in _METHODS else "other"
