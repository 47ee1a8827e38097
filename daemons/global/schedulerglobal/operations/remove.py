"""Removing a VM from its host."""

import time
from contextlib import ExitStack

from schedulerglobal.hosts.replies import HostError, OutcomeUnknownError, RefusedError
from schedulerglobal.operations import errors
from schedulerglobal.operations.claims import FIRST_PAUSE_S, LONGEST_PAUSE_S, Claims
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.suspicion import check_sender, watched
from schedulerglobal.state.vms import VMRecord
from schedulerglobal.sync.changes import apply_removal, log_no_vm, mark_removal
from schedulerglobal.sync.reports import mark_unreachable
from slackvm.api.errors import RestError
from slackvm.api.hosts import SummaryReply
from slackvm.api.roles import UNRESTRICTED, Caller
from slackvm.deadline import Deadline
from slackvm.model.codes import Code


def remove_vm(
    claims: Claims, name: str, host_name: str = "", caller: Caller = UNRESTRICTED
) -> SummaryReply:
    """Remove a VM; return its host in numbers.

    Args:
        claims: the cluster and its hosts.
        name: of the VM.
        host_name: the host that has the VM; empty: the only one.
        caller: who sent the request; a VM that they may not see does not exist for them.

    Raises:
        RestError: there is no such VM, its host cannot be reached, or the outcome is unknown.
    """
    cluster, deadline = claims.cluster, claims.client.deadline()
    with ExitStack() as stack:
        try:
            host, vm = stack.enter_context(claims.held_vm(name, deadline, host_name, caller))
        except RestError as error:
            if error.status == 404 and not cluster.holders(name):
                log_no_vm(cluster, name)
            raise
        with cluster.lock:
            host.removing[name] = host.removing.get(name, 0) + 1
            # Whatever becomes of the request and of this process: the VM will not be lost.
            mark_removal(cluster, host, vm, requested=True)
        try:
            return _remove(claims, host, vm, deadline)
        except RestError as error:
            if error.detail.code != Code.OUTCOME_UNKNOWN:
                mark_removal(cluster, host, vm, requested=False)
            raise
        finally:
            with cluster.lock:
                host.removing[name] -= 1
                if not host.removing[name]:
                    del host.removing[name]


def _remove(claims: Claims, host: HostRecord, vm: VMRecord, deadline: Deadline) -> SummaryReply:
    """Ask the host again after a reply was lost, until the deadline."""
    cluster = claims.cluster
    pause_s = FIRST_PAUSE_S
    is_repeated = False
    while True:
        asked_at = time.monotonic()
        try:
            with watched(cluster, host):
                summary = claims.client.remove(host.url, vm.name, vm.created, deadline)
                check_sender(host, summary)
        except RefusedError as error:
            if error.status != 404:
                claims.poller.poll_soon(host)
                raise errors.refused_by_host(host, error) from error
            apply_removal(cluster, host, vm, None, asked_at)
            claims.poller.poll(host)
            if is_repeated:
                with cluster.lock:
                    return host.summary_reply()
            raise errors.no_vm() from error
        except HostError as error:
            is_repeated = is_repeated or isinstance(error, OutcomeUnknownError)
            mark_unreachable(cluster, host, str(error))
            claims.poller.poll_soon(host)
            if not is_repeated:
                raise errors.unreachable(host, error) from error
            if pause_s > deadline.left:
                raise errors.outcome_unknown(host, error) from error
        else:
            apply_removal(cluster, host, vm, summary, asked_at)
            if is_repeated:
                claims.poller.poll_soon(host)
            return summary
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
