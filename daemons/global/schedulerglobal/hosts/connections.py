"""Connections to hosts' daemons: requests bounded in time and size, with token and claim."""

import resource
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import requests
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
)

from schedulerglobal.hosts.checks import checked_error
from schedulerglobal.hosts.replies import (
    ConnectError,
    HostError,
    InvalidReplyError,
    OutcomeUnknownError,
    RefusedError,
)
from schedulerglobal.hosts.url import HostUrl
from schedulerglobal.limits import LIMITS
from slackvm.api.controllers import HEADER, HOLD, ControllerClaim
from slackvm.api.endpoint import Endpoint, InputT, PathT
from slackvm.api.errors import ErrorReply
from slackvm.transport import TotalTimeoutAdapter

Model = TypeVar("Model", bound=BaseModel)

CONNECT_S = 3.0
"""Seconds that a connection to a host may take."""

MAX_ANSWER = 1 << 23
"""Bytes that a host's answer may have: enough for thousands of VMs on 256 CPUs."""

_PIECE = 1 << 16

_MOST_HOSTS = 10_000
"""Hosts with which connections are kept open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a host that is not an error.

    Attributes:
        status: its HTTP status.
        etag: version of the content; empty: it has none.
        content: the body.
    """

    status: int
    etag: str
    content: bytes

    def parsed(self, model: type[Model]) -> Model:
        """Return the content as a model.

        Raises:
            InvalidReplyError: it is not one.
        """
        try:
            return model.model_validate_json(self.content)
        except ValidationError as error:
            detail = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, detail["loc"]))
            message = f"answered {self.status} with an invalid {model.__name__}: {where}"
            raise InvalidReplyError(f"{message[:200]}: {detail['msg'][:100]}") from None


class HostConnections:
    """Connections to all hosts' daemons, kept open from one request to the next.

    Attributes:
        claim: the controller whose requests these are; None: it has none yet.

    Args:
        token: sent to every host that has no token of its own; empty: none.
        authority: file of the CA that signed the hosts' certificates; empty: the system's CAs.
        certificate: files of our certificate and its key, for hosts that demand one.
        allow_plain_tokens: whether the token is also sent where others can read it, over http to an
            address that is not loopback.
    """

    def __init__(
        self,
        token: str = "",
        authority: str = "",
        certificate: tuple[str, str] | None = None,
        *,
        allow_plain_tokens: bool = False,
    ) -> None:
        self.claim: ControllerClaim | None = None
        self._allow_plain_tokens = allow_plain_tokens
        self._session = requests.Session()
        # No proxies and no passwords of this machine's user.
        self._session.trust_env = False
        self._session.verify = authority or True
        self._session.cert = certificate
        self._session.headers = {"Accept": "application/json"}
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._token = token
        # A pool for each host; what is in none any more is closed. In each, connections that are
        # not used stay open, and with few files few of them.
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        kept = LIMITS.idle_connections(files)
        pools = min(_MOST_HOSTS, kept)
        size = min(LIMITS.per_host, max(1, kept // pools))
        adapter = TotalTimeoutAdapter(pool_connections=pools, pool_maxsize=size, max_retries=0)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def sends_shared_token(self, url: HostUrl) -> bool:
        """Return whether a host is sent the token of all hosts, and none of its own."""
        return bool(self._token) and not url.token.get_secret_value()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def send(
        self,
        url: HostUrl,
        endpoint: Endpoint[PathT, InputT],
        path: PathT,
        given: InputT,
        timeout_s: float,
        known: str = "",
        *,
        is_held: bool = False,
    ) -> Answer:
        """Return an answer that is not an error.

        Args:
            url: the host.
            endpoint: what is requested.
            path: parameters of its path.
            given: its query or body.
            timeout_s: seconds that the whole answer may take.
            known: an ETag; if the host still has it, it answers 304.
            is_held: whether the host must not start VMs after its boot.

        Raises:
            ConnectError: no connection could be made.
            OutcomeUnknownError: there was no usable answer in time.
            RefusedError: the answer is an error.
        """
        token = url.token.get_secret_value() or self._token
        if token and not (self._allow_plain_tokens or url.is_private):
            raise ConnectError(
                f"nothing was sent: over http to {url.place} others could read the token. Give the "
                "host TLS and its URL https, or set SCG_ALLOW_PLAIN_TOKENS=true"
            )
        try:
            with self._session.request(
                endpoint.method,
                url.base + endpoint.target(path, given),
                json=endpoint.body(given),
                headers=self._headers(known, token, is_held=is_held),
                timeout=(min(CONNECT_S, timeout_s), timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _read(response)
                etag = response.headers.get("ETag", "").strip('"')
                answer = Answer(response.status_code, etag, content)
        except requests.ConnectTimeout:
            raise ConnectError("no connection in time") from None
        except (UnicodeError, LocationValueError):
            raise ConnectError("no connection: its URL names no host") from None
        except requests.RequestException as error:
            raise _host_error(error) from None
        except (HTTPError, OSError) as error:
            raise OutcomeUnknownError(f"incomplete answer: {type(error).__name__}") from None
        if answer.status in (200, 201) or (answer.status == 304 and known):
            return answer
        if 400 <= answer.status < 500 or answer.status == 503:
            raise RefusedError(answer.status, checked_error(answer.parsed(ErrorReply).error))
        if answer.status == 504:  # the host's hypervisor gave it no answer
            raise OutcomeUnknownError("answered 504")
        raise InvalidReplyError(f"answered {answer.status}")

    def _headers(self, known: str, token: str, *, is_held: bool) -> dict[str, str]:
        headers = {"If-None-Match": f'"{known}"'} if known else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        claim = f"{self.claim}{HOLD if is_held else ''}"
        return headers | ({HEADER: claim} if self.claim else {})


def _read(response: requests.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_content(_PIECE):
        content += piece
        if len(content) > MAX_ANSWER:
            raise InvalidReplyError(f"the answer is larger than {MAX_ANSWER} bytes")
    return bytes(content)


def _host_error(error: requests.RequestException) -> HostError:
    """Return what an error of `requests` means for the request."""
    cause: Any = error.args[0] if error.args else error
    reason = getattr(cause, "reason", None)
    if isinstance(reason, NewConnectionError):
        return ConnectError(f"no connection: {_last(reason)}")
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY" in str(error):
        return ConnectError(f"its certificate is not trusted: {_last(reason or cause)}")
    if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        return OutcomeUnknownError("no answer in time")
    return OutcomeUnknownError(f"no answer: {_last(reason or cause)}")


def _last(cause: object) -> str:
    """Return the text after the objects' names in a message of urllib3."""
    return str(cause).rpartition(": ")[2][:200]
