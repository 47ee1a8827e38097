"""Claiming hosts for this controller, before VMs are placed on them."""

import structlog

from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.replies import HostReport, RefusedError
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord

log = structlog.get_logger()

OBEYING_SINCE = 3
"""The first version of the REST interface whose hosts obey one controller."""


def claim_host(cluster: Cluster, client: HostClient, host: HostRecord, report: HostReport) -> bool:
    """Let a host that obeys none, an earlier epoch or one to be taken over obey this controller.

    Args:
        cluster: the cluster.
        client: asks the host.
        host: the host.
        report: what it has just reported.

    Returns:
        Whether its obedience has changed, so that the report is out of date.

    Raises:
        HostError: it does not answer.
    """
    with cluster.lock:
        claim, url = cluster.identity.claim, host.url
        takes_over = host.ordinal in cluster.identity.taking_over
    obeyed = (report.host.controller, report.host.controller_epoch)
    if report.host.api_version < OBEYING_SINCE or host.forgotten or obeyed == claim:
        _note_taken(cluster, host, takes_over)
        return False
    is_other = bool(obeyed[0]) and (obeyed[0] != claim.id or obeyed[1] > claim.epoch)
    if is_other and not takes_over:
        return False
    if host.reported_name not in ("", report.host.name):
        return False
    try:
        client.obey(url, take_over=is_other)
    except RefusedError as error:
        log.warning("host_claim_refused", host=host.name, reason=str(error))
        return False
    _note_taken(cluster, host, takes_over)
    return True


def _note_taken(cluster: Cluster, host: HostRecord, takes_over: bool) -> None:
    if takes_over:
        with cluster.lock:
            cluster.identity.note_taken(host.ordinal)
