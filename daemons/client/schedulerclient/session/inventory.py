"""Which VMs and hosts there are, whether the server is a controller or the daemon of one host."""

from dataclasses import replace
from urllib.parse import urlencode

from schedulerclient.output.failures import BadInput, Failed
from schedulerclient.session.server import Answer, Server
from slackvm.api.cluster import ClusterVMsReply, VMsQuery
from slackvm.api.vms import VMReply, VMsReply


def find_vms(server: Server, query: VMsQuery) -> Answer:
    """Return an answer with all the VMs that are asked for, of all pages.

    Args:
        server: who is asked. The daemon of a host tells all its VMs; those that are asked for are
            then chosen here.
        query: which VMs.
    """
    try:
        answer = _page(server, query, "")
    except BadInput:
        # The daemon of a host takes no query.
        answer = server.get("/v1/vms")
        if answer.has("total"):
            raise
    told = answer.read(VMsReply).vms
    if not answer.has("total"):
        pairs = zip(told, answer.document["vms"], strict=True)
        vms = [document for vm, document in pairs if _matches(vm, query)]
        return replace(answer, document={**answer.document, "vms": vms})
    vms = []
    while True:
        after = answer.read(ClusterVMsReply).after
        vms += answer.document["vms"]
        if after is None:
            return replace(answer, document={**answer.document, "vms": vms})
        answer = _page(server, query, after)


def host_answer(server: Server) -> Answer:
    """Return what is told of all hosts of a cluster; or, by the daemon of one, of this."""
    try:
        return server.get("/v1/hosts")
    except Failed as failure:
        if failure.code != "not_found":
            raise
        return server.get("/v1/host")


def _page(server: Server, query: VMsQuery, after: str) -> Answer:
    """Ask for VMs; those that come after the name `after`."""
    fields = {**query.model_dump(exclude_defaults=True), **({"after": after} if after else {})}
    return server.get("/v1/vms" + (f"?{urlencode(fields)}" if fields else ""))


def _matches(vm: VMReply, query: VMsQuery) -> bool:
    text = query.search.lower()
    return (
        query.host in ("", vm.host)
        and query.level in (None, vm.level)
        and (text in vm.name.lower() or text in vm.image.lower())
    )
