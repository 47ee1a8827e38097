"""Replies of hosts, and checks whether a host's daemon can have sent them."""

import re
from dataclasses import dataclass

from slackvm.api.errors import ErrorDetail
from slackvm.api.hosts import UNKNOWN, HostReply, SummaryReply
from slackvm.api.vms import VMReply, VMsReply
from slackvm.model.codes import Code
from slackvm.model.vm import LARGEST, VM, milli_level

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_INSTANCE = re.compile(r"[A-Za-z0-9]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_MESSAGE = 500
"""Characters of a host's message that are passed on."""


class HostError(Exception):
    """A host did not carry out a request; the message says why."""


class ConnectError(HostError):
    """No connection could be made: the host did not get the request."""


class OutcomeUnknownError(HostError):
    """The host got the request and gave no usable reply: it may have carried it out."""


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


def check_report(report: HostReport) -> None:
    """Refuse a report that no host can give.

    Raises:
        OutcomeUnknownError: a name, number, level or word is invalid.
    """
    check_summary(report.host)
    if not 1 <= report.host.api_version <= LARGEST:
        raise OutcomeUnknownError("reported an invalid version of its REST interface")
    for vm in report.vms.vms:
        check_vm(vm, report.host.name)
    names = [vm.name for vm in report.vms.vms]
    if len(set(names)) < len(names):
        raise OutcomeUnknownError("reported a VM twice")
    if sorted(names) != sorted(report.host.vms):
        raise OutcomeUnknownError("reported other VMs than it lists")


def _is_word(text: str) -> bool:
    """Return whether a word of an enumeration, which a later release may add to, can be shown."""
    return bool(text) and text.isprintable()


def check_summary(summary: SummaryReply) -> None:
    """Refuse a summary that no host can give.

    Raises:
        OutcomeUnknownError: a name, number, level or word is invalid.
    """
    numbers = [summary.generation, summary.cpus, summary.cpus_free]
    numbers += [summary.memory_mib, summary.memory_free_mib]
    for vnode in summary.levels.values():
        numbers += [vnode.owned, vnode.allocation, vnode.largest, vnode.memory_mib]
    free = summary.cpus_free <= summary.cpus and summary.memory_free_mib <= summary.memory_mib
    if not free or not all(0 <= number <= LARGEST for number in numbers):
        raise OutcomeUnknownError("reported numbers that no host can have")
    if not _NAME.fullmatch(summary.name) or not _INSTANCE.fullmatch(summary.boot_id):
        raise OutcomeUnknownError("reported an invalid name or boot ID")
    if summary.state == UNKNOWN or not _is_word(summary.state):
        raise OutcomeUnknownError("reported an invalid state")
    try:
        for level in (*map(float, summary.levels), *(summary.offered or ())):
            milli_level(level)
    except ValueError as error:
        raise OutcomeUnknownError(f"reported an invalid level: {error}") from None


def check_vm(vm: VMReply, host: str) -> None:
    """Refuse a VM that cannot exist, or is on another host.

    Raises:
        OutcomeUnknownError: a name, number or word is invalid.
    """
    try:
        VM(vm.name, vm.vcpus, vm.memory_mib, vm.level)
    except ValueError as error:
        raise OutcomeUnknownError(f"reported an invalid VM: {error}") from None
    if not _NAME.fullmatch(vm.name) or vm.host != host:
        raise OutcomeUnknownError("reported a VM with an invalid name or of another host")
    if vm.state == UNKNOWN or not _is_word(vm.state):
        raise OutcomeUnknownError("reported a VM in an invalid state")


def checked_error(error: ErrorDetail) -> ErrorDetail:
    """Return the error of a host in a form that can be passed on."""
    code = error.code if _CODE.fullmatch(error.code) else Code.HOST_ERROR
    message = "".join(c for c in error.message[:_MESSAGE] if c.isprintable())
    field = error.field if error.field and _FIELD.fullmatch(error.field) else None
    return ErrorDetail(
        code=code, message=message, field=field, needed=error.needed, free=error.free
    )
