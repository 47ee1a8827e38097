"""Requests to hosts, bounded in time and size; every answer is validated."""

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

from schedulerglobal.hosts.checks import (
    check_host,
    check_report,
    check_summary,
    check_vm,
    checked_error,
)
from schedulerglobal.hosts.replies import (
    ConnectError,
    HostError,
    HostReport,
    InvalidReplyError,
    OutcomeUnknownError,
    RefusedError,
)
from schedulerglobal.hosts.url import HostUrl
from schedulerglobal.limits import LIMITS
from slackvm.api import host_api
from slackvm.api.controllers import HEADER, HOLD, ControllerClaim, ObeyReply, ObeyRequest
from slackvm.api.endpoint import Endpoint, InputT, PathT
from slackvm.api.errors import ErrorReply
from slackvm.api.hosts import HostReply, SummaryReply
from slackvm.api.vms import (
    CancelReply,
    CancelRequest,
    ChangedReply,
    HostVMRequest,
    RemovalQuery,
    RemovalsReply,
    VMPath,
    VMReply,
    VMsReply,
    WithdrawRequest,
)
from slackvm.deadline import Deadline
from slackvm.transport import TotalTimeoutAdapter

Model = TypeVar("Model", bound=BaseModel)

CONNECT_S = 3.0
"""Seconds that a connection to a host may take."""

POLL_S = 5.0
"""Seconds that a host may take to report."""

_SHORTEST_S = 0.1
"""Seconds that a host gets for a change even at the end of an operation."""

MAX_ANSWER = 1 << 23
"""Bytes that a host's answer may have: enough for thousands of VMs on 256 CPUs."""

_PIECE = 1 << 16

