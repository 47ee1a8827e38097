"""The REST interface of a daemon as a WSGI application, built from its routes."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import bottle  # type: ignore[import-untyped]  # ships no types
import structlog

from slackvm.api.base import Inputs
from slackvm.api.endpoint import Lane
from slackvm.api.errors import ErrorReply, RestError, malformed
from slackvm.api.roles import Caller
from slackvm.formats.origin import Origin, originating
from slackvm.http import auth, inputs
from slackvm.http import responses as replies
from slackvm.http.auth import Tokens
from slackvm.http.compression import compressed
from slackvm.http.inputs import Environ
from slackvm.http.metrics import NO_ROUTE, Metrics, known_method
from slackvm.http.openapi import openapi_route
from slackvm.http.rejected import RejectedLog
from slackvm.http.responses import Reply
from slackvm.http.routes import AnyRoute, Request, Response
from slackvm.model.codes import Code

log = structlog.get_logger(__name__)

_ROUTE = "slackvm.route"
"""Key in a request's environment: the template of the path that matched."""

_SLASH = re.compile(b"%2F", re.IGNORECASE)


_HEALTH = ("/healthz", "/readyz")


class StartResponse(Protocol):
    """WSGI's function that takes the status line and the headers."""

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """Begin the answer."""


class RestApp:
    """A WSGI application.

    It adds `GET /openapi.json` and `GET /metrics`, HEAD where GET changes nothing, and OPTIONS.

    Args:
        routes: what the daemon offers; each pair of method and path once.
        title: name of the interface, for the OpenAPI document.
        version: version of the daemon.
        tokens: tokens that clients must send.
        metrics: counts the requests.
        on_stop: ends what requests wait for, before the server stops.

    Attributes:
        metrics, on_stop: the arguments.
    """

    def __init__(
        self,
        routes: Sequence[AnyRoute],
        *,
        title: str,
        version: str,
        tokens: Tokens,
        metrics: Metrics,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self.metrics = metrics
        self.on_stop = on_stop
        self._tokens = tokens
        self._rejected = RejectedLog()
        offered = [*routes, metrics.route()]
        document = openapi_route([route.endpoint for route in offered], title, version)
        paths: dict[str, dict[str, AnyRoute]] = {}
        for route in [*offered, document]:
            method, path = route.endpoint.method, route.endpoint.path
            methods = paths.setdefault(path, {})
            if method in methods:
                raise ValueError(f"there are two routes of {method} {path}")
            methods[method] = route
        self._bottle = bottle.Bottle()
        self._bottle.add_hook("before_request", _check_path)
        self._bottle.default_error_handler = self._bottle_error
        for path, methods in paths.items():
            rule = path.replace("{", "<").replace("}", ">")
            resource = _Resource(path, methods, tokens)
            self._bottle.route(rule, method="ANY", callback=resource)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        begun = time.perf_counter()
        request_id = replies.request_id(environ)
        status = 0

        def start(
            line: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            nonlocal status
            status = int(line[:3])
            given = {name for name, _ in headers}
            common = {**replies.COMMON_HEADERS, replies.REQUEST_ID: request_id}
            headers += [pair for pair in common.items() if pair[0] not in given]
            return start_response(line, headers, exc_info)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            body: Iterable[bytes] = self._bottle(environ, start)
            seconds = time.perf_counter() - begun
            method, route = environ["REQUEST_METHOD"], environ.get(_ROUTE, NO_ROUTE)
            self.metrics.count(route, method, status, seconds)
            address = environ.get("REMOTE_ADDR", "")
            if status != Code.UNAUTHORIZED.status or self._rejected.is_first(address):
                caller = environ.get(auth.CALLER)
                # Health is asked for every few seconds, and the answer is the same.
                write = log.debug if status < 400 and route in _HEALTH else log.info
                write(
                    "request",
                    method=known_method(method),
                    route=route,
                    status=status,
                    ms=round(seconds * 1000, 1),
                    by=caller.name if caller else "",
                    client=address,
                )
            self._rejected.flush()
        return body

    def lane(self, request_line: bytes) -> Lane:
        """Return whose threads answer a request, by its first line; never raises."""
        method, target, _ = request_line.split(b" ")
        quoted = target.partition(b"?")[0]
        # As cheroot and bottle read it, so that no change passes for a read.
        path = _SLASH.sub(b"%252F", quoted)
        environ = {
            "REQUEST_METHOD": method.decode("latin-1"),
            "PATH_INFO": unquote_to_bytes(path).decode(errors="ignore"),
        }
        try:
            route, _ = self._bottle.match(environ)
        except bottle.HTTPError:
            return Lane.READ
        resource: _Resource = route.callback
        return resource.lane(environ["REQUEST_METHOD"])

    def _bottle_error(self, error: bottle.HTTPError) -> bottle.HTTPResponse:
        """Answer what bottle refuses, a path that matches nothing, or an error of bottle."""
        if error.status_code != 404:
            log.error("request_failed", exc_info=error.exception)
            return _http(replies.of_error(RestError(Code.INTERNAL, "an error inside the daemon")))
        environ: Environ = bottle.request.environ
        try:
            auth.check_host(self._tokens, environ)
        except RestError as refusal:
            return _http(replies.of_error(refusal))
        path = inputs.shown(environ["PATH_INFO"])
        return _http(replies.of_error(RestError(Code.NOT_FOUND, f"there is no {path}")))


class _Resource:
    """A path and what its methods do."""

    def __init__(
        self,
        path: str,
        methods: Mapping[str, AnyRoute],
        tokens: Tokens,
    ) -> None:
        self._path = path
        self._methods = dict(methods)
        self._tokens = tokens
        get = methods.get("GET")
        if get is not None and not get.endpoint.changes:
            self._methods["HEAD"] = get
        self._allow = {"Allow": ", ".join([*self._methods, "OPTIONS"])}

    def lane(self, method: str) -> Lane:
        """Return whose threads answer a method."""
        route = self._methods.get(method)
        return Lane.READ if route is None else route.endpoint.needed_lane

    def __call__(self, **parameters: str) -> bottle.HTTPResponse:
        environ: Environ = bottle.request.environ
        environ[_ROUTE] = self._path
        method = environ["REQUEST_METHOD"]
        route = self._methods.get(method)
        # A client that uses the wrong method expects the fields of the right one.
        failure = (route or next(iter(self._methods.values()))).endpoint.failure
        try:
            auth.check_host(self._tokens, environ)
            if method == "OPTIONS":
                return _http(Reply(204, self._allow))
            if route is None:
                raise RestError(
                    Code.METHOD_NOT_ALLOWED,
                    f"{self._path} allows only {self._allow['Allow']}",
                    headers=self._allow,
                )
            response = self._respond(route, environ, parameters)
            reply = replies.of_response(response, route.endpoint, environ)
            return _http(compressed(reply, environ))
        except RestError as error:
            return _http(replies.of_error(error, failure))
        except Exception:  # noqa: BLE001 - every exception of a handler is logged and answered
            return _http(_internal_error(failure))

    def _respond(self, route: AnyRoute, environ: Environ, parameters: dict[str, str]) -> Response:
        endpoint = route.endpoint
        caller = Caller(address=environ.get("REMOTE_ADDR", ""))
        if not endpoint.open:
            caller = auth.check_token(self._tokens, environ, endpoint)
        if endpoint.changes:
            auth.check_site(environ)
        path = inputs.from_text(endpoint.parameters, parameters) if endpoint.parameters else None
        expected = endpoint.input or Inputs
        query = environ.get("QUERY_STRING", "")
        body = inputs.read_body(environ)
        # What an endpoint does not take must be empty.
        if endpoint.takes_body:
            inputs.from_query(Inputs, query)
            given = inputs.from_body(expected, body)
        else:
            given = inputs.from_query(expected, query)
            inputs.from_body(Inputs, body)
        accept = environ.get("HTTP_ACCEPT", "")
        claim = environ.get("HTTP_SLACKVM_CONTROLLER", "")
        request = Request(path, given if endpoint.input else None, accept, caller, claim)
        origin = Origin(caller.name or None, caller.address or None)
        with originating(origin):
            return route.handler(request)


def _http(reply: Reply) -> bottle.HTTPResponse:
    return bottle.HTTPResponse(reply.body, reply.status, reply.headers)


def _internal_error(failure: type[ErrorReply]) -> Reply:
    """Log the exception that is being handled; return a reply without its details."""
    log.exception("request_failed")
    message = f"an error inside the daemon; see its log for {replies.REQUEST_ID}"
    return replies.of_error(RestError(Code.INTERNAL, message), failure)


def _check_path() -> None:
    """Refuse bytes that bottle would drop: the rest might be the path of a VM."""
    try:
        bottle.request.environ["bottle.raw_path"].encode("latin-1").decode()
    except UnicodeDecodeError:
        raise _http(replies.of_error(malformed("the path is not UTF-8"))) from None
