"""The GET endpoints of the paper's prototype, with its names and reply fields."""

from schedulerglobal.operations import quotas
from schedulerglobal.operations.claims import Claims
from schedulerglobal.operations.deploy import Deployment
from schedulerglobal.operations.remove import remove_vm
from schedulerglobal.state.vms import VMSpec
from slackvm.api import controller_api
from slackvm.api.cluster import ClusterStatusReply
from slackvm.api.prototype import DeployQuery, Done, NameQuery, prototype_status
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(claims: Claims, deployment: Deployment) -> list[AnyRoute]:
    """Return the routes.

    Args:
        claims: the cluster and its hosts.
        deployment: deploys VMs.
    """
    cluster = claims.cluster

    def deploy(request: Request[None, DeployQuery]) -> Response:
        given = request.input
        spec = quotas.owned(VMSpec(given.vm(given.name), given.qcow2), request.caller)
        deployment.deploy(spec, request.caller)
        return Response(200, Done())

    def remove(request: Request[None, NameQuery]) -> Response:
        remove_vm(claims, request.input.name, caller=request.caller)
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
