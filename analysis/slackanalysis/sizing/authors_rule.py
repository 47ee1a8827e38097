"""The sizes of vNodes as the paper's simulator has them, for a comparison with the published table.

The simulator (the authors' extension of CloudSim Plus, `VmSchedulerMultiClusters`) needs these CPUs
of a host, from its vCPUs by level: those of 1:1, and the smaller one of

- `ceil(vCPUs of 2:1 / 2) + ceil(vCPUs of 3:1 / 3)`, each level by itself, and
- `ceil(vCPUs of 2:1 and 3:1 / 2)`, both in one pool at the ratio of 2:1;

where one VM alone would be oversubscribed with itself, it counts with all of its vCPUs. It has no
rule of the largest VM: VMs of 1 and 8 vCPUs at 3:1 have 3 CPUs. It takes the first host that has
room: it compares the progress of a host with itself.

This is no rule of `slackvm.model`, and nothing but the comparison uses it.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from slackanalysis.sizing.hosts import Hosts, HostSize
from slackanalysis.sizing.trials import PlacementRun
from slackanalysis.workload.requests import RequestList

PAPER, AUTHORS = "paper", "authors"
SIZE_RULES = (PAPER, AUTHORS)
"""Names of the rules: that of the paper, which `slackvm.model` keeps, and that of its simulator."""

POLICY = "first-fit"

_LEVELS = (1.0, 2.0, 3.0)
_MORE_HOSTS = 64


def check_question(size_rule: str, hosts: Hosts, policy: str, count: int | None) -> None:
    """Refuse a question that the rule of the simulator cannot answer.

    Raises:
        ValueError: the rule does not support the request; the message says what it supports.
    """
    if size_rule == PAPER:
        return
    if policy != POLICY:
        raise ValueError(f"size rule {AUTHORS} goes with the policy {POLICY}, not with {policy}")
    if not isinstance(hosts, HostSize):
        raise ValueError(f"size rule {AUTHORS} goes with hosts of one kind, not with {hosts}")
    if count is not None:
        raise ValueError(f"size rule {AUTHORS} finds the smallest number of hosts; none is given")


def needed_cpus(vcpus: NDArray[np.int64], vms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the CPUs that hosts need.

    Args:
        vcpus: vCPUs of 1:1, 2:1 and 3:1, shape (3, hosts).
        vms: number of VMs of each level, shape (3, hosts).

    Returns:
        Shape (hosts,).
    """
    apart = _size(vcpus[1], vms[1], 2) + _size(vcpus[2], vms[2], 3)
    pooled = _size(vcpus[1] + vcpus[2], vms[1] + vms[2], 2)
    needed: NDArray[np.int64] = vcpus[0] + np.minimum(apart, pooled)
    return needed


def serve_by_authors_rule(
    lists: Sequence[RequestList],
    size: HostSize,
    progress: Callable[[int], object] = lambda _: None,
) -> list[PlacementRun]:
    """Serve each list by first fit on as many hosts as it takes.

    Raises:
        ValueError: a level is not 1:1, 2:1 or 3:1, or a VM is larger than a host.
    """
    runs = []
    for requests in lists:
        runs.append(_served(requests, size))
        progress(1)
    return runs


def _size(vcpus: NDArray[np.int64], vms: NDArray[np.int64], level: int) -> NDArray[np.int64]:
    return np.where(vms > 1, -(-vcpus // level), vcpus)


def _served(requests: RequestList, size: HostSize) -> PlacementRun:
    for vm in requests.vms:
        if vm.level not in _LEVELS:
            raise ValueError(
                f"VM {vm.name} of {requests.name} has level {vm.level}; size rule {AUTHORS} knows "
                "1.0, 2.0 and 3.0"
            )
        if vm.vcpus > size.cpus or vm.memory_mib > size.memory_mib:
            raise ValueError(f"VM {vm.name} of {requests.name} is larger than a host, {size}")
    vcpus, vms = (np.zeros((len(_LEVELS), _MORE_HOSTS), dtype=np.int64) for _ in range(2))
    memory, needed = (np.zeros(_MORE_HOSTS, dtype=np.int64) for _ in range(2))
    one = np.eye(len(_LEVELS), dtype=np.int64)[:, :, None]
    host_of = [0] * len(requests.vms)
    host, gained = [], []
    used = 0
    for event in requests.events.tolist():
        index, sign = (event, 1) if event >= 0 else (~event, -1)
        vm = requests.vms[index]
        level = _LEVELS.index(vm.level)
        if sign > 0:
            # The hosts in use and one that is empty.
            here = slice(0, used + 1)
            then = needed_cpus(vcpus[:, here] + vm.vcpus * one[level], vms[:, here] + one[level])
            fits = (then <= size.cpus) & (memory[here] + vm.memory_mib <= size.memory_mib)
            at = host_of[index] = int(fits.argmax())
            change = int(then[at] - needed[at])
        else:
            at = host_of[index]
            left = vcpus[:, [at]] - vm.vcpus * one[level], vms[:, [at]] - one[level]
            change = int(needed_cpus(*left)[0] - needed[at])
        vcpus[level, at] += sign * vm.vcpus
        vms[level, at] += sign
        memory[at] += sign * vm.memory_mib
        needed[at] += change
        host.append(at)
        gained.append(change)
        used = max(used, at + 1)
        if used == len(memory):
            more = ((0, 0), (0, _MORE_HOSTS))
            vcpus, vms = np.pad(vcpus, more), np.pad(vms, more)
            memory, needed = np.pad(memory, more[1]), np.pad(needed, more[1])
    return PlacementRun(used, np.array(host, dtype=np.int64), np.array(gained, dtype=np.int64))
