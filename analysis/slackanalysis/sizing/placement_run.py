"""A cluster of equal hosts that serves a list of requests, and how many hosts it takes.

Every decision is `slackvm.model`'s, as on the controller of a real cluster.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackanalysis.workload.requests import RequestList
from slackvm.model import POLICIES, VM, Fleet, HostSummary, Policy, place
from slackvm.model.vm import MILLI

OPENING_LAST = (POLICIES["first-fit"], POLICIES["progress-packed"])
"""Policies that use an empty host only where no other takes the VM, and then the first."""


@dataclass(frozen=True, slots=True)
class HostSize:
    """What each host of a cluster offers: CPUs and MiB."""

    cpus: int
    memory_mib: int


@dataclass(frozen=True)
class PlacementRun:
    """What became of a list of requests on a cluster that refused none.

    Attributes:
        hosts: number of hosts of the cluster.
        host: index of the host at which each event of the list happened, shape (events,).
        gained: CPUs that its vNodes gained by it, below 0 where they lost some, shape (events,).
    """

    hosts: int
    host: NDArray[np.int64]
    gained: NDArray[np.int64]


def serve(
    requests: RequestList, size: HostSize, hosts: int, policy: Policy, *, may_grow: bool = False
) -> PlacementRun | None:
    """Serve a list on `hosts` empty hosts; return None if a request is refused.

    Args:
        requests: the list.
        size: what each host offers.
        hosts: number of hosts.
        policy: which of those that take a VM gets it.
        may_grow: add an empty host where a request would be refused.

    Raises:
        ValueError: the policy's scores are none.
    """
    fleet = Fleet(_empty(number, size) for number in range(hosts))
    vms = requests.vms
    host_of = [0] * len(vms)
    where, gained = [], []
    for event in requests.events.tolist():
        if event >= 0:
            host = place(fleet, vms[event], policy).host
            if host is None:
                if not may_grow:
                    return None
                host = fleet.add(_empty(len(fleet), size))
            host_of[event] = host
            gained.append(fleet.take(host, vms[event]))
        else:
            host = host_of[~event]
            gained.append(-fleet.give_back(host, vms[~event]))
        where.append(host)
    return PlacementRun(
        len(fleet), np.array(where, dtype=np.int64), np.array(gained, dtype=np.int64)
    )


def serve_on_fewest(requests: RequestList, size: HostSize, policy: Policy) -> PlacementRun:
    """Serve a list on the smallest number of hosts that refuses nobody.

    Numbers are tried upward from the volume bound, since with some policies one host more may
    refuse a VM that one host fewer takes.

    Raises:
        ValueError: a VM is larger than a host, and the message names it; or the policy's scores
            are none.
    """
    for vm in requests.vms:
        _check_fits(requests, vm, size)
    hosts = volume_bound(requests, size)
    # With such a policy a host more changes nothing until the others refuse a VM, so that a trial
    # need not begin anew.
    may_grow = policy in OPENING_LAST
    while (run := serve(requests, size, hosts, policy, may_grow=may_grow)) is None:
        hosts += 1
    return run


def volume_bound(requests: RequestList, size: HostSize) -> int:
    """Return the number of hosts that no placement can stay below.

    It is the maximum over time of `max(ceil(sum of allocation / level / CPUs of a host), ceil(sum
    of MiB / MiB of a host))`, as if VMs could be cut to any size.
    """
    if not requests.vms:
        return 0
    # Whole numbers: allocations are summed up in the smallest unit that divides every level's CPU.
    millis = np.array([vm.milli for vm in requests.vms], dtype=object)
    unit = math.lcm(*set(millis.tolist()))
    vcpus = np.array([vm.vcpus for vm in requests.vms], dtype=object)
    memory = np.array([vm.memory_mib for vm in requests.vms], dtype=object)
    is_arrival = requests.events >= 0
    vm = np.where(is_arrival, requests.events, ~requests.events)
    sign = np.where(is_arrival, 1, -1)
    most_units = int(np.cumsum(sign * (vcpus * MILLI * unit // millis)[vm]).max())
    most_memory = int(np.cumsum(sign * memory[vm]).max())
    return max(-(-most_units // (unit * size.cpus)), -(-most_memory // size.memory_mib))


def _empty(number: int, size: HostSize) -> HostSummary:
    return HostSummary(f"host{number}", size.cpus, size.memory_mib, size.cpus, size.memory_mib, {})


def _check_fits(requests: RequestList, vm: VM, size: HostSize) -> None:
    for needed, there, unit in (
        (vm.vcpus, size.cpus, "CPUs"),
        (vm.memory_mib, size.memory_mib, "MiB"),
    ):
        if needed > there:
            which = f" of {requests.name}" if requests.keys else ""
            raise ValueError(f"VM {vm.name}{which} needs {needed} {unit}, a host has {there}")
