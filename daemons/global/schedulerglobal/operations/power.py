"""Starting, stopping and restarting a VM."""

import time

from schedulerglobal.hosts.replies import ConnectError, HostError, RefusedError
from schedulerglobal.operations import errors
from schedulerglobal.operations.claims import Claims
from schedulerglobal.state.suspicion import check_sender, watched
from schedulerglobal.sync.changes import apply_change
from slackvm.api.roles import UNRESTRICTED, Caller
from slackvm.api.vms import ChangedReply


def change_state(
    claims: Claims, name: str, verb: str, host_name: str = "", caller: Caller = UNRESTRICTED
) -> ChangedReply:
    """Start, stop or restart a VM.

    Args:
        claims: the cluster and its hosts.
        name: of the VM.
        verb: `start`, `stop` or `restart`.
        host_name: the host that has the VM; empty: the only one.
        caller: who sent the request; a VM that they may not see does not exist for them.

    Raises:
        RestError: there is no such VM, its host cannot be reached, or the outcome is unknown.
    """
    stops, deadline = verb != "start", claims.client.deadline()
    with claims.held_vm(name, deadline, host_name, caller, stops=stops) as (host, _):
        asked_at = time.monotonic()
        try:
            with watched(claims.cluster, host):
                reply = claims.client.change_state(host.url, name, verb)
                check_sender(host, reply.summary)
        except RefusedError as error:
            claims.poller.poll_soon(host)
            raise errors.refused_by_host(host, error) from error
        except ConnectError as error:
            claims.poller.poll_soon(host)
            raise errors.unreachable(host, error) from error
        except HostError as error:
            claims.poller.poll_soon(host)
            raise errors.outcome_unknown(host, error) from error
    apply_change(claims.cluster, host, verb, reply, asked_at)
    return reply
