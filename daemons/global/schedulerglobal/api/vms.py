"""VMs of the cluster over REST."""

from collections.abc import Callable
from functools import partial

from schedulerglobal.operations import errors, quotas
from schedulerglobal.operations.claims import Claims
from schedulerglobal.operations.deploy import Deployment
from schedulerglobal.operations.lost import find_lost, let_go
from schedulerglobal.operations.power import change_state
from schedulerglobal.operations.remove import remove_vm
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.vms import VMRecord, VMSpec
from slackvm.api import controller_api
from slackvm.api.cluster import (
    LOST,
    ClusterVMReply,
    ClusterVMRequest,
    ClusterVMsReply,
    HostChoice,
    VMRemoval,
    VMsQuery,
)
from slackvm.api.roles import Caller
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
    return [*_reading(claims.cluster), *_changing(claims, deployment, default_level)]


def _reading(cluster: Cluster) -> list[AnyRoute]:
    def list_vms(request: Request[None, VMsQuery]) -> Response:
        return Response(200, page(cluster, request.input, request.caller))

    def show(request: Request[VMPath, HostChoice]) -> Response:
        name, host_name = request.path.name, request.input.host
        with cluster.lock:
            holders = [
                host
                for host in cluster.holders_seen_by(request.caller, name)
                if host_name in ("", host.name)
            ]
            for host in holders:
                if name in host.vms:
                    return Response(200, reply_of(cluster, host.vms[name], host))
            lost = [
                vm
                for vm in cluster.lost.find(name, host_name)
                if request.caller.sees(vm.spec.owner)
            ]
        if lost:
            return Response(200, lost[0].to_reply())
        if holders:
            raise errors.outcome_unknown(
                holders[0], "it is creating this VM, or may have created it"
            )
        raise errors.no_vm()

    return [Route(controller_api.LIST_VMS, list_vms), Route(controller_api.SHOW_VM, show)]


def _changing(
    claims: Claims, deployment: Deployment, default_level: float | None
) -> list[AnyRoute]:
    cluster = claims.cluster

    def create(request: Request[None, ClusterVMRequest]) -> Response:
        spec = quotas.owned(VMSpec.from_request(request.input, default_level), request.caller)
        reply, is_new = deployment.deploy(spec, request.caller)
        return Response(201 if is_new else 200, reply)

    def remove(request: Request[VMPath, VMRemoval]) -> Response:
        name, given = request.path.name, request.input
        if given.lost:
            return Response(200, let_go(cluster, name, given.host, request.caller))
        return Response(200, remove_vm(claims, name, given.host, request.caller))

    def rebuild(request: Request[VMPath, HostChoice]) -> Response:
        lost = find_lost(cluster, request.path.name, request.input.host, request.caller)
        reply, is_new = deployment.deploy(lost.spec, request.caller, lost)
        return Response(201 if is_new else 200, reply)

    def changing(verb: str) -> Callable[[Request[VMPath, HostChoice]], Response]:
        return lambda request: Response(
            200,
            change_state(claims, request.path.name, verb, request.input.host, request.caller),
        )

    return [
        Route(controller_api.CREATE_VM, create),
        Route(controller_api.REMOVE_VM, remove),
        Route(controller_api.REBUILD_VM, rebuild),
        *(Route(endpoint, changing(verb)) for verb, endpoint in controller_api.CHANGE_VM.items()),
    ]


def page(cluster: Cluster, query: VMsQuery, caller: Caller) -> ClusterVMsReply:
    """Return the VMs that a query asks for and its caller may see, lost ones too."""
    text = query.search.lower()

    def matches(vm: VMRecord | VMSpec, host: str, state: str) -> bool:
        return (
            caller.sees(vm.owner)
            and query.host in ("", host)
            and query.level in (None, vm.vm.level)
            and query.state in ("", state)
            and query.matches(vm.labels)
            and (not text or _matches(vm, text))
        )

    with cluster.lock:
        found: list[tuple[_Key, Callable[[], ClusterVMReply]]] = [
            ((vm.name, 0, host.ordinal), partial(reply_of, cluster, vm, host))
            for host in cluster.hosts
            for vm in host.vms.values()
            if matches(vm, host.name, host.state_of(vm))
        ]
        found += [
            ((vm.name, 1, vm.created), vm.to_reply)
            for vm in cluster.lost
            if matches(vm.spec, vm.host, LOST)
        ]
        after = _key(query.after)
        found.sort(key=lambda pair: pair[0])
        rest = [pair for pair in found if pair[0] > after]
        shown = rest[: query.limit]
        return ClusterVMsReply(
            total=len(found),
            vms=[reply() for _, reply in shown],
            after=_cursor(shown[-1][0]) if len(rest) > len(shown) else None,
        )


def reply_of(cluster: Cluster, vm: VMRecord, host: HostRecord) -> ClusterVMReply:
    """Return a VM as clients see it, with the other hosts that have one of its name."""
    return host.vm_reply(vm, cluster.other_holders(vm.name, host))


_Key = tuple[str, int, float]
"""Order of VMs: by name; of one name those that exist, by the host's ordinal; then the lost ones,
by their creation."""

_PLACES = ("host", "lost")


def _cursor(key: _Key) -> str:
    """Return the text of a key: no two VMs have the same, so that no page loses one."""
    name, place, number = key
    return f"{name}/{_PLACES[place]}/{number!r}"


def _key(cursor: str) -> _Key:
    """Return the key of a cursor; that of a name alone comes after all VMs of the name.

    A cursor matches `VM_POSITION`.
    """
    name, *where = cursor.split("/")
    if not where:
        return name, len(_PLACES), 0.0
    place, number = where
    return name, _PLACES.index(place), float(number)


def _matches(vm: VMRecord | VMSpec, text: str) -> bool:
    """Return whether a VM's name, image or labels contain a text in lower case."""
    return any(text in each.lower() for each in (vm.name, vm.image, format_labels(vm.labels)))
