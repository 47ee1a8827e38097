"""How many more VMs of a mix the cluster takes, and how many hosts some would need."""

import heapq
from collections.abc import Iterator

from schedulerglobal.scheduling.placement import place_by
from schedulerglobal.state.cluster import Cluster
from slackvm.api.base import memory_mib
from slackvm.api.errors import RestError
from slackvm.api.scheduling import CapacityReply, CapacityRequest, HostCapacity, HostSize, MixPart
from slackvm.model.codes import Code
from slackvm.model.placement import Fleet, PlacementRequest, Policy
from slackvm.model.refusal import most_transient
from slackvm.model.summary import HostSummary
from slackvm.model.vm import VM

MOST_VMS = 100_000
"""VMs placed for one answer; it limits the time that an answer takes."""


def capacity(cluster: Cluster, policy: Policy, request: CapacityRequest) -> CapacityReply:
    """Return how many more VMs of a mix fit, by placing them on a copy of the cluster.

    Raises:
        RestError: more than `MOST_VMS` fit, an empty host of the given size refuses a VM, or the
            policy fails.
    """
    needed = None
    if request.count is not None and request.host is not None:
        needed = hosts_needed(policy, request.mix, request.count, request.host)
    with cluster.lock:
        fleet = Fleet(host.summary() for host in cluster.hosts)
    taken = [0] * len(fleet)
    for number, vm in enumerate(dealt(request.mix)):
        host = place_by(policy, fleet, PlacementRequest(vm)).host
        if host is None:
            break
        if number == MOST_VMS:
            message = f"the cluster takes more than {MOST_VMS} such VMs; ask for larger ones"
            raise RestError(Code.TOO_MUCH, message, field="mix")
        fleet.take(host, vm)
        taken[host] += 1
    return CapacityReply(
        vms=sum(taken),
        hosts=[
            HostCapacity(host=name, vms=vms) for name, vms in zip(fleet.names, taken, strict=True)
        ],
        hosts_needed=needed,
    )


def hosts_needed(policy: Policy, mix: list[MixPart], count: int, size: HostSize) -> int:
    """Return how many hosts of a size `count` VMs need: one is added whenever none takes a VM.

    Raises:
        RestError: an empty host refuses a VM, or the policy fails.
    """
    memory = memory_mib(size.memory_gib)
    fleet = Fleet([])
    vms = dealt(mix)
    for _ in range(count):
        request = PlacementRequest(next(vms))
        host = place_by(policy, fleet, request).host
        if host is None:
            added = fleet.add(HostSummary("", size.cpus, memory, size.cpus, memory, {}))
            placement = place_by(policy, fleet, request)
            host = placement.host
            if host is None:
                refusal = placement.refusal(fleet, added) or most_transient([])
                raise RestError(
                    refusal.code,
                    f"an empty host refuses a VM of the mix: {refusal.message}",
                    field="host",
                    needed=refusal.needed,
                    free=refusal.free,
                )
        fleet.take(host, request.vm)
    return len(fleet)


def dealt(mix: list[MixPart]) -> Iterator[VM]:
    """Yield VMs of a mix without end, dealt out by share, in an order that is always the same."""
    # A part's k-th VM is due at (k - 1/2) / share; of those due at once the first part's is first.
    due = [(0.5 / part.share, index, 1) for index, part in enumerate(mix)]
    heapq.heapify(due)
    while True:
        _, index, number = due[0]
        part = mix[index]
        heapq.heapreplace(due, ((number + 0.5) / part.share, index, number + 1))
        name = f"{index}.{number}"
        yield VM(name, part.vcpus, memory_mib(part.memory_gib), part.level)
