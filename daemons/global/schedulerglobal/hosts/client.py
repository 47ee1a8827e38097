"""A host's daemon as the controller asks it: bounded in time and size, every answer validated."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
)

from schedulerglobal.hosts.replies import (
    ConnectError,
    HostError,
    HostReport,
    OutcomeUnknownError,
    RefusedError,
    check_report,
    check_summary,
    check_vm,
    checked_error,
)
from schedulerglobal.hosts.transport import TotalTimeoutAdapter
from schedulerglobal.hosts.url import HostUrl
from slackvm.api.errors import ErrorReply
from slackvm.api.hosts import HostReply, SummaryReply
from slackvm.api.vms import CancelReply, ChangedReply, VMReply, VMRequest, VMsReply

Model = TypeVar("Model", bound=BaseModel)

CONNECT_S = 3.0
"""Seconds that a connection to a host may take."""

LOOK_S = 5.0
"""Seconds that a host may take to tell of itself."""

MAX_ANSWER = 1 << 24
"""Bytes of a host's answer; one that is larger is none."""

_PIECE = 1 << 16


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
            raise OutcomeUnknownError(
                f"answered {self.status} with no {model.__name__}: {where}: {detail['msg']}"
            ) from None


class HostClient:
    """Connections to all hosts' daemons, kept open from one request to the next.

    Args:
        token: shown to every host; empty: none.
        timeout_s: seconds that a host may take for a change.
        authority: file of the CA that certificates of hosts must be of; empty: the system's.
        certificate: files of our certificate and its key, shown to hosts that ask for one.
    """

    def __init__(
        self,
        token: str = "",
        timeout_s: float = 20.0,
        authority: str = "",
        certificate: tuple[str, str] | None = None,
    ) -> None:
        self.timeout_s = timeout_s
        self._session = requests.Session()
        # Neither proxies nor passwords of this machine's user.
        self._session.trust_env = False
        self._session.verify = authority or True
        self._session.cert = certificate
        self._session.headers = {"Accept": "application/json"}
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        adapter = TotalTimeoutAdapter(pool_connections=10_000, pool_maxsize=16, max_retries=0)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def report(self, url: HostUrl, known: str = "") -> HostReport | None:
        """Return all that a host tells of itself; None where it is as it was at `known`, an ETag.

        Raises:
            HostError: it did not answer, or not as a host's daemon does.
        """
        timeout_s = min(self.timeout_s, LOOK_S)
        # What a host says of itself and of its VMs must be about one moment.
        for _ in range(3):
            told = self._get(url, "/v1/host", known, timeout_s)
            if told.status == 304:
                return None
            vms = self._get(url, "/v1/vms", "", timeout_s)
            if vms.etag == told.etag:
                report = HostReport(told.etag, told.parsed(HostReply), vms.parsed(VMsReply))
                check_report(report)
                return report
        raise OutcomeUnknownError("changes faster than it can be looked at")

    def deploy(
        self,
        url: HostUrl,
        request: VMRequest,
        idempotency_key: str,
        timeout_s: float,
        *,
        api_version: int,
    ) -> tuple[ChangedReply, bool]:
        """Let a host create a VM; if it has the same VM already, it replies with that one.

        Args:
            url: of the host.
            request: the VM; a host of version 1 knows no labels.
            idempotency_key: the same in all requests of one reservation.
            timeout_s: seconds that the reply may take.
            api_version: the version that the host speaks.

        Returns:
            The VM, and whether it is new.
        """
        body = {**request.model_dump(mode="json"), "attempt": idempotency_key}
        if api_version > 1:
            body["idempotency_key"] = body.pop("attempt")
        elif not request.labels:
            del body["labels"]
        answer = self._ask("POST", url, "/v1/vms", timeout_s, body)
        reply = answer.parsed(ChangedReply)
        check_vm(reply, reply.summary.name)
        check_summary(reply.summary)
        return reply, answer.status == 201

    def cancel(
        self, url: HostUrl, name: str, idempotency_key: str, *, api_version: int
    ) -> VMReply | None:
        """Let a host refuse all requests that carry a key from now on.

        Returns:
            The VM of that name; None: there is none.
        """
        verb, field = ("cancel", "idempotency_key") if api_version > 1 else ("withdraw", "attempt")
        path = f"/v1/vms/{quote(name, '')}/{verb}"
        body = {field: idempotency_key}
        vm = self._ask("POST", url, path, self.timeout_s, body).parsed(CancelReply).vm
        if vm is not None:
            check_vm(vm, vm.host)
        return vm

    def remove(self, url: HostUrl, name: str, created: float, timeout_s: float) -> SummaryReply:
        """Have the VM removed that was created then, and no other one of its name."""
        path = f"/v1/vms/{quote(name, '')}?created={created!r}"
        summary = self._ask("DELETE", url, path, timeout_s).parsed(SummaryReply)
        check_summary(summary)
        return summary

    def change_state(self, url: HostUrl, name: str, verb: str) -> ChangedReply:
        """Have a VM started, stopped or restarted."""
        path = f"/v1/vms/{quote(name, '')}/{verb}"
        reply = self._ask("POST", url, path, self.timeout_s).parsed(ChangedReply)
        check_vm(reply, reply.summary.name)
        check_summary(reply.summary)
        return reply

    def close(self) -> None:
        """End all connections."""
        self._session.close()

    def _get(self, url: HostUrl, path: str, known: str, timeout_s: float) -> _Answer:
        headers = {"If-None-Match": f'"{known}"'} if known else {}
        return self._ask("GET", url, path, timeout_s, headers=headers)

    def _ask(
        self,
        method: str,
        url: HostUrl,
        path: str,
        timeout_s: float,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Answer:
        """Return an answer that is no error.

        Raises:
            ConnectError: no connection could be made.
            OutcomeUnknownError: there was no answer in time, or none that can be used.
            RefusedError: the answer is an error.
        """
        try:
            with self._session.request(
                method,
                url.base + path,
                json=body,
                headers=dict(headers or {}),
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
            raise _told(error) from None
        except (HTTPError, OSError) as error:
            raise OutcomeUnknownError(f"no whole answer: {type(error).__name__}") from None
        if answer.status in (200, 201) or (answer.status == 304 and headers):
            return answer
        if 400 <= answer.status < 500 or answer.status == 503:
            raise RefusedError(answer.status, checked_error(answer.parsed(ErrorReply).error))
        raise OutcomeUnknownError(f"answered {answer.status}")


def _read(response: requests.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_content(_PIECE):
        content += piece
        if len(content) > MAX_ANSWER:
            raise OutcomeUnknownError(f"the answer is larger than {MAX_ANSWER} bytes")
    return bytes(content)


def _told(error: requests.RequestException) -> HostError:
    """Return what an error of `requests` means for what was asked."""
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
    """Return what is said after the objects' names in a message of urllib3."""
    return str(cause).rpartition(": ")[2][:200]
