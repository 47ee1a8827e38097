"""Where a VM would go, and why; nothing changes."""

import math

import numpy as np

from schedulerglobal.scheduling.placement import choose
from schedulerglobal.state.cluster import Cluster
from slackvm.api.cluster import ClusterPlanReply, HostVerdict
from slackvm.model.codes import Code
from slackvm.model.placement import PlacementRequest
from slackvm.model.policies import Policy, parts
from slackvm.model.refusal import Refusal


def plan(
    cluster: Cluster, request: PlacementRequest, name: str, policy: Policy
) -> ClusterPlanReply:
    """Return what a placement makes of every host.

    Args:
        cluster: the hosts.
        request: the VM, its labels, and the labels that its host must have.
        name: the policy's name.
        policy: scores the hosts.
    """
    with cluster.lock, np.errstate(divide="ignore", invalid="ignore"):
        choice = choose(cluster, policy, request)
        hosts = [host.name for host in choice.hosts]
        refusals = [choice.refusal(host) for host in choice.hosts]
        why = None if choice.host else choice.why_not()
        best = choice.host
        if cluster.holders(request.vm.name):
            # Names are looked at first, as when a VM is deployed.
            best, why = None, Refusal(Code.NAME_TAKEN)
        scores = choice.placement.scores.tolist()
        made_of = {
            part: values.tolist()
            for part, values in parts(name, choice.placement.candidates).items()
        }
    return ClusterPlanReply(
        accepted=best is not None,
        code=why.code if why else None,
        message=why.message if why else None,
        host=best.name if best else None,
        policy=name,
        hosts=[
            _verdict(
                host,
                refusal,
                scores[index],
                {part: values[index] for part, values in made_of.items()},
            )
            for index, (host, refusal) in enumerate(zip(hosts, refusals, strict=True))
        ],
    )


def _verdict(
    host: str, refusal: Refusal | None, score: float, made_of: dict[str, float]
) -> HostVerdict:
    return HostVerdict(
        host=host,
        accepted=refusal is None,
        code=refusal.code if refusal else None,
        message=refusal.message if refusal else None,
        needed=refusal.needed if refusal else None,
        free=refusal.free if refusal else None,
        score=score if math.isfinite(score) else None,
        parts={} if refusal else made_of,
    )