_MOST_HOSTS = 10_000
"""Hosts with which connections are kept open."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    etag: str
    content: bytes

    def parsed(self, model: type[Model]) -> Model:
        try:
            return model.model_validate_json(self.content)
        except ValidationError as error:
            detail = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, detail["loc"]))
            message = f"answered {self.status} with an invalid {model.__name__}: {where}"
            raise InvalidReplyError(f"{message[:200]}: {detail['msg'][:100]}") from None


class HostClient:
    """Connections to all hosts' daemons, kept open from one request to the next.

    Attributes:
        claim: the controller whose requests these are; None: it has none yet.

    Args:
        token: sent to every host that has no token of its own; empty: none.
        timeout_s: seconds that a host may take for a change.
        authority: file of the CA that signed the hosts' certificates; empty: the system's CAs.
        certificate: files of our certificate and its key, for hosts that demand one.
        allow_plain_tokens: whether the token is also sent where others can read it, over http to an
            address that is not loopback.
    """

    def __init__(
        self,
        token: str = "",
        timeout_s: float = 20.0,
        authority: str = "",
        certificate: tuple[str, str] | None = None,
        *,
        allow_plain_tokens: bool = False,
    ) -> None:
        self.claim: ControllerClaim | None = None
        self.timeout_s = timeout_s
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

    def report(self, url: HostUrl, known: str = "", *, is_held: bool = False) -> HostReport | None:
        """Return all that a host reports; None if its ETag is still `known`.

        Args:
            url: the host.
            known: its ETag.
            is_held: whether it must not start VMs after its boot: it was evacuated.

        Raises:
            HostError: it did not answer, or not as a host's daemon does.
        """
        timeout_s = min(self.timeout_s, POLL_S)
        # Both replies must be of the same generation.
        for _ in range(3):
            host = self._send(
                url, host_api.SHOW_HOST, None, None, timeout_s, known, is_held=is_held
            )
            if host.status == 304:
                return None
            vms = self._send(url, host_api.LIST_VMS, None, None, timeout_s, is_held=is_held)
            if vms.etag == host.etag:
                return check_report(
                    HostReport(host.etag, host.parsed(HostReply), vms.parsed(VMsReply))
                )
        raise OutcomeUnknownError("it changes faster than it can be polled")

    def host(self, url: HostUrl) -> HostReply:
        """Return what answers at a URL, which need not be in the cluster.

        Raises:
            HostError: nothing does, or not as a host's daemon does.
        """
        timeout_s = min(self.timeout_s, POLL_S)
        return check_host(
            self._send(url, host_api.SHOW_HOST, None, None, timeout_s).parsed(HostReply)
        )

    def obey(self, url: HostUrl, *, take_over: bool = False) -> None:
        """Let a host obey this controller.

        Args:
            url: the host; it speaks version 3 or later.
            take_over: also if it obeys another one.

        Raises:
            HostError: it does not.
        """
        if self.claim is None:
            raise ValueError("the controller has no claim yet")
        given = ObeyRequest(**self.claim._asdict(), take_over=take_over)
        # It waits for changes of another controller that run.
        self._send(url, host_api.OBEY, None, given, self.timeout_s).parsed(ObeyReply)

    def release(self, url: HostUrl) -> None:
        """Let a host obey no controller, if it obeys this one.

        Raises:
            HostError: it does not.
        """
        self._send(url, host_api.RELEASE, None, None, min(self.timeout_s, POLL_S))

    def removals(self, url: HostUrl) -> frozenset[tuple[str, float]]:
        """Return the VMs that were last removed from a host, each with its time of creation.

        Raises:
            HostError: it did not answer, or not as a host's daemon does.
        """
        timeout_s = min(self.timeout_s, POLL_S)
        answer = self._send(url, host_api.LIST_REMOVALS, None, None, timeout_s)
        listed = answer.parsed(RemovalsReply).removals
        return frozenset((removal.name, removal.created) for removal in listed)

    def deadline(self) -> Deadline:
        """Return until when to work on an operation that begins now, with repeated requests."""
        return Deadline(2 * self.timeout_s)

    def deploy(
        self,
        url: HostUrl,
        request: HostVMRequest,
        idempotency_key: str,
        deadline: Deadline,
        *,
        api_version: int,
    ) -> tuple[ChangedReply, bool]:
        """Create a VM; if the host has it already, it returns that one.

        Args:
            url: the host.
            request: the VM; it has labels only if the host knows them. Owner and group are sent to
                hosts that keep them.
            idempotency_key: the same in each request of one reservation.
            deadline: when the operation ends.
            api_version: version of the REST interface that the host speaks.

        Returns:
            The VM, and whether it is new.
        """
        key = "idempotency_key" if api_version > 1 else "attempt"
        left_out = {} if api_version > 2 else {"owner": "", "anti_affinity": ""}
        given = request.model_copy(update={key: idempotency_key, **left_out})
        answer = self._send(url, host_api.CREATE_VM, None, given, self._left_s(deadline))
        return _changed(answer, request.name), answer.status == 201

    def cancel(
        self, url: HostUrl, name: str, idempotency_key: str, *, api_version: int
    ) -> VMReply | None:
        """Have the host refuse all requests with a key from now on.

        Returns:
            The VM of that name; None: it does not exist.
        """
        path = VMPath(name=name)
        if api_version > 1:
            cancel = CancelRequest(idempotency_key=idempotency_key)
            answer = self._send(url, host_api.CANCEL_VM, path, cancel, self.timeout_s)
        else:
            withdraw = WithdrawRequest(attempt=idempotency_key)
            answer = self._send(url, host_api.WITHDRAW_VM, path, withdraw, self.timeout_s)
        vm = answer.parsed(CancelReply).vm
        if vm is not None:
            check_vm(vm, vm.host)
            _check_name(vm, name)
        return vm

    def remove(self, url: HostUrl, name: str, created: float, deadline: Deadline) -> SummaryReply:
        """Remove the VM that was created at this time, and no other one of its name."""
        path, query = VMPath(name=name), RemovalQuery(created=created)
        answer = self._send(url, host_api.REMOVE_VM, path, query, self._left_s(deadline))
        return check_summary(answer.parsed(SummaryReply))

    def change_state(self, url: HostUrl, name: str, verb: str) -> ChangedReply:
        """Start, stop or restart a VM."""
        endpoint = host_api.CHANGE_VM[verb]
        return _changed(self._send(url, endpoint, VMPath(name=name), None, self.timeout_s), name)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _headers(self, known: str, token: str, *, is_held: bool) -> dict[str, str]:
        headers = {"If-None-Match": f'"{known}"'} if known else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        claim = f"{self.claim}{HOLD if is_held else ''}"
        return headers | ({HEADER: claim} if self.claim else {})

    def _left_s(self, deadline: Deadline) -> float:
        """Return how many seconds a request may take before a deadline; at least a short time."""
        return max(min(self.timeout_s, deadline.left), _SHORTEST_S)

    def _send(
        self,
        url: HostUrl,
        endpoint: Endpoint[PathT, InputT],
        path: PathT,
        given: InputT,
        timeout_s: float,
        known: str = "",
        *,
        is_held: bool = False,
    ) -> _Answer:
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
                answer = _Answer(response.status_code, etag, content)
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


def _changed(answer: _Answer, name: str) -> ChangedReply:
    reply = answer.parsed(ChangedReply)
    check_vm(reply, reply.summary.name)
    _check_name(reply, name)
    summary = check_summary(reply.summary)
    return reply if summary is reply.summary else reply.model_copy(update={"summary": summary})


def _check_name(vm: VMReply, name: str) -> None:
    if vm.name != name:
        raise InvalidReplyError(f"answered with VM {vm.name} instead of {name}")


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
