"""How the controller is, over REST."""

from schedulerglobal.state.cluster import Cluster
from slackvm import __version__
from slackvm.api.base import HealthReply
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response


def endpoints(cluster: Cluster) -> list[AnyEndpoint]:
    """Return the endpoints."""

    def healthz(_: Request[None, None]) -> Response:
        return Response(200, HealthReply(status="ok", version=__version__, reason=""))

    def readyz(_: Request[None, None]) -> Response:
        reason = ""
        if not cluster.is_known:
            reason = "hosts are being asked for the first time"
        elif cluster.ledger.is_behind:
            reason = "the store or the operations log cannot be written"
        status = "not_ready" if reason else "ready"
        reply = HealthReply(status=status, version=__version__, reason=reason)
        return Response(503 if reason else 200, reply)

    return [
        Endpoint(
            method="GET",
            path="/healthz",
            summary="Whether the controller lives.",
            handler=healthz,
            answers={200: HealthReply},
            changes=False,
            open=True,
            tags=("daemon",),
        ),
        Endpoint(
            method="GET",
            path="/readyz",
            summary="Whether it can place VMs: every host was asked once, and the store is sound.",
            handler=readyz,
            answers={200: HealthReply, 503: HealthReply},
            changes=False,
            open=True,
            tags=("daemon",),
        ),
    ]
