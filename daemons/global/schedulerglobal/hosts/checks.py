"""Checks whether a host's daemon can have sent a reply.

A host is not trusted: whatever passes these checks can be kept in the store, read back from it, and
sent to clients, and costs no more than a large host does.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from schedulerglobal.hosts.replies import HostReport, InvalidReplyError
from slackvm.api.errors import ErrorDetail
from slackvm.api.hosts import UNKNOWN, HostReply, SummaryReply
from slackvm.api.vms import VMReply
from slackvm.model.codes import Code
from slackvm.model.labels import Labels, check_labels
from slackvm.model.vm import LARGEST, VM, milli_level
from slackvm.topologies.errors import MAX_CPUS, MAX_NUMBER

MOST_LEVELS = 64
"""Levels that a host offers, or that its VMs have."""

MOST_VMS = 4096
"""VMs of one host; as many that SlackVM does not manage."""

LATEST_S = 253_402_300_799.0
"""Seconds since the epoch of the end of the year 9999: later times are no dates."""

_REASON = 500
"""Characters of a host's reason or message that are passed on."""

_MOST_ADDRESSES = 64
_LONGEST_ADDRESS = 100
_LONGEST_IMAGE = 4096
_LONGEST_WORD = 100
_LONGEST_FOREIGN = 1000

