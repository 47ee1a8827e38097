"""Lost VMs: found for a rebuild, or let go."""

from schedulerglobal.operations import errors
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import no_summary
from schedulerglobal.state.lost import LostVM
from slackvm.api.hosts import SummaryReply
from slackvm.api.roles import Caller
from slackvm.model.codes import Code


def find_lost(cluster: Cluster, name: str, host: str, caller: Caller) -> LostVM:
    """Return the lost VM of a name.

    Args:
        cluster: the cluster.
        name: of the VM.
        host: name of the host that had it; empty: the only one.
        caller: the client; a VM that it may not see does not exist for it.

    Raises:
        RestError: it is not lost, or several of the name are.
    """
    with cluster.lock:
        found = [vm for vm in cluster.lost.find(name, host) if caller.sees(vm.spec.owner)]
        holders = cluster.holders_seen_by(caller, name)
    if not found:
        raise errors.not_lost(name, holders)
    hosts = [vm.host for vm in found]
    if len(set(hosts)) > 1:
        raise errors.which_host(hosts)
    return found[-1]


def let_go(cluster: Cluster, name: str, host_name: str, caller: Caller) -> SummaryReply:
    """Forget a lost VM; return the host that had it in numbers.

    Raises:
        RestError: no such VM is lost, or the store cannot be written.
    """
    with cluster.lock, errors.from_store():
        lost = find_lost(cluster, name, host_name, caller)
        if any(
            host.reservations[name].rebuilds == lost.created
            for host in cluster.holders(name)
            if name in host.reservations
        ):
            raise errors.not_now(Code.NOT_READY, f"the VM {name} is being rebuilt; try again")
        cluster.let_go(lost)
        host = cluster.find_host(lost.host)
        return host.summary_reply() if host else no_summary(lost.host)
