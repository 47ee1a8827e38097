"""Questions over REST that change nothing: where a VM would go, how many more would fit."""

import threading

from schedulerglobal.scheduling.capacity import capacity
from schedulerglobal.scheduling.explain import plan
from schedulerglobal.state.cluster import Cluster
from slackvm import plugins
from slackvm.api.cluster import (
    CapacityReply,
    CapacityRequest,
    ClusterPlanReply,
    ClusterPlanRequest,
)
from slackvm.api.errors import RestError, overloaded
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response
from slackvm.model.codes import Code
from slackvm.model.placement import PlacementRequest, Policy
from slackvm.model.policies import POLICIES


def endpoints(cluster: Cluster, policy: Policy) -> list[AnyEndpoint]:
    """Return the endpoints.

    Args:
        cluster: the hosts.
        policy: the cluster's.
    """
    # Each takes a CPU for a while.
    one_at_a_time = threading.Lock()

    def ask_plan(call: Request[None, ClusterPlanRequest]) -> Response:
        asked = call.input.policy
        requested = PlacementRequest(call.input.vm(), call.input.labels, call.input.require)
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

    def ask_capacity(call: Request[None, CapacityRequest]) -> Response:
        if not one_at_a_time.acquire(blocking=False):
            raise overloaded("another such question is being answered")
        try:
            return Response(200, capacity(cluster, policy, call.input))
        finally:
            one_at_a_time.release()

    return [
        Endpoint(
            method="POST",
            path="/v1/plan",
            summary="Where a VM would go: every host's score, or why it is refused.",
            handler=ask_plan,
            answers={200: ClusterPlanReply},
            errors={404: "There is no such policy."},
            input=ClusterPlanRequest,
            changes=False,
            tags=("questions",),
        ),
        Endpoint(
            method="POST",
            path="/v1/capacity",
            summary="How many more VMs of a mix fit, and how many hosts some would need.",
            handler=ask_capacity,
            answers={200: CapacityReply},
            errors={409: "More VMs than are counted fit, or one is larger than the host."},
            input=CapacityRequest,
            changes=False,
            tags=("questions",),
        ),
    ]
