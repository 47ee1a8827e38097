"""Pure decisions: which CPUs a VM's level owns, where its VMs are pinned, which host is best.

Nothing here reads a file or a clock, opens a connection or starts a thread, so the live daemons,
a replay and a simulation decide with the same code.

Names are imported from their modules when they are first used: a program that needs only a VM, such
as the command `slackvm`, does not load numpy.
"""

from typing import TYPE_CHECKING

from slackvm.lazy import names_from

if TYPE_CHECKING:
    from slackvm.model.balance import pin_lists
    from slackvm.model.host import Host
    from slackvm.model.placement import (
        Candidates,
        Fleet,
        Placement,
        PlacementRequest,
        Policy,
        PolicyError,
        place,
    )
    from slackvm.model.plan import Change, Plan, StalePlanError
    from slackvm.model.policies import DEFAULT_POLICY, POLICIES
    from slackvm.model.scoring import progress
    from slackvm.model.selection import SELECTIONS, Selection, Situation
    from slackvm.model.summary import HostSummary, LevelSummary
    from slackvm.model.topology import CPU, Topology
    from slackvm.model.vm import VM, milli_level, size_in_cpus
    from slackvm.model.vnode import VNode
else:
    __getattr__ = names_from(
        __name__,
        {
            "balance": "pin_lists",
            "host": "Host",
            "placement": "Candidates Fleet Placement PlacementRequest Policy PolicyError place",
            "plan": "Change Plan StalePlanError",
            "policies": "DEFAULT_POLICY POLICIES",
            "scoring": "progress",
            "selection": "SELECTIONS Selection Situation",
            "summary": "HostSummary LevelSummary",
            "topology": "CPU Topology",
            "vm": "VM milli_level size_in_cpus",
            "vnode": "VNode",
        },
    )

__all__ = [
    "CPU",
    "DEFAULT_POLICY",
    "POLICIES",
    "SELECTIONS",
    "VM",
    "Candidates",
    "Change",
    "Fleet",
    "Host",
    "HostSummary",
    "LevelSummary",
    "Placement",
    "PlacementRequest",
    "Plan",
    "Policy",
    "PolicyError",
    "Selection",
    "Situation",
    "StalePlanError",
    "Topology",
    "VNode",
    "milli_level",
    "pin_lists",
    "place",
    "progress",
    "size_in_cpus",
]
