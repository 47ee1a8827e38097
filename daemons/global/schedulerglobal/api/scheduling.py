"""Where a VM would go, and how many more fit, over REST; nothing changes."""

from schedulerglobal.operations import quotas
from schedulerglobal.scheduling.capacity import CapacityCounter
from schedulerglobal.scheduling.explain import plan
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.vms import VMSpec
from slackvm import plugins
from slackvm.api import controller_api
from slackvm.api.errors import RestError
from slackvm.api.roles import Caller
from slackvm.api.scheduling import CapacityRequest, ClusterPlanReply, ClusterPlanRequest
from slackvm.http.routes import AnyRoute, Request, Response, Route
from slackvm.model.codes import Code
from slackvm.model.placement import PlacementRequest, Policy
from slackvm.model.policies import POLICIES


def routes(
    cluster: Cluster, policy: Policy, default_level: float | None, counter: CapacityCounter
) -> list[AnyRoute]:
    """Return the routes.

    Args:
        cluster: the hosts.
        policy: the cluster's policy.
        default_level: the level of a request without one; None: it must have one.
        counter: counts the capacity.
    """

    def plan_vm(request: Request[None, ClusterPlanRequest]) -> Response:
        asked = request.input.policy
        given = request.input
        spec = quotas.owned(VMSpec.from_request(given, default_level), request.caller)
        requested = spec.placement_request
        if asked is None:
            reply = plan(cluster, requested, policy)
            return Response(200, _within_quota(cluster, reply, requested, request.caller))
        try:
            other = plugins.find_policy(asked)
        except LookupError:
            known = ", ".join(POLICIES)
            message = (
                f"there is no policy {asked}; there are {known}, and those of installed packages"
            )
            raise RestError(Code.POLICY_NOT_FOUND, message) from None
        reply = plan(cluster, requested, other)
        return Response(200, _within_quota(cluster, reply, requested, request.caller))

    def count_capacity(request: Request[None, CapacityRequest]) -> Response:
        return Response(200, counter.capacity(request.input))

    return [
        Route(controller_api.PLAN, plan_vm),
        Route(controller_api.CAPACITY, count_capacity),
    ]


def _within_quota(
    cluster: Cluster, reply: ClusterPlanReply, request: PlacementRequest, caller: Caller
) -> ClusterPlanReply:
    """Return a plan that is refused where the caller's quota does not suffice, as a deploy is."""
    if reply.code == Code.NAME_TAKEN:
        return reply
    try:
        with cluster.lock:
            quotas.check(cluster, caller, request.vm)
    except RestError as error:
        refusal = {"code": error.detail.code, "message": error.detail.message}
        return reply.model_copy(update={"accepted": False, "host": None, **refusal})
    return reply
