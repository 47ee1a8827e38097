"""What a request demands of its host beside room: to be a certain one, and to be apart from others.

A fleet knows neither. Whoever places VMs asks for each host, and excludes those that refuse.
"""

from collections.abc import Mapping
from typing import NamedTuple

from slackvm.model.codes import Code
from slackvm.model.placement.candidates import PlacementRequest
from slackvm.model.refusal import Refusal


class Group(NamedTuple):
    """An anti-affinity group: its VMs are on different hosts.

    Attributes:
        owner: whose group it is; two owners' groups of one name are different groups.
        name: its name.
    """

    owner: str
    name: str

    @classmethod
    def of(cls, owner: str, name: str) -> "Group | None":
        """Return a VM's group; None where the name is empty, so that the VM has none."""
        return cls(owner, name) if name else None


def not_the_host(request: PlacementRequest, host: str) -> Refusal | None:
    """Return the refusal of a host that is not the one that a request names; None: it may be.

    Args:
        request: what is to be placed.
        host: name of the host.
    """
    if request.host in ("", host):
        return None
    return Refusal(Code.NOT_REQUESTED, reason=f"the request is for host {request.host}")


def not_apart(request: PlacementRequest, host: str, groups: Mapping[str, Group]) -> Refusal | None:
    """Return the refusal of a host that has a VM of a request's group; None: it has none.

    Args:
        request: what is to be placed.
        host: name of the host.
        groups: the groups of its VMs and of those that are reserved on it, by the VMs' names.
    """
    group = Group.of(request.owner, request.anti_affinity)
    members = sorted(name for name, each in groups.items() if each == group)
    if not members:
        return None
    return Refusal(Code.AFFINITY, reason=f"{members[0]} of the same group is on host {host}")
