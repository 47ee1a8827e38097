"""Evacuation of hosts over REST."""

from schedulerglobal.api.hosts import find_host
from schedulerglobal.operations.evacuation import Evacuation
from schedulerglobal.state.cluster import Cluster
from slackvm.api import controller_api
from slackvm.api.cluster import EvacuationRequest, HostPath
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(cluster: Cluster, evacuation: Evacuation) -> list[AnyRoute]:
    """Return the routes."""

    def evacuate(request: Request[HostPath, EvacuationRequest]) -> Response:
        return Response(200, evacuation.evacuate(find_host(cluster, request.path.name)))

    def unfence(request: Request[HostPath, None]) -> Response:
        host = find_host(cluster, request.path.name)
        evacuation.unfence(host)
        with cluster.lock:
            return Response(200, host.reply())

    return [
        Route(controller_api.EVACUATE_HOST, evacuate),
        Route(controller_api.UNFENCE_HOST, unfence),
    ]
