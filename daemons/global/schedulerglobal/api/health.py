"""How the controller is, over REST."""

from schedulerglobal.state.cluster import Cluster
from slackvm import __version__
from slackvm.api import controller_api
from slackvm.api.base import HealthReply
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(cluster: Cluster) -> list[AnyRoute]:
    """Return the routes."""

    def liveness(_: Request[None, None]) -> Response:
        return Response(200, HealthReply(status="ok", version=__version__, reason=""))

    def readiness(_: Request[None, None]) -> Response:
        reason = ""
        if not cluster.is_known:
            reason = "hosts are being asked for the first time"
        elif cluster.obeying_others:
            reason = cluster.why_places_nothing
        elif cluster.ledger.is_behind:
            reason = "the store or the operations log cannot be written"
        status = "not_ready" if reason else "ready"
        reply = HealthReply(status=status, version=__version__, reason=reason)
        return Response(503 if reason else 200, reply)

    return [
        Route(controller_api.LIVENESS, liveness),
        Route(controller_api.READINESS, readiness),
    ]
