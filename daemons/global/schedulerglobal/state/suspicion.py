"""Hosts whose replies to changes cannot be used: VMs go to other hosts first."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from schedulerglobal.hosts.replies import InvalidReplyError, OutcomeUnknownError
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord, Suspicion
from slackvm.api.hosts import SummaryReply

log = structlog.get_logger()


@contextmanager
def watched(cluster: Cluster, host: HostRecord, *, is_cancel: bool = False) -> Iterator[None]:
    """Suspect a host if its reply to the change in this block cannot be used; else trust it again.

    Args:
        cluster: the cluster.
        host: the host.
        is_cancel: whether the change is a cancellation, which the controller sends by itself. It
            does not end the suspicion of a host that replied nonsense to another change: that one
            would be chosen again for the next VM.
    """
    try:
        yield
    except OutcomeUnknownError as error:
        is_invalid = isinstance(error, InvalidReplyError)
        with cluster.lock:
            if host.suspicion is None or (is_invalid and not host.suspicion.is_invalid):
                _set(cluster, host, Suspicion(str(error), is_invalid))
                log.warning("host_suspect", host=host.name, reason=str(error))
        raise
    if not is_cancel:
        trust(cluster, host)


def end_doubt(cluster: Cluster, host: HostRecord) -> None:
    """End the suspicion of a host that had not replied, once it is known what it did."""
    with cluster.lock:
        if host.suspicion is None or host.suspicion.is_invalid:
            return
        if not any(each.outcome_unknown for each in host.reservations.values()):
            trust(cluster, host)


def trust(cluster: Cluster, host: HostRecord) -> None:
    """End the suspicion of a host."""
    with cluster.lock:
        if host.suspicion:
            _set(cluster, host, None)
            log.info("host_trusted", host=host.name)


def check_sender(host: HostRecord, summary: SummaryReply) -> None:
    """Refuse a reply to a change that names another host.

    Raises:
        InvalidReplyError: it does.
    """
    if summary.name != host.name:
        raise InvalidReplyError("replied with the name of another host")


def _set(cluster: Cluster, host: HostRecord, suspicion: Suspicion | None) -> None:
    facts = host.facts()
    host.suspicion = suspicion
    entries = host.change_entries(facts) if host.report else []
    if entries:
        cluster.ledger.log_only(*entries)
    cluster.changed(host)
