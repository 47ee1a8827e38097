"""What hosts report, and the errors of requests to them."""

from dataclasses import dataclass

from slackvm.api.errors import ErrorDetail
from slackvm.api.hosts import HostReply
from slackvm.api.vms import VMsReply
from slackvm.model.codes import Code


class HostError(Exception):
    """A host did not carry out a request; the message says why."""


class ConnectError(HostError):
    """No connection could be made: the host did not get the request."""


class OutcomeUnknownError(HostError):
    """The host got the request and gave no usable reply: it may have carried it out."""


class InvalidReplyError(OutcomeUnknownError):
    """The host gave a reply that no host's daemon gives."""


class RefusedError(HostError):
    """The host replied that it did not carry out the request.

    Attributes:
        status: HTTP status.
        detail: code and message.
    """

    def __init__(self, status: int, detail: ErrorDetail) -> None:
        super().__init__(f"answered {status}: {detail.message}")
        self.status = status
        self.detail = detail

    @property
    def is_same_on_every_host(self) -> bool:
        """Whether another host would refuse too, so that none is asked."""
        code = Code.parse(self.detail.code)
        return self.status == 400 or (code is not None and code.is_same_on_every_host)


@dataclass(frozen=True, slots=True)
class HostReport:
    """All that a host reports of itself at one moment.

    Attributes:
        etag: its version.
        host: the host.
        vms: its VMs.
    """

    etag: str
    host: HostReply
    vms: VMsReply
