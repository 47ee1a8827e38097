"""The GET endpoints of the paper's prototype, with its names and reply fields."""

from schedulerglobal.api.vms import NOT_NOW, REFUSED, UNKNOWN
from schedulerglobal.operations.vms import VMOperations
from schedulerglobal.state.cluster import Cluster
from slackvm.api.cluster import ClusterStatusReply, ClusterVMRequest
from slackvm.api.prototype import DeployQuery, Done, NameQuery, NotDone, told_as_prototype
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response


def endpoints(cluster: Cluster, changes: VMOperations) -> list[AnyEndpoint]:
    """Return the prototype's endpoints of a controller."""

    def deploy(call: Request[None, DeployQuery]) -> Response:
        asked = call.input
        changes.deploy(
            ClusterVMRequest(
                name=asked.name,
                vcpus=asked.cpu,
                memory_gib=asked.mem,
                level=asked.oc,
                image=asked.qcow2,
            )
        )
        return Response(200, Done())

    def remove(call: Request[None, NameQuery]) -> Response:
        changes.remove(call.input.name)
        return Response(200, Done())

    def status(_: Request[None, None]) -> Response:
        with cluster.lock:
            hosts = {host.url.given: host.summary_reply() for host in cluster.hosts}
        return Response(
            200, ClusterStatusReply({url: told_as_prototype(host) for url, host in hosts.items()})
        )

    return [
        Endpoint(
            method="GET",
            path="/status",
            summary="What is free and what each vNode has, on each host by its URL.",
            handler=status,
            answers={200: ClusterStatusReply},
            changes=False,
            tags=("prototype",),
        ),
        Endpoint(
            method="GET",
            path="/deploy",
            summary="Create a VM on the best host and start it.",
            handler=deploy,
            answers={200: Done},
            errors={400: "The image cannot be had.", 409: REFUSED, 503: NOT_NOW},
            failure=NotDone,
            input=DeployQuery,
            changes=True,
            tags=("prototype",),
        ),
        Endpoint(
            method="GET",
            path="/remove",
            summary="Remove a VM; its image stays.",
            handler=remove,
            answers={200: Done},
            errors={404: UNKNOWN, 409: REFUSED, 503: NOT_NOW},
            failure=NotDone,
            input=NameQuery,
            changes=True,
            tags=("prototype",),
        ),
    ]
