"""How many more VMs of a mix the cluster takes, and how many hosts some would need."""

import heapq
from collections.abc import Iterator

from schedulerglobal.cluster import Cluster
from slackvm.model.fleet import Fleet
from slackvm.model.placement import place
from slackvm.model.policies import Policy
from slackvm.model.summary import HostSummary
from slackvm.model.vm import VM
from slackvm.rest.cluster import CapacityReply, CapacityRequest, HostCapacity, HostSize, MixPart
from slackvm.service.errors import RestError
from slackvm.service.fields import memory_mib

MOST_VMS = 100_000
"""VMs that are placed for one answer; it bounds the time that an answer takes."""


def capacity(cluster: Cluster, policy: Policy, request: CapacityRequest) -> CapacityReply:
    """Return how many more VMs of a mix fit, by placing them on a copy of the cluster.

    Raises:
        RestError: the request does not make sense, or takes too much work.
    """
    if (request.count is None) != (request.host is None):
        missing = "host" if request.host is None else "count"
        raise _invalid(missing, "count and host go together: how many VMs, on hosts of which size")
    needed = None
    if request.count is not None and request.host is not None:
        needed = hosts_needed(policy, request.mix, request.count, request.host)
    with cluster.lock:
        fleet = Fleet(member.summary() for member in cluster.members)
    taken = [0] * len(fleet)
    for number, vm in enumerate(dealt(request.mix)):
        host = place(fleet, vm, policy).host
        if host is None:
            break
        if number == MOST_VMS:
            raise _too_much("mix", f"the cluster takes more than {MOST_VMS} such VMs")
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
    """Return how many hosts of a size `count` VMs need, a host added whenever none takes a VM.

    Raises:
        RestError: a VM is larger than a host, or there are too many.
    """
    if count > MOST_VMS:
        raise _too_much("count", f"at most {MOST_VMS} VMs are counted")
    memory = memory_mib(size.memory_gib)
    empty = HostSummary("", size.cpus, memory, size.cpus, memory, {})
    fleet = Fleet([])
    vms = dealt(mix)
    for _ in range(count):
        vm = next(vms)
        host = place(fleet, vm, policy).host
        if host is None:
            host = fleet.add(empty)
            if refusal := fleet.refusal(host, vm):
                raise _invalid("host", f"a VM of the mix is too large for it: {refusal.message}")
        fleet.take(host, vm)
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


def _invalid(field: str, message: str) -> RestError:
    return RestError(400, "invalid", message, field=field)


def _too_much(field: str, message: str) -> RestError:
    return RestError(400, "too_much", f"{message}; ask for fewer or larger ones", field=field)
