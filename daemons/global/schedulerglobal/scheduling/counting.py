"""How many VMs of a mix some hosts take, and how many hosts some VMs need: pure computation."""

import heapq
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schedulerglobal.scheduling.placement import place_by, policy_failed
from slackvm.api.base import memory_mib
from slackvm.api.errors import RestError
from slackvm.api.scheduling import HostSize, MixPart
from slackvm.model.codes import Code
from slackvm.model.placement import Fleet, PlacementRequest, Policy, PolicyError
from slackvm.model.policies import POLICIES
from slackvm.model.refusal import most_transient
from slackvm.model.summary import HostSummary
from slackvm.model.vm import VM

MOST_PLACED = 2_000_000
"""VMs of several sizes that are placed one by one, about; more are refused at once."""

MOST_SCORED = 400_000_000
"""Hosts that are scored for one answer, each as often as it is scored."""

Counts = tuple[int, ...]
"""VMs of a host, of each part of the mix."""

_SELECTED_PER_SCORED = 64
"""Of so many scores that are known the highest is found in the time that scoring a host takes."""


class Budget:
    """What one answer may cost.

    Args:
        seconds: CPU time of this process that the count may take.
    """

    def __init__(self, seconds: float) -> None:
        self._scores_left = MOST_SCORED
        self._until = time.process_time() + seconds

    def spend(self, scores: int) -> None:
        """Count hosts that were scored.

        Raises:
            RestError: the budget is used up.
        """
        self._scores_left -= scores
        if self._scores_left < 0 or time.process_time() > self._until:
            raise _too_much("it takes too long to count them")


def count(fleet: Fleet, policy: Policy, mix: list[MixPart], budget: Budget) -> list[int]:
    """Place VMs of a mix until no host takes the next one; return how many each host takes.

    The hosts are changed.

    Raises:
        RestError: the count would exceed the budget, or the policy fails.
    """
    try:
        if policy.host_local and len(mix) == 1:
            return _fill(fleet, policy, next(dealt(mix)), budget)
        if policy is POLICIES.get(policy.name):
            return _place_by_numbers(fleet, policy, mix, budget)
    except PolicyError as error:
        raise policy_failed(policy, error) from error
    return _place(fleet, policy, mix, budget)


def hosts_needed(
    policy: Policy, mix: list[MixPart], number: int, size: HostSize, budget: Budget
) -> int:
    """Return how many hosts of a size a number of VMs need: one is added whenever none takes a VM.

    Raises:
        RestError: an empty host refuses a VM, the budget is used up, or the policy fails.
    """
    memory = memory_mib(size.memory_gib)
    fleet = Fleet([])
    vms = dealt(mix)
    for _ in range(number):
        request = PlacementRequest(next(vms))
        host = place_by(policy, fleet, request).host
        budget.spend(len(fleet))
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
    sizes = [(part.vcpus, memory_mib(part.memory_gib), part.level) for part in mix]
    for index, number in dealt_parts(mix):
        yield VM(f"{index}.{number}", *sizes[index])


def dealt_parts(mix: list[MixPart]) -> Iterator[tuple[int, int]]:
    """Yield the index of each VM's part, and its number in this part, as they are dealt out."""
    # A part's k-th VM is due at (k - 1/2) / share; of those due at once the first part's is first.
    due = [(0.5 / part.share, index, 1) for index, part in enumerate(mix)]
    heapq.heapify(due)
    while True:
        _, index, number = due[0]
        heapq.heapreplace(due, ((number + 0.5) / mix[index].share, index, number + 1))
        yield index, number


def _fill(fleet: Fleet, policy: Policy, vm: VM, budget: Budget) -> list[int]:
    """Count VMs of one size: each host takes as many as it can, whatever the others do.

    So all hosts are filled together, one VM each at a time.
    """
    taken = np.zeros(len(fleet), dtype=np.int64)
    request = PlacementRequest(vm)
    while True:
        candidates = fleet.consider(request)
        scores = policy.scores(candidates, policy.accepted(candidates))
        _check_numbers(scores, fleet)
        takes_it = np.flatnonzero(scores > -np.inf)
        if not len(takes_it):
            return [int(each) for each in taken]
        budget.spend(len(fleet))
        fleet.fill(takes_it, vm)
        taken[takes_it] += 1


