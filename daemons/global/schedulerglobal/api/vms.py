"""VMs of the cluster over REST."""

from collections.abc import Callable

from schedulerglobal.operations import errors
from schedulerglobal.operations.vms import VMOperations
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.vms import VMRecord
from slackvm.api.cluster import ClusterVMRequest, ClusterVMsReply, VMsQuery
from slackvm.api.hosts import SummaryReply
from slackvm.api.vms import ChangedReply, VMPath, VMReply
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response
from slackvm.model.labels import format_labels

REFUSED = "No host takes it: `code` tells why, `needed` and `free` by how much."
NOT_NOW = "A host does not answer, or it is not known yet what it did; ask again."
UNKNOWN = "There is no such VM."


def endpoints(cluster: Cluster, changes: VMOperations) -> list[AnyEndpoint]:
    """Return the endpoints about VMs."""

    def create(call: Request[None, ClusterVMRequest]) -> Response:
        reply, is_new = changes.deploy(call.input)
        return Response(201 if is_new else 200, reply)

    def all_vms(call: Request[None, VMsQuery]) -> Response:
        return Response(200, page(cluster, call.input))

    def one_vm(call: Request[VMPath, None]) -> Response:
        name = call.path.name
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

    def remove(call: Request[VMPath, None]) -> Response:
        return Response(200, changes.remove(call.path.name))

    def changing(verb: str) -> Callable[[Request[VMPath, None]], Response]:
        return lambda call: Response(200, changes.change_state(call.path.name, verb))

    return [
        Endpoint(
            method="POST",
            path="/v1/vms",
            summary="Create a VM on the best host; the same request again changes nothing.",
            handler=create,
            answers={201: ChangedReply, 200: ChangedReply},
            errors={400: "The image cannot be had.", 409: REFUSED, 503: NOT_NOW},
            input=ClusterVMRequest,
            changes=True,
            tags=("vms",),
        ),
        Endpoint(
            method="GET",
            path="/v1/vms",
            summary="VMs by name, page by page.",
            handler=all_vms,
            answers={200: ClusterVMsReply},
            input=VMsQuery,
            changes=False,
            tags=("vms",),
        ),
        Endpoint(
            method="GET",
            path="/v1/vms/{name}",
            summary="One VM.",
            handler=one_vm,
            answers={200: VMReply},
            errors={404: UNKNOWN, 503: "It is being created, or may have been."},
            parameters=VMPath,
            changes=False,
            tags=("vms",),
        ),
        Endpoint(
            method="DELETE",
            path="/v1/vms/{name}",
            summary="Remove a VM; its image stays. Answers its host in numbers.",
            handler=remove,
            answers={200: SummaryReply},
            errors={404: UNKNOWN, 409: REFUSED, 503: NOT_NOW},
            parameters=VMPath,
            changes=True,
            tags=("vms",),
        ),
        *(
            Endpoint(
                method="POST",
                path=f"/v1/vms/{{name}}/{verb}",
                summary=f"{verb.capitalize()} a VM; it keeps its CPUs and memory either way.",
                handler=changing(verb),
                answers={200: ChangedReply},
                errors={404: UNKNOWN, 409: REFUSED, 503: NOT_NOW},
                parameters=VMPath,
                changes=True,
                tags=("vms",),
            )
            for verb in ("start", "stop", "restart")
        ),
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
