"""A dry run of a placement: the host that a VM would go to, and why."""

import math

import numpy as np
from numpy.typing import NDArray

from schedulerglobal.scheduling.placement import choose, policy_failed
from schedulerglobal.state.cluster import Cluster
from slackvm.api.scheduling import ClusterPlanReply, HostVerdict
from slackvm.model.codes import Code
from slackvm.model.placement import Candidates, PlacementRequest, Policy, PolicyError
from slackvm.model.refusal import Refusal


def plan(cluster: Cluster, request: PlacementRequest, policy: Policy) -> ClusterPlanReply:
    """Return the verdict of a policy on every host.

    Args:
        cluster: the hosts.
        request: the VM, and what it demands of its host.
        policy: chooses one of the hosts that take the VM.

    Raises:
        RestError: the policy fails, or the request names a host that is not in the cluster.
    """
    with cluster.lock:
        decision = choose(cluster, policy, request)
        hosts = [host.name for host in decision.hosts]
        refusals = [decision.refusal(host) for host in decision.hosts]
        why = None if decision.host else decision.why_not()
        best = decision.host
        if cluster.holders(request.vm.name):
            # The name is checked first, as in a deploy.
            best, why = None, Refusal(Code.NAME_TAKEN)
        elif cluster.lost.find(request.vm.name):
            best, why = None, Refusal(Code.VM_LOST)
        scores = decision.placement.scores.tolist()
        explanation = _explanation(policy, decision.placement.candidates)
        score_breakdown = {part: values.tolist() for part, values in explanation.items()}
    return ClusterPlanReply(
        accepted=best is not None,
        code=why.code if why else None,
        message=why.message if why else None,
        host=best.name if best else None,
        policy=policy.name,
        hosts=[
            _verdict(
                host,
                refusal,
                scores[index],
                {part: values[index] for part, values in score_breakdown.items()},
            )
            for index, (host, refusal) in enumerate(zip(hosts, refusals, strict=True))
        ],
    )


def _explanation(policy: Policy, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    try:
        return policy.explanation(candidates)
    except PolicyError as error:
        raise policy_failed(policy, error) from error


def _verdict(
    host: str, refusal: Refusal | None, score: float, score_breakdown: dict[str, float]
) -> HostVerdict:
    finite = {part: value for part, value in score_breakdown.items() if math.isfinite(value)}
    return HostVerdict(
        host=host,
        accepted=refusal is None,
        code=refusal.code if refusal else None,
        message=refusal.message if refusal else None,
        needed=refusal.needed if refusal else None,
        free=refusal.free if refusal else None,
        score=score if math.isfinite(score) else None,
        parts={} if refusal else finite,
    )
