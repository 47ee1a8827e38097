"""The GET endpoints of the paper's prototype, with its names and reply fields."""

from schedulerglobal.operations.vms import VMOperations
from schedulerglobal.state.cluster import Cluster
from slackvm.api import controller_api
from slackvm.api.cluster import ClusterStatusReply, ClusterVMRequest
from slackvm.api.prototype import DeployQuery, Done, NameQuery, prototype_status
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(cluster: Cluster, operations: VMOperations) -> list[AnyRoute]:
    """Return the routes."""

    def deploy(request: Request[None, DeployQuery]) -> Response:
        given = request.input
        operations.deploy(
            ClusterVMRequest(
                name=given.name,
                vcpus=given.cpu,
                memory_gib=given.mem,
                level=given.oc,
                image=given.qcow2,
            )
        )
        return Response(200, Done())

    def remove(request: Request[None, NameQuery]) -> Response:
        operations.remove(request.input.name)
        return Response(200, Done())

    def status(_: Request[None, None]) -> Response:
        with cluster.lock:
            hosts = {host.url.given: host.summary_reply() for host in cluster.hosts}
        return Response(
            200, ClusterStatusReply({url: prototype_status(host) for url, host in hosts.items()})
        )

    return [
        Route(controller_api.PROTOTYPE_STATUS, status),
        Route(controller_api.PROTOTYPE_DEPLOY, deploy),
        Route(controller_api.PROTOTYPE_REMOVE, remove),
    ]
