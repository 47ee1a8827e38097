"""Lost VMs: found for a rebuild, or let go."""

from schedulerglobal.operations import errors
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import no_summary
from schedulerglobal.state.lost import LostVM
from slackvm.api.errors import RestError
from slackvm.api.hosts import SummaryReply
from slackvm.api.roles import Caller, Role
from slackvm.model.codes import Code


def find_lost(cluster: Cluster, name: str, host: str, caller: Caller) -> LostVM:
    """Return the lost VM of a name.

    Args:
        cluster: the cluster.
        name: of the VM.
        host: name of the host that had it; empty: the only one.
        caller: the client; for a VM of another owner it needs the role `OPERATE`.

    Raises:
        RestError: it is not lost, several of the name are, or the caller may not change it.
    """
    with cluster.lock:
        found = cluster.lost.find(name, host)
        holders = cluster.holders(name)
    if not found:
        raise errors.not_lost(name, holders)
    hosts = [vm.host for vm in found]
    if len(set(hosts)) > 1:
        raise errors.which_host(hosts)
    lost = found[-1]
    if caller.role < Role.OPERATE and not (caller.name and caller.name == lost.spec.owner):
        message = f"the VM {name} is lost; its owner or an operator decides what becomes of it"
        raise RestError(Code.FORBIDDEN, message)
    return lost


def let_go(cluster: Cluster, name: str, host_name: str, caller: Caller) -> SummaryReply:
    """Forget a lost VM; return the host that had it in numbers.

    Raises:
        RestError: no such VM is lost, the caller may not change it, or the store cannot be written.
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
