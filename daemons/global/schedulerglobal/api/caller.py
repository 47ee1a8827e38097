"""Who the caller is, over REST."""

from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.usage import usage
from slackvm.api import controller_api
from slackvm.api.roles import CallerReply, LimitsReply, UseReply
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(cluster: Cluster) -> list[AnyRoute]:
    """Return the routes."""

    def show(request: Request[None, None]) -> Response:
        caller = request.caller
        with cluster.lock:
            used = usage(cluster, caller.name)
        reply = CallerReply(
            name=caller.name,
            role=caller.role.name.lower(),
            limits=LimitsReply(**caller.limits.model_dump()),
            use=UseReply(vcpus=used.vcpus, memory_mib=used.memory_mib, vms=used.vms),
        )
        return Response(200, reply)

    return [Route(controller_api.CALLER, show)]
