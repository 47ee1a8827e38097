"""Choosing the host of a VM, and telling why the others are not it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from slackvm.model.codes import Code
from slackvm.model.placement import Placement, PlacementRequest, place
from slackvm.model.policies import Policy
from slackvm.model.refusal import Refusal, most_transient


@dataclass(frozen=True)
class Decision:
    """What became of the search for a host; holds until the cluster changes.

    Attributes:
        request: the VM, its labels, and the labels that its host must have.
        hosts: all hosts.
        placement: what the policy makes of them, by their index.
        refused: hosts that refuse for reasons beside their room.
        refusal_of: returns why the host of an index refuses by its room.
    """

    request: PlacementRequest
    hosts: list[HostRecord]
    placement: Placement
    refused: Mapping[HostRecord, Refusal]
    refusal_of: Callable[[int, PlacementRequest], Refusal | None]

    @property
    def host(self) -> HostRecord | None:
        """The best host; None: no host takes it."""
        index = self.placement.host
        return None if index is None else self.hosts[index]

    def refusal(self, host: HostRecord) -> Refusal | None:
        """Return why a host does not take it; None where it does."""
        return self.refused.get(host) or self.refusal_of(host.index, self.request)

    def why_not(self) -> Refusal:
        """Return why no host takes it: what is most likely to pass."""
        refusals = [refusal for host in self.hosts if (refusal := self.refusal(host))]
        return most_transient(refusals)


def choose(
    cluster: Cluster,
    policy: Policy,
    request: PlacementRequest,
    refused: Mapping[HostRecord, Refusal] | None = None,
) -> Decision:
    """Return where a VM goes, and why; called under the cluster's lock.

    Args:
        cluster: the hosts.
        policy: scores them.
        request: the VM, its labels, and the labels that its host must have.
        refused: hosts that already refused it.
    """
    taken = {host: Refusal(Code.NAME_TAKEN) for host in cluster.unmanaged_holders(request.vm.name)}
    outdated = cluster.outdated_hosts(request.labels)
    refused = {**outdated, **taken, **(refused or {})}
    excluded = [host.index for host in refused if not host.forgotten]
    placement = place(cluster.fleet, request, policy, excluded)
    return Decision(request, cluster.hosts, placement, refused, cluster.fleet.refusal)
