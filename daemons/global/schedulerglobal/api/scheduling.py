"""Where a VM would go, and how many more fit, over REST; nothing changes."""

import threading

from schedulerglobal.scheduling.capacity import capacity
from schedulerglobal.scheduling.explain import plan
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.vms import VMSpec
from slackvm import plugins
from slackvm.api import controller_api
from slackvm.api.errors import RestError, overloaded
from slackvm.api.scheduling import CapacityRequest, ClusterPlanRequest
from slackvm.http.routes import AnyRoute, Request, Response, Route
from slackvm.model.codes import Code
from slackvm.model.placement import Policy
from slackvm.model.policies import POLICIES


def routes(cluster: Cluster, policy: Policy, default_level: float | None) -> list[AnyRoute]:
    """Return the routes.

    Args:
        cluster: the hosts.
        policy: the cluster's policy.
        default_level: the level of a request without one; None: it must have one.
    """
    # Each takes a whole CPU.
    one_at_a_time = threading.Lock()

    def plan_vm(request: Request[None, ClusterPlanRequest]) -> Response:
        asked = request.input.policy
        requested = VMSpec.from_request(request.input, default_level).placement_request
        if asked is None:
            return Response(200, plan(cluster, requested, policy))
        try:
            other = plugins.find_policy(asked)
        except LookupError:
            known = ", ".join(POLICIES)
            message = (
                f"there is no policy {asked}; there are {known}, and those of installed packages"
            )
            raise RestError(Code.POLICY_NOT_FOUND, message) from None
        return Response(200, plan(cluster, requested, other))

    def count_capacity(request: Request[None, CapacityRequest]) -> Response:
        if not one_at_a_time.acquire(blocking=False):
            raise overloaded("another capacity request is running")
        try:
            return Response(200, capacity(cluster, policy, request.input))
        finally:
            one_at_a_time.release()

    return [
        Route(controller_api.PLAN, plan_vm),
        Route(controller_api.CAPACITY, count_capacity),
    ]
