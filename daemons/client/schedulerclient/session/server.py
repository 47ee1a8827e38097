"""The server: a controller or the daemon of a host, and requests to its REST interface."""

import json
import math
import re
import time
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import click
import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL
from urllib3.exceptions import DecodeError, HTTPError, LocationValueError, ReadTimeoutError

from schedulerclient.output.failures import BadInput, Denied, Failed, Interrupted, Unreachable
from schedulerclient.output.waiting import Waiting
from schedulerclient.session import address
from schedulerclient.session.time_limit import within
from slackvm import __version__
from slackvm.api import host_api
from slackvm.api.endpoint import Endpoint, InputT, PathT
from slackvm.api.errors import ErrorReply
from slackvm.deadline import Deadline
from slackvm.http.auth import is_loopback
from slackvm.model.codes import Code
from slackvm.settings import ClientSettings
from slackvm.transport import TooLargeError, read_content, retries

Model = TypeVar("Model", bound=BaseModel)

MAX_ANSWER = 1 << 27
"""Bytes that an answer may have, decompressed: 10,000 hosts, each with its CPUs, have less."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer of the server.

    Attributes:
        url: of the request.
        status: of HTTP.
        document: the reply, as JSON.
    """

    url: str
    status: int
    document: Any

    def has(self, field: str) -> bool:
        """Return whether the reply is an object with this field."""
        return isinstance(self.document, dict) and field in self.document

    def read(self, model: type[Model]) -> Model:
        """Return the reply as a model; fields that a newer server adds are left out.

        Raises:
            Failed: the reply does not fit the model.
        """
        try:
            return model.model_validate(self.document, extra="ignore")
        except ValidationError as error:
            detail = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, detail["loc"])) or "the reply"
            raise Failed(
                f"{self.url} answered with a reply that slackvm {__version__} does not understand: "
                f"{where}: {detail['msg']}"
            ) from None


