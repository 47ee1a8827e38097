"""Reports of hosts, applied to the cluster; and hosts that do not answer."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import structlog

from schedulerglobal.hosts.replies import HostReport
from schedulerglobal.reservations.reservations import take_confirmed
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.resources import HostResources
from schedulerglobal.state.vms import VMRecord, VMSpec
from schedulerglobal.store.ledger import entry, vm_entry
from schedulerglobal.sync.losses import Removals, sort_gone
from slackvm.api.hosts import FENCED, UNKNOWN
from slackvm.api.vms import VMReply
from slackvm.formats.operations import Operation
from slackvm.formats.origin import NO_REQUEST, originating

log = structlog.get_logger()

_LOG_PAUSE_S = 1.0
"""Seconds between two lines of the log about the state of one host."""

_LOGGED_REASON = 300
"""Characters of the reason in such a line."""


def apply_report(
    cluster: Cluster,
    host: HostRecord,
    report: HostReport | None,
    asked_at: float,
    removals: Removals | None = None,
) -> bool:
    """Apply a report of a host; None: nothing has changed since the last one.

    Args:
        cluster: the cluster.
        host: the host.
        report: what it reports.
        asked_at: when it was asked, on the monotonic clock.
        removals: VMs that were removed from it, as it says after the report; None: it was not
            asked.

    Returns:
        False where the host should be asked again: the report is older than what is known, or VMs
        are gone and the removals are needed.
    """
    with cluster.lock, _polling(cluster, host), originating(NO_REQUEST):
        if host.forgotten:
            return True
        if report is None:
            host.last_seen = time.monotonic()
            if host.report and host.is_unknown:
                state, reason = host.report.state, host.report.reason
                _set_resources(cluster, host, replace(host.resources, state=state, reason=reason))
            return True
        if host.is_older(report.host.boot_id, report.host.generation, asked_at):
            return False
        reason = _why_another_host(cluster, host, report.host.name)
        if reason:
            _set_unreachable(cluster, host, reason)
            return True
        if host.fenced and report.vms.vms:
            host.last_seen = time.monotonic()
            names = ", ".join(vm.name for vm in report.vms.vms)
            reason = (
                f"it was evacuated, and has not given up its VMs: {names}. Remove them there, or "
                "let the controller do it: slackvm hosts unfence"
            )
            _set_resources(cluster, host, replace(host.resources, state=FENCED, reason=reason))
            return True
        if host.fenced:
            host.fenced = False
            cluster.ledger.write_eventually(
                lambda lines: cluster.store.set_host(host.stored, lines),
                entry("unfence", host=host.name),
            )
        return _take(cluster, host, report, removals)


def mark_unreachable(cluster: Cluster, host: HostRecord, reason: str) -> None:
    """Set a host that does not answer to `unknown`; its VMs and reservations are kept."""
    with cluster.lock, _polling(cluster, host), originating(NO_REQUEST):
        if not host.forgotten:
            _set_unreachable(cluster, host, reason)


def _take(
    cluster: Cluster, host: HostRecord, report: HostReport, removals: Removals | None
) -> bool:
    """Replace what is known of a host; return False where the removals are needed for that."""
    gone = sort_gone(host, report, removals)
    if gone is None:
        return False
    vms = {vm.name: VMRecord.from_reply(vm, _known(host, vm)) for vm in report.vms.vms}
    state_before = (host.resources.state, host.resources.reason)
    for name, reservation in list(host.reservations.items()):
        if name in vms and not reservation.repeated and reservation.spec.describes(vms[name]):
            take_confirmed(cluster, reservation, vms[name], ("confirm",))
            reservation.confirmed = True
    cluster.lost.add(host.ordinal, gone.lost)
    operations = [vm_entry("remove", host.name, vm.vm, vm.owner) for vm in gone.removed]
    lost, removed = {vm.name for vm in gone.lost}, {vm.name for vm in gone.removed}
    known = {name: vm for name, vm in host.vms.items() if name not in lost}
    host.vms = {name: vm for name, vm in known.items() if name not in removed}
    facts = host.facts() if host.report else None
    stored = host.stored
    host.take_report(report, vms)
    operations += host.change_entries(facts)
    _write_vms(cluster, host, known, operations)
    cluster.lost.end_found(host.name, vms)
    if host.stored != stored:
        cluster.ledger.write_eventually(lambda lines: cluster.store.set_host(host.stored, lines))
    if state_before != (host.resources.state, host.resources.reason):
        _log_state(host)
    cluster.changed(host)
    cluster.progress.notify_all()
    return True


def _known(host: HostRecord, reported: VMReply) -> VMSpec | VMRecord | None:
    """Return what is known of a VM that a host reports; None: it is another VM of that name."""
    if reservation := host.reservations.get(reported.name):
        return reservation.spec
    vm = host.vms.get(reported.name)
    return vm if vm and vm.created == reported.created else None


def _write_vms(
    cluster: Cluster,
    host: HostRecord,
    known: Mapping[str, VMRecord],
    operations: list[Operation],
) -> None:
    """Write which VMs of a host are new, changed or gone since those that were known."""
    changed = [
        vm.to_stored() for name, vm in host.vms.items() if not _is_stored(known.get(name), vm)
    ]
    gone = [name for name in known if name not in host.vms]
    if changed or gone:
        cluster.ledger.write_eventually(
            lambda lines: cluster.store.set_vms(host.ordinal, changed, gone, lines), *operations
        )
    elif operations:
        cluster.ledger.log_only(*operations)


def _is_stored(before: VMRecord | None, now: VMRecord) -> bool:
    """Return whether the store has a VM as it is now; it does not keep CPUs."""
    return before is not None and replace(before, cpu_list=now.cpu_list) == now


def _why_another_host(cluster: Cluster, host: HostRecord, name: str) -> str:
    """Return why a daemon that reports a name cannot be this host; empty where it can."""
    other = cluster.find_host(name)
    if other is not None and other is not host:
        return f"it reports the name {name}, as {other.url.given} does: forget one of the two"
    if host.reported_name not in ("", name) and host.vm_names:
        return (
            f"it reports the name {name}, but the controller has VMs of {host.reported_name} at "
            "this address; if these are gone, forget that host with force=true"
        )
    return ""


def _set_unreachable(cluster: Cluster, host: HostRecord, reason: str) -> None:
    _set_resources(cluster, host, replace(host.resources, state=UNKNOWN, reason=reason))


def _set_resources(cluster: Cluster, host: HostRecord, resources: HostResources) -> None:
    before = host.resources
    if (resources, resources.reason) == (before, before.reason):
        return
    facts = host.facts()
    host.resources = resources
    entries = host.change_entries(facts) if host.report else []
    if entries:
        cluster.ledger.log_only(*entries)
    _log_state(host)
    cluster.changed(host)


def _log_state(host: HostRecord) -> None:
    """Log the state of a host, but no more than one line a second of it."""
    now = time.monotonic()
    if now < host.log_state_at:
        host.states_not_logged += 1
        return
    missing = {"not_logged": host.states_not_logged} if host.states_not_logged else {}
    host.log_state_at, host.states_not_logged = now + _LOG_PAUSE_S, 0
    state, reason = host.resources.state, host.resources.reason[:_LOGGED_REASON]
    log.info("host_state_changed", host=host.name, state=state, reason=reason, **missing)


@contextmanager
def _polling(cluster: Cluster, host: HostRecord) -> Iterator[None]:
    yield
    if not host.was_polled:
        host.was_polled = True
        cluster.progress.notify_all()
