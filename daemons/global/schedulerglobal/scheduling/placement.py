"""The host of a VM, and why the others are not chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from slackvm.api.errors import RestError
from slackvm.model.codes import Code
from slackvm.model.placement import (
    Fleet,
    Group,
    Placement,
    PlacementRequest,
    Policy,
    PolicyError,
    not_apart,
    not_the_host,
    place,
)
from slackvm.model.refusal import Refusal, most_transient

LABELS_SINCE = 2
"""The first version of the REST interface whose hosts keep labels of VMs."""

MOST_SHOWN = 10
"""Hosts whose reasons one message tells."""


@dataclass(frozen=True)
class Decision:
    """The result of the search for a host; it holds until the cluster changes.

    Attributes:
        hosts: all hosts.
        placement: the policy's choice and scores, by the hosts' index.
        refused: hosts that refuse for other reasons than their resources.
        fleet: the hosts in numbers.
    """

    hosts: list[HostRecord]
    placement: Placement
    refused: Mapping[HostRecord, Refusal]
    fleet: Fleet

    @property
    def host(self) -> HostRecord | None:
        """The best host; None: no host takes the VM."""
        index = self.placement.host
        return None if index is None else self.hosts[index]

    def refusal(self, host: HostRecord) -> Refusal | None:
        """Return why a host does not take the VM; None if it does."""
        return self.refused.get(host) or self.placement.refusal(self.fleet, host.index)

    def why_not(self) -> Refusal:
        """Return why no host takes the VM: the reason that is most likely to pass."""
        refusals = [refusal for host in self.hosts if (refusal := self.refusal(host))]
        refusal = most_transient(refusals)
        if refusal.code == Code.AFFINITY:
            reasons = [each.reason for each in refusals if each.code == Code.AFFINITY]
            return replace(refusal, reason=_in_short(reasons))
        return refusal


def choose(
    cluster: Cluster,
    policy: Policy,
    request: PlacementRequest,
    refused: Mapping[HostRecord, Refusal] | None = None,
) -> Decision:
    """Return the best host for a VM; the caller holds the cluster's lock.

    Args:
        cluster: the hosts.
        policy: chooses one of the hosts that take the VM.
        request: the VM, and what it demands of its host.
        refused: hosts that already refused it.

    Raises:
        RestError: the policy fails, or the request names a host that is not in the cluster.
    """
    if request.host and cluster.find_host(request.host) is None:
        raise RestError(
            Code.HOST_NOT_FOUND, f"there is no host {request.host} in the cluster", field="host"
        )
    taken = {host: Refusal(Code.NAME_TAKEN) for host in cluster.unmanaged_holders(request.vm.name)}
    refused = {
        **_outdated(cluster, request),
        **_fenced(cluster),
        **_not_apart(cluster, request),
        **taken,
        **_other_hosts(cluster, request),
        **(refused or {}),
        **_others(cluster),
    }
    excluded = [host.index for host in refused if not host.forgotten]
    last = [host.index for host in cluster.suspects]
    placement = place_by(policy, cluster.fleet, request, excluded, last)
    return Decision(cluster.hosts, placement, refused, cluster.fleet)


def _fenced(cluster: Cluster) -> dict[HostRecord, Refusal]:
    return {host: Refusal(Code.HOST_FENCED) for host in cluster.hosts if host.fenced}


def _others(cluster: Cluster) -> dict[HostRecord, Refusal]:
    """Return all hosts if one of them obeys another controller: both would place VMs."""
    if not cluster.obeying_others:
        return {}
    refusal = Refusal(Code.OTHER_CONTROLLER, reason=cluster.why_places_nothing)
    return dict.fromkeys(cluster.hosts, refusal)


def place_by(
    policy: Policy,
    fleet: Fleet,
    request: PlacementRequest,
    excluded: Sequence[int] = (),
    last: Sequence[int] = (),
) -> Placement:
    """Return what `slackvm.model.place` returns.

    Raises:
        RestError: the policy fails; the message says how.
    """
    try:
        return place(fleet, request, policy, excluded, last)
    except PolicyError as error:
        raise policy_failed(policy, error) from error


def policy_failed(policy: Policy, error: PolicyError) -> RestError:
    """Return the error of a request whose policy fails."""
    return RestError(Code.POLICY_FAILED, f"policy {policy.name}: {error}")


def _not_apart(cluster: Cluster, request: PlacementRequest) -> dict[HostRecord, Refusal]:
    """Return the hosts that have a VM of the request's anti-affinity group, or a reservation."""
    group = Group.of(request.owner, request.anti_affinity)
    hosts = cluster.group_hosts(group) if group else []
    refusals = {host: not_apart(request, host.name, host.groups) for host in hosts}
    return {host: refusal for host, refusal in refusals.items() if refusal}


def _other_hosts(cluster: Cluster, request: PlacementRequest) -> dict[HostRecord, Refusal]:
    """Return the hosts that are not the one that the request names."""
    if not request.host:
        return {}
    refusals = {host: not_the_host(request, host.name) for host in cluster.hosts}
    return {host: refusal for host, refusal in refusals.items() if refusal}


def _in_short(reasons: Sequence[str]) -> str:
    more = len(reasons) - MOST_SHOWN
    return ", ".join([*reasons[:MOST_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _outdated(cluster: Cluster, request: PlacementRequest) -> dict[HostRecord, Refusal]:
    """Return the hosts whose release cannot keep all of a VM's fields."""
    if not request.labels:
        return {}
    return {
        host: Refusal(
            Code.HOST_OUTDATED, reason=f"it runs {host.report.version}, which knows no labels"
        )
        for host in cluster.hosts
        if host.report and host.api_version < LABELS_SINCE
    }
