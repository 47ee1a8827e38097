"""Placing VMs on many hosts: what is known of the hosts, the policy, and the choice."""

from typing import TYPE_CHECKING

from slackvm.lazy import names_from

if TYPE_CHECKING:
    from slackvm.model.placement.candidates import (
        Candidates,
        HostLabels,
        PlacementRequest,
        VNodeNumbers,
    )
    from slackvm.model.placement.choice import Placement, place
    from slackvm.model.placement.constraints import Group, not_apart, not_the_host
    from slackvm.model.placement.fleet import Fleet
    from slackvm.model.placement.policy import Policy, PolicyError
else:
    __getattr__ = names_from(
        __name__,
        {
            "candidates": "Candidates HostLabels PlacementRequest VNodeNumbers",
            "fleet": "Fleet",
            "choice": "Placement place",
            "constraints": "Group not_apart not_the_host",
            "policy": "Policy PolicyError",
        },
    )

__all__ = [
    "Candidates",
    "Fleet",
    "Group",
    "HostLabels",
    "Placement",
    "PlacementRequest",
    "Policy",
    "PolicyError",
    "VNodeNumbers",
    "not_apart",
    "not_the_host",
    "place",
]
