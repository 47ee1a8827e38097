"""VMs of the cluster over REST."""

from collections.abc import Callable

from schedulerglobal.operations import errors
from schedulerglobal.operations.claims import Claims
from schedulerglobal.operations.deploy import Deployment
from schedulerglobal.operations.power import change_state
from schedulerglobal.operations.remove import remove_vm
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.vms import VMRecord, VMSpec
from slackvm.api import controller_api
from slackvm.api.cluster import ClusterVMRequest, ClusterVMsReply, VMsQuery
from slackvm.api.vms import VMPath
from slackvm.http.routes import AnyRoute, Request, Response, Route
from slackvm.model.labels import format_labels


def routes(claims: Claims, deployment: Deployment, default_level: float | None) -> list[AnyRoute]:
    """Return the routes about VMs.

    Args:
        claims: the cluster and its hosts.
        deployment: deploys VMs.
        default_level: the level of a request without one; None: it must have one.
    """
    cluster = claims.cluster

    def create(request: Request[None, ClusterVMRequest]) -> Response:
        reply, is_new = deployment.deploy(VMSpec.from_request(request.input, default_level))
        return Response(201 if is_new else 200, reply)

    def list_vms(request: Request[None, VMsQuery]) -> Response:
        return Response(200, page(cluster, request.input))

    def show(request: Request[VMPath, None]) -> Response:
        name = request.path.name
        with cluster.lock:
            holders = cluster.holders(name)
            for host in holders:
                if name in host.vms:
                    return Response(200, host.vm_reply(host.vms[name]))
        if holders:
            raise errors.outcome_unknown(
                holders[0], "it is creating this VM, or may have created it"
            )
        raise errors.no_vm()

    def remove(request: Request[VMPath, None]) -> Response:
        return Response(200, remove_vm(claims, request.path.name))

    def changing(verb: str) -> Callable[[Request[VMPath, None]], Response]:
        return lambda request: Response(200, change_state(claims, request.path.name, verb))

    return [
        Route(controller_api.CREATE_VM, create),
        Route(controller_api.LIST_VMS, list_vms),
        Route(controller_api.SHOW_VM, show),
        Route(controller_api.REMOVE_VM, remove),
        *(Route(endpoint, changing(verb)) for verb, endpoint in controller_api.CHANGE_VM.items()),
    ]


def page(cluster: Cluster, query: VMsQuery) -> ClusterVMsReply:
    """Return the VMs that a query asks for."""
    with cluster.lock:
        there = [(vm, host) for host in cluster.hosts for vm in host.vms.values()]
    text = query.search.lower()
    found = [
        (vm, host)
        for vm, host in there
        if query.host in ("", host.name)
        and query.level in (None, vm.vm.level)
        and query.matches(vm.labels)
        and (not text or _matches(vm, text))
    ]
    found.sort(key=lambda pair: (pair[0].name, pair[1].ordinal))
    rest = [pair for pair in found if pair[0].name > query.after]
    shown = rest[: query.limit]
    return ClusterVMsReply(
        total=len(found),
        vms=[host.vm_reply(vm) for vm, host in shown],
        after=shown[-1][0].name if len(rest) > len(shown) else None,
    )


def _matches(vm: VMRecord, text: str) -> bool:
    """Return whether a VM's name, image or labels contain a text in lower case."""
    return any(text in each.lower() for each in (vm.name, vm.image, format_labels(vm.labels)))
