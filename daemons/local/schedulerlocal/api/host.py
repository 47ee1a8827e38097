"""The REST endpoints about the host and its daemon."""

from schedulerlocal.agent.view import NOT_READY
from schedulerlocal.api.local_host import LocalHost
from schedulerlocal.api.replies import plan_reply
from slackvm import __version__
from slackvm.api import host_api
from slackvm.api.base import HealthReply
from slackvm.api.vms import RemovalReply, RemovalsReply, VMRequest
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(host: LocalHost) -> list[AnyRoute]:
    """Return the routes."""
    agent = host.agent

    def plan(request: Request[None, VMRequest]) -> Response:
        vm = request.input.vm()
        return Response(200, plan_reply(agent.plan(vm), agent.progress(vm)))

    def removals(_: Request[None, None]) -> Response:
        removed = [RemovalReply(**removal._asdict()) for removal in agent.removals]
        return Response(200, RemovalsReply(removals=removed))

    def liveness(_: Request[None, None]) -> Response:
        return Response(200, HealthReply(status="ok", version=__version__, reason=""))

    def readiness(_: Request[None, None]) -> Response:
        view = agent.view
        is_ready = view.state != NOT_READY
        reason = "" if is_ready else view.reason
        reply = HealthReply(status=view.state, version=__version__, reason=reason)
        return Response(200 if is_ready else 503, reply)

    return [
        Route(host_api.PLAN, plan),
        Route(host_api.SHOW_HOST, lambda _: host.state()),
        Route(host_api.LIST_REMOVALS, removals),
        Route(host_api.LIVENESS, liveness),
        Route(host_api.READINESS, readiness),
    ]