SummaryT = TypeVar("SummaryT", bound=SummaryReply)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_INSTANCE = re.compile(r"[A-Za-z0-9]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_report(report: HostReport) -> HostReport:
    """Refuse a report that no host can give.

    Returns:
        The report; its reason is one that can be shown.

    Raises:
        InvalidReplyError: a name, number, level, word or label is invalid, or there are too many.
    """
    host, vms = check_host(report.host), report.vms.vms
    _check_count("VMs", len(vms), MOST_VMS)
    for vm in vms:
        check_vm(vm, host.name)
    _check_count("levels", len({vm.level for vm in vms}), MOST_LEVELS)
    names = [vm.name for vm in vms]
    if len(set(names)) < len(names):
        raise InvalidReplyError("reported a VM twice")
    if sorted(names) != sorted(host.vms):
        raise InvalidReplyError("reported other VMs than it lists")
    return HostReport(report.etag, host, report.vms)


def check_host(host: HostReply) -> HostReply:
    """Refuse what no host reports of itself.

    Returns:
        The host; its reason is one that can be shown.

    Raises:
        InvalidReplyError: a name, number, level, word or label is invalid, or there are too many.
    """
    host = check_summary(host)
    if not 1 <= host.api_version <= LARGEST:
        raise InvalidReplyError("reported an invalid version of its REST interface")
    if host.controller and not _is_word(host.controller):
        raise InvalidReplyError("reported an invalid controller")
    _check_labels(host.labels)
    _check_count("CPUs", len(host.topology), MAX_CPUS)
    places = [number for cpu in host.topology for number in (cpu.core, cpu.l3, cpu.numa_node)]
    if any(abs(each) > MAX_NUMBER for each in places):
        raise InvalidReplyError("reported numbers that no host can have")
    if not _are_amounts([host.foreign_unpinned, host.controller_epoch]):
        raise InvalidReplyError("reported numbers that no host can have")
    _check_cpus([cpu.cpu_id for cpu in host.topology])
    _check_count("unmanaged VMs", len(host.foreign), MOST_VMS)
    for vm in host.foreign:
        if not _is_text(vm.name, _LONGEST_FOREIGN) or not _is_word(vm.state):
            raise InvalidReplyError("reported an unmanaged VM with an invalid name or state")
        if not _are_amounts([vm.vcpus, vm.memory_mib]):
            raise InvalidReplyError("reported numbers that no host can have")
        _check_cpus(vm.cpu_list)
    return host


def check_summary(summary: SummaryT) -> SummaryT:
    """Refuse a summary that no host can give.

    Returns:
        The summary; its reason is one that can be shown.

    Raises:
        InvalidReplyError: a name, number, level or word is invalid, or there are too many.
    """
    _check_count("levels", len(summary.levels), MOST_LEVELS)
    _check_count("levels", len(summary.offered or ()), MOST_LEVELS)
    numbers = [summary.generation, summary.cpus, summary.cpus_free]
    numbers += [summary.memory_mib, summary.memory_free_mib]
    for vnode in summary.levels.values():
        numbers += [vnode.owned, vnode.allocation, vnode.largest, vnode.memory_mib]
        _check_cpus(vnode.cpu_list)
        _check_cpus(vnode.pin_list)
    free = summary.cpus_free <= summary.cpus and summary.memory_free_mib <= summary.memory_mib
    if not free or summary.cpus > MAX_CPUS or not _are_amounts(numbers):
        raise InvalidReplyError("reported numbers that no host can have")
    if not _NAME.fullmatch(summary.name) or not _INSTANCE.fullmatch(summary.boot_id):
        raise InvalidReplyError("reported an invalid name or boot ID")
    if summary.state == UNKNOWN or not _is_word(summary.state):
        raise InvalidReplyError("reported an invalid state")
    if not _is_word(summary.version):
        raise InvalidReplyError("reported an invalid version")
    if summary.hypervisor is not None and not _is_word(summary.hypervisor):
        raise InvalidReplyError("reported an invalid hypervisor")
    _check_levels(summary.levels)
    for level in summary.offered or ():
        _check_level(level)
    reason = _shown(summary.reason)
    return summary if reason == summary.reason else summary.model_copy(update={"reason": reason})


def check_vm(vm: VMReply, host: str) -> None:
    """Refuse a VM that cannot exist, or is on another host.

    Raises:
        InvalidReplyError: a name, number, word or label is invalid.
    """
    try:
        VM(vm.name, vm.vcpus, vm.memory_mib, vm.level)
    except ValueError as error:
        raise InvalidReplyError(f"reported an invalid VM: {str(error)[:200]}") from None
    if not _NAME.fullmatch(vm.name) or vm.host != host:
        raise InvalidReplyError("reported a VM with an invalid name or of another host")
    if vm.state == UNKNOWN or not _is_word(vm.state):
        raise InvalidReplyError("reported a VM in an invalid state")
    if not 0 <= vm.created <= LATEST_S:
        raise InvalidReplyError("reported a VM with an invalid time of creation")
    if not _is_text(vm.image, _LONGEST_IMAGE):
        raise InvalidReplyError("reported a VM with an invalid image")
    if any(name and not _NAME.fullmatch(name) for name in (vm.owner, vm.anti_affinity)):
        raise InvalidReplyError("reported a VM with an invalid owner or anti-affinity group")
    _check_count("addresses", len(vm.addresses), _MOST_ADDRESSES)
    if not all(_is_word(each, _LONGEST_ADDRESS) for each in vm.addresses):
        raise InvalidReplyError("reported a VM with an invalid address")
    _check_cpus(vm.cpu_list)
    _check_labels(vm.labels)


def checked_error(error: ErrorDetail) -> ErrorDetail:
    """Return the error of a host in a form that can be passed on."""
    code = error.code if _CODE.fullmatch(error.code) else Code.HOST_ERROR
    field = error.field if error.field and _FIELD.fullmatch(error.field) else None
    needed, free = (
        amount if amount is not None and _are_amounts([amount]) else None
        for amount in (error.needed, error.free)
    )
    return ErrorDetail(
        code=code, message=_shown(error.message), field=field, needed=needed, free=free
    )


def _check_count(what: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidReplyError(f"reported more than {most} {what}")


def _check_cpus(cpus: Sequence[int]) -> None:
    """Refuse a list of CPUs that is too long, or numbers that no CPU has."""
    _check_count("CPUs", len(cpus), MAX_CPUS)
    if cpus and not (min(cpus) >= 0 and max(cpus) < MAX_CPUS):
        raise InvalidReplyError("reported numbers that no CPU can have")


def _check_levels(levels: Iterable[str]) -> None:
    """Refuse levels that are not written in the one way in which daemons write them."""
    for text in levels:
        try:
            level = float(text)
        except ValueError:
            raise InvalidReplyError(f"reported an invalid level: {text[:40]!r}") from None
        _check_level(level)
        if str(level) != text:
            raise InvalidReplyError(
                f"reported an invalid level: {text[:40]!r} is to be written {level}"
            )


def _check_level(level: float) -> None:
    try:
        milli_level(level)
    except ValueError as error:
        raise InvalidReplyError(f"reported an invalid level: {error}") from None


def _check_labels(labels: Labels) -> None:
    try:
        check_labels(labels)
    except ValueError as error:
        raise InvalidReplyError(f"reported an invalid label: {str(error)[:200]}") from None


def _are_amounts(numbers: Iterable[int]) -> bool:
    return all(0 <= number <= LARGEST for number in numbers)


def _is_word(text: str, longest: int = _LONGEST_WORD) -> bool:
    """Return whether a text that a later release may choose otherwise can be shown."""
    return 0 < len(text) <= longest and text.isprintable()


def _is_text(text: str, longest: int) -> bool:
    """Return whether a text can be written as UTF-8, and has no control characters."""
    # Counted in characters, as in requests: a host reports what it was sent.
    if len(text) > longest or _CONTROL.search(text):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    """Return as much of a text for people as can be shown in a line."""
    printable = "".join(c if c.isprintable() else " " for c in text[:_REASON])
    return printable if len(text) <= _REASON else f"{printable}…"