def _place_by_numbers(
    fleet: Fleet, policy: Policy, mix: list[MixPart], budget: Budget
) -> list[int]:
    """Count by a policy that looks at nothing but the request's size and a host's numbers.

    After a VM, only its host is scored again, and not even that if a host that had the same numbers
    at the beginning was scored with as many VMs of each size. The fleet gets the VMs of a host when
    it is scored.
    """
    _check_number(fleet, mix)
    requests = [
        PlacementRequest(VM(str(index), part.vcpus, memory_mib(part.memory_gib), part.level))
        for index, part in enumerate(mix)
    ]
    everywhere = np.arange(len(fleet))
    scores = _scores(fleet, policy, requests, everywhere)
    budget.spend(scores.size)
    in_use = np.array([each.cpus_free < each.cpus for each in fleet.summaries], dtype=np.bool_)
    kinds: dict[bytes, int] = {}
    kind = [kinds.setdefault(fleet.numbers(host), len(kinds)) for host in everywhere.tolist()]
    known: dict[tuple[int, Counts], NDArray[np.float64]] = {}
    none: Counts = (0,) * len(mix)
    taken, in_fleet = [none] * len(fleet), [none] * len(fleet)
    for part, _ in dealt_parts(mix):
        if not taken:
            break
        of_part = scores[part]
        if policy.used_first and in_use.any():
            used = np.where(in_use, of_part, -np.inf)
            of_part = used if used.max() > -np.inf else of_part
        host = int(of_part.argmax())
        if of_part.item(host) == -np.inf:
            break
        before = taken[host]
        now = taken[host] = (*before[:part], before[part] + 1, *before[part + 1 :])
        in_use[host] = True
        again = known.get((kind[host], now))
        if again is None:
            here = everywhere[host : host + 1]
            for request, wanted, there in zip(requests, now, in_fleet[host], strict=True):
                if wanted > there:
                    fleet.fill(here, request.vm, wanted - there)
            in_fleet[host] = now
            again = known[kind[host], now] = _scores(fleet, policy, requests, here)[:, 0]
            budget.spend(_SELECTED_PER_SCORED)
        scores[:, host] = again
        budget.spend(1 + len(fleet) // _SELECTED_PER_SCORED)
    return [sum(counts) for counts in taken]


def _scores(
    fleet: Fleet, policy: Policy, requests: list[PlacementRequest], hosts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the scores of hosts for each request, shape (requests, hosts)."""
    scores = np.empty((len(requests), len(hosts)))
    for index, request in enumerate(requests):
        candidates = fleet.consider_some(request, hosts)
        scores[index] = policy.scores(candidates, policy.accepted(candidates))
    return scores


def _place(fleet: Fleet, policy: Policy, mix: list[MixPart], budget: Budget) -> list[int]:
    """Count by any policy: VMs are placed one by one, and each host is scored for each of them."""
    taken = [0] * len(fleet)
    for vm in dealt(mix):
        host = place_by(policy, fleet, PlacementRequest(vm)).host
        if host is None:
            break
        budget.spend(len(fleet))
        fleet.take(host, vm)
        taken[host] += 1
    return taken


def _check_number(fleet: Fleet, mix: list[MixPart]) -> None:
    """Refuse a count of which it is certain enough from the start that it takes too long."""
    shares = sum(part.share for part in mix)
    memory = sum(part.share * memory_mib(part.memory_gib) for part in mix) / shares
    cpus = sum(part.share * part.vcpus / part.level for part in mix) / shares
    free = [each for each in fleet.summaries if not each.unschedulable]
    by_memory = sum(each.memory_free_mib for each in free) / memory
    by_cpus = sum(each.cpus_free for each in free) / cpus
    if min(by_memory, by_cpus) > MOST_PLACED:
        raise _too_much(f"more than {MOST_PLACED:,} fit")


def _check_numbers(scores: NDArray[np.float64], fleet: Fleet) -> None:
    if np.isnan(scores).any():
        host = fleet.names[int(np.isnan(scores).argmax())]
        raise PolicyError(f"the policy's score of host {host} is not a number")


def _too_much(why: str) -> RestError:
    message = f"{why}; ask for larger VMs, or for one size at a time"
    return RestError(Code.TOO_MUCH, message, field="mix")
