"""The server: a controller or the daemon of a host, asked over REST."""

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import click
import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL
from urllib3.exceptions import LocationValueError

from schedulerclient.output.failures import BadInput, Denied, Failed, Unreachable
from schedulerclient.output.waiting import Waiting
from schedulerclient.session import address
from schedulerclient.session.deadline import within
from schedulerclient.session.retries import retries
from slackvm import __version__
from slackvm.api.errors import ErrorReply
from slackvm.http.auth import is_loopback
from slackvm.settings import ClientSettings

Model = TypeVar("Model", bound=BaseModel)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered when it did what was asked.

    Attributes:
        url: what was asked.
        status: of HTTP.
        document: the reply, as JSON.
    """

    url: str
    status: int
    document: Any

    def has(self, field: str) -> bool:
        """Tell whether the reply is an object with this field."""
        return isinstance(self.document, dict) and field in self.document

    def read(self, model: type[Model]) -> Model:
        """Return the reply as one of SlackVM's; what a newer server tells beside it is left out.

        Raises:
            Failed: it is none.
        """
        try:
            return model.model_validate(self.document, extra="ignore")
        except ValidationError as error:
            detail = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, detail["loc"])) or "the reply"
            raise Failed(
                f"{self.url} answered with what slackvm {__version__} does not understand: "
                f"{where}: {detail['msg']}"
            ) from None


class Server:
    """A server, with what it takes to ask it.

    Args:
        settings: where it is, and what it is shown.
        timeout: seconds that an answer may take, with everything that is tried again.
        waiting: what is seen meanwhile.
        verbose: whether each request is told on stderr.

    Raises:
        SettingsError: a setting cannot be used.
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
            # With each request: what is set for the session, the environment overrides.
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
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)

    def get(self, path: str) -> Answer:
        """Ask for something. See `change` for what is raised."""
        return self._ask("GET", path, None, repeatable=True, changes=False)

    def question(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Ask something that takes a body, sent as JSON. See `change` for what is raised."""
        return self._ask("POST", path, body, repeatable=True, changes=False)

    def change(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = False,
    ) -> Answer:
        """Change something, and return what is answered.

        Args:
            method: of HTTP.
            path: with a slash in front; every part of it quoted.
            body: sent as JSON.
            repeatable: asking twice does no more than asking once.

        Raises:
            Failed: the server refuses or fails, or what answers is none of SlackVM's.
            BadInput: the server says that the request is bad.
            Denied: the token does not allow it.
            Unreachable: no answer came.
        """
        return self._ask(method, path, body, repeatable=repeatable, changes=True)

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        repeatable: bool,
        changes: bool,
    ) -> Answer:
        url = self.url + path
        begun = time.monotonic()
        self._adapter.max_retries = retries(begun + self._timeout if repeatable else None)

        def request() -> requests.Response:
            return self._session.request(method, url, json=body, **self._options)

        try:
            with self._waiting.seen():
                response = within(self._timeout, request)
        except (TimeoutError, requests.Timeout):
            self._time_is_over(changes=changes)
        except (InvalidURL, LocationValueError) as error:
            raise BadInput(f"SLACKVM_URL: {self.url!r} is not allowed: {error}") from error
        except requests.RequestException as error:
            raise self._no_answer(error) from error
        if self._verbose:
            took = (time.monotonic() - begun) * 1000
            told = f"{method} {url}: {response.status_code} in {took:.0f} ms"
            click.echo(told + _request_id(response), err=True)
        return self._judged(url, response)

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Show the token. As a function, so that requests does not look into ~/.netrc instead."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.value.get_secret_value()}"
        return request

    def _judged(self, url: str, response: requests.Response) -> Answer:
        """Return a good answer; raise what an error tells."""
        status = response.status_code
        if 300 <= status < 400:
            where = response.headers.get("Location", "")
            raise Failed(
                f"{url} redirects to {where!r}, and redirects are not followed: the token would "
                "go there; give --url the address itself"
            )
        document = _json(response)
        if 200 <= status < 300 and document is not None:
            return Answer(url, status, document)
        try:
            error = ErrorReply.model_validate(document, extra="ignore").error
        except ValidationError:
            raise Failed(
                f"{url} answered {status}, with nothing that SlackVM would say: does --url name a "
                f"controller or a host's daemon?{_request_id(response)}"
            ) from None
        message = f"{error.message} ({error.code}){_request_id(response) if status >= 500 else ''}"
        if status in (401, 403):
            raise Denied(message + self._hint(status), error.code, document)
        if status == 404 and error.code == "not_found":
            message += f": {self.url} is no controller; --url must name one for this"
        # What is not found is bad input where a field names it, as a policy.
        is_bad = status == 400 or (status == 404 and error.field is not None)
        raise (BadInput if is_bad else Failed)(message, error.code, document)

    def _hint(self, status: int) -> str:
        """Return which setting would help."""
        if self._token is not None:
            trouble = "is not valid there" if status == 401 else "does not suffice"
            return f": the value of {self._token.name} {trouble}; set SLACKVM_TOKEN"
        return ": set SLACKVM_TOKEN, in the environment or in .env" if status == 401 else ""

    def _time_is_over(self, *, changes: bool) -> NoReturn:
        doubt = "; whether it was done is not known: look before you ask again" if changes else ""
        raise Unreachable(
            f"{self.url} did not answer within {self._timeout:g} s (--timeout){doubt}"
        )

    def _no_answer(self, error: requests.RequestException) -> Unreachable:
        message = f"{self.url} cannot be reached: {_reason(error)}"
        if isinstance(error, requests.exceptions.SSLError):
            message += (
                "; SLACKVM_TLS_CA names the CA of its certificate, SLACKVM_TLS_CERT and "
                "SLACKVM_TLS_KEY are for a server that demands one"
            )
        elif isinstance(error, requests.exceptions.ProxyError):
            message += "; NO_PROXY names hosts that are reached without a proxy"
        else:
            message += "; --url or SLACKVM_URL says where it is"
        return Unreachable(message)


def _json(response: requests.Response) -> Any:
    """Return the JSON of an answer; None: it is none."""
    try:
        return json.loads(response.content, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


def _request_id(response: requests.Response) -> str:
    """Return how the server's log names the request, where it says so."""
    found = _REQUEST_ID.fullmatch(response.headers.get("X-Request-Id", ""))
    return f", request {found[0]}" if found else ""


def _reason(error: BaseException) -> str:
    """Return what the system says at the bottom of an error, else the error itself."""
    deepest: BaseException | None = error
    while deepest is not None:
        if isinstance(deepest, OSError) and deepest.strerror:
            return deepest.strerror
        deepest = deepest.__cause__ or deepest.__context__
    return str(error)
