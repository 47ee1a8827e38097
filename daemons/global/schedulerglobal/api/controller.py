"""The controller's claim on its hosts, over REST."""

from schedulerglobal.operations.membership import Membership
from schedulerglobal.state.cluster import Cluster
from slackvm.api import controller_api
from slackvm.api.controllers import ControllerReply
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(cluster: Cluster, membership: Membership) -> list[AnyRoute]:
    """Return the routes."""

    def show(_: Request[None, None]) -> Response:
        return Response(200, _reply(cluster))

    def take_over(_: Request[None, None]) -> Response:
        membership.take_over()
        return Response(200, _reply(cluster))

    return [
        Route(controller_api.SHOW_CONTROLLER, show),
        Route(controller_api.TAKE_OVER, take_over),
    ]


def _reply(cluster: Cluster) -> ControllerReply:
    with cluster.lock:
        identity, claim = cluster.identity, cluster.identity.claim
        return ControllerReply(
            id=claim.id,
            epoch=claim.epoch,
            obeying=[
                host.name
                for host in cluster.hosts
                if host.report and (host.report.controller, host.report.controller_epoch) == claim
            ],
            others={
                host.name: host.report.controller
                for host in cluster.hosts
                if host in cluster.obeying_others and host.report
            },
            waiting=[host.name for host in cluster.hosts if host.ordinal in identity.taking_over],
            reason=cluster.why_places_nothing,
        )
