"""The VMs and hosts that the server knows, be it a controller or the daemon of one host."""

from dataclasses import replace

from schedulerclient.output.failures import BadInput, Failed
from schedulerclient.session.server import Answer, Server
from slackvm.api import controller_api, host_api
from slackvm.api.cluster import ClusterVMsReply, HostsQuery, VMsQuery
from slackvm.api.vms import VMReply, VMsReply
from slackvm.model.codes import Code
from slackvm.model.labels import format_labels


def find_vms(server: Server, query: VMsQuery) -> Answer:
    """Return an answer with all matching VMs, of all pages.

    Args:
        server: a controller; or the daemon of a host, which lists all its VMs: those that match
            are then selected here.
        query: which VMs.
    """
    try:
        answer = _page(server, query, "")
    except BadInput:
        # The daemon of a host takes no query.
        answer = server.send(host_api.LIST_VMS, None, None)
        if answer.has("total"):
            raise
    listed = answer.read(VMsReply).vms
    if not answer.has("total"):
        pairs = zip(listed, answer.document["vms"], strict=True)
        vms = [document for vm, document in pairs if _matches(vm, query)]
        return replace(answer, document={**answer.document, "vms": vms})
    vms = []
    while True:
        after = answer.read(ClusterVMsReply).after
        vms += answer.document["vms"]
        if after is None:
            return replace(answer, document={**answer.document, "vms": vms})
        answer = _page(server, query, after)


def cluster_hosts(server: Server, *, with_topology: bool) -> Answer:
    """Return all hosts of a controller's cluster.

    Args:
        server: the controller.
        with_topology: whether the reply lists the CPUs of each host, which is most of it.
    """
    if not with_topology:
        try:
            by_digest = HostsQuery(topologies="digest")
            return server.send(controller_api.LIST_HOSTS, None, by_digest)
        except BadInput:
            # A controller of an earlier release does not know this field.
            pass
    return server.send(controller_api.LIST_HOSTS, None, HostsQuery())


def host_answer(server: Server, *, with_topology: bool) -> Answer:
    """Return all hosts of a controller's cluster; or, of a host's daemon, this host."""
    try:
        return cluster_hosts(server, with_topology=with_topology)
    except Failed as failure:
        if failure.code != Code.NOT_FOUND:
            raise
        return server.send(host_api.SHOW_HOST, None, None)


def _page(server: Server, query: VMsQuery, after: str) -> Answer:
    """Ask for one page of VMs; those whose names come after `after`."""
    given = query.model_copy(update={"after": after}) if after else query
    return server.send(controller_api.LIST_VMS, None, given)


def _matches(vm: VMReply, query: VMsQuery) -> bool:
    text = query.search.lower()
    searched = (vm.name, vm.image, format_labels(vm.labels))
    return (
        query.host in ("", vm.host)
        and query.state in ("", vm.state)
        and query.level in (None, vm.level)
        and any(text in each.lower() for each in searched)
        and query.matches(vm.labels)
    )