class Server:
    """A server, with the settings for requests to it.

    Args:
        settings: its URL, the token and the certificates.
        timeout: seconds that an answer may take, all retries included.
        waiting: the progress display during a request.
        verbose: whether each request is logged to stderr.

    Raises:
        SettingsError: a setting is invalid.
    """

    def __init__(
        self,
        settings: ClientSettings,
        timeout: float,
        waiting: Waiting | None = None,
        *,
        verbose: bool = False,
    ) -> None:
        self.url = address.base_url(settings)
        self.host = urlsplit(self.url).hostname or ""
        self._timeout = timeout
        self._waiting = waiting or Waiting()
        self._verbose = verbose
        self._token = settings.token
        self._options: dict[str, Any] = {
            # Given with each request: the environment would override settings of the session.
            "verify": address.trusted(settings),
            "cert": address.own_certificate(settings),
            "auth": self._authorise,
            "allow_redirects": False,
            "timeout": timeout,
        }
        self._adapter = HTTPAdapter()
        self._session = requests.Session()
        # A proxy could not reach this machine's own loopback address.
        self._session.trust_env = not is_loopback(self.host)
        self._session.headers["User-Agent"] = f"slackvm/{__version__}"
        self._session.headers["Accept-Encoding"] = "gzip"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)

    def send(
        self,
        endpoint: Endpoint[PathT, InputT],
        path: PathT,
        given: InputT,
        *,
        repeatable: bool = False,
    ) -> Answer:
        """Send a request, and return the answer.

        Args:
            endpoint: what is requested. If it changes nothing, the request is repeatable.
            path: parameters of its path.
            given: its query or body; fields at their defaults are not sent.
            repeatable: whether the request has the same effect when it is sent twice.

        Raises:
            Failed: the server refuses or fails, or is not a SlackVM server.
            BadInput: the server reports that the request is bad.
            Denied: the token does not allow it.
            Unreachable: no answer came.
        """
        target = endpoint.target(path, given)
        url, body = self.url + target, endpoint.body(given)
        begun = time.monotonic()
        repeatable = repeatable or not endpoint.changes
        self._adapter.max_retries = retries(Deadline(self._timeout) if repeatable else None)

        def request() -> tuple[requests.Response, bytes]:
            response = self._session.request(
                endpoint.method, url, json=body, stream=True, **self._options
            )
            with response:
                return response, read_content(response.raw, MAX_ANSWER)

        try:
            with self._waiting.seen():
                response, content = within(self._timeout, request)
        except (TimeoutError, requests.Timeout, ReadTimeoutError):
            self._time_is_over(target, changes=endpoint.changes)
        except KeyboardInterrupt:
            if not endpoint.changes:
                raise
            message = "the request was sent, and may still be carried out"
            raise Interrupted(f"interrupted: {message}; check with `{_check(target)}`") from None
        except (InvalidURL, LocationValueError) as error:
            raise BadInput(f"SLACKVM_URL: {self.url!r} is not allowed: {error}") from error
        except (TooLargeError, DecodeError) as error:
            raise Failed(f"{url} answered with a reply that cannot be read: {error}") from error
        except (requests.RequestException, HTTPError) as error:
            raise self._no_answer(error) from error
        if self._verbose:
            took = (time.monotonic() - begun) * 1000
            line = f"{endpoint.method} {url}: {response.status_code} in {took:.0f} ms"
            click.echo(line + _request_id(response), err=True)
        return self._judged(url, response, content)

    def version(self) -> str:
        """Return the release that the server runs; empty: it does not say."""
        try:
            version = self.send(host_api.LIVENESS, None, None).document["version"]
        except (Failed, KeyError, TypeError):
            return ""
        return str(version)[:40]

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token. As a function, so that requests does not read ~/.netrc instead."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.value.get_secret_value()}"
        return request

    def _judged(self, url: str, response: requests.Response, content: bytes) -> Answer:
        """Return a successful answer; raise the error of another one."""
        status = response.status_code
        if 300 <= status < 400:
            where = response.headers.get("Location", "")
            raise Failed(
                f"{url} redirects to {where!r}; slackvm does not follow it, so as not to send the "
                "token there: give --url that address itself"
            )
        document = _json(content)
        if 200 <= status < 300 and document is not None:
            return Answer(url, status, document)
        try:
            error = ErrorReply.model_validate(document, extra="ignore").error
        except ValidationError:
            raise Failed(
                f"{url} answered {status}, but not as SlackVM does: is --url the address of a "
                f"controller or a host's daemon?{_request_id(response)}"
            ) from None
        message = f"{error.message} ({error.code}){_request_id(response) if status >= 500 else ''}"
        if status in (401, 403):
            raise Denied(message + self._hint(status), error.code, document)
        if status == 404 and error.code == Code.NOT_FOUND:
            message += f": {self.url} is not a controller; --url must be the address of one"
        # Not found is bad input where a field names what is missing, such as a policy.
        is_bad = status == 400 or (status == 404 and error.field is not None)
        raise (BadInput if is_bad else Failed)(message, error.code, document)

    def _hint(self, status: int) -> str:
        """Return which setting to change."""
        if self._token is not None:
            trouble = "is not valid there" if status == 401 else "does not allow this"
            return f": the value of {self._token.name} {trouble}; set SLACKVM_TOKEN"
        return ": set SLACKVM_TOKEN, in the environment or in .env" if status == 401 else ""

    def _time_is_over(self, target: str, *, changes: bool) -> NoReturn:
        check = _check(target)
        doubt = f". The outcome is unknown; check with `{check}` before retrying" if changes else ""
        raise Unreachable(
            f"{self.url} did not answer within {self._timeout:g} s (--timeout){doubt}"
        )

    def _no_answer(self, error: Exception) -> Unreachable:
        message = f"{self.url} cannot be reached: {_reason(error)}"
        if isinstance(error, requests.exceptions.SSLError):
            message += (
                "; SLACKVM_TLS_CA names the CA of its certificate, SLACKVM_TLS_CERT and "
                "SLACKVM_TLS_KEY are for a server that requires a client certificate"
            )
        elif isinstance(error, requests.exceptions.ProxyError):
            message += "; NO_PROXY names hosts that are reached without a proxy"
        else:
            message += "; set its address with --url or SLACKVM_URL"
        return Unreachable(message)


def _check(target: str) -> str:
    """Return the command that shows what became of a request."""
    return "slackvm hosts" if target.startswith("/v1/hosts") else "slackvm show NAME"


def _json(content: bytes) -> Any:
    """Return the JSON of an answer; None: it is not JSON."""
    try:
        return json.loads(content, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a JSON number")
    return number


def _request_id(response: requests.Response) -> str:
    """Return the request's ID in the server's log, if the server gives one."""
    found = _REQUEST_ID.fullmatch(response.headers.get("X-Request-Id", ""))
    return f", request {found[0]}" if found else ""


def _reason(error: BaseException) -> str:
    """Return the operating system's message at the bottom of an error, or else the error."""
    deepest: BaseException | None = error
    while deepest is not None:
        if isinstance(deepest, OSError) and deepest.strerror:
            return deepest.strerror
        deepest = deepest.__cause__ or deepest.__context__
    return str(error)
