"""Serving a list of requests on a cluster that exists on paper, and how many hosts it takes."""

import math

import numpy as np

from slackanalysis.sizing.hosts import Hosts
from slackanalysis.sizing.trials import PlacementRun, Trial, run_trials
from slackanalysis.workload.requests import RequestList
from slackvm.model import VM, Policy
from slackvm.model.vm import MILLI


def serve_on_fewest(requests: RequestList, hosts: Hosts, policy: Policy) -> PlacementRun:
    """Serve a list on the smallest number of hosts that refuses nobody.

    Raises:
        ValueError: a VM is larger than every host, and the message names it; or the policy fails.
    """
    return run_trials([fewest(requests, hosts)], policy)[0]


def fewest(requests: RequestList, hosts: Hosts) -> Trial:
    """Return the trial that finds the smallest number of hosts that refuses nobody.

    Numbers are tried upward from the volume bound, since with some policies one host more may
    refuse a VM that one host fewer takes; of several kinds, from the first host that is large
    enough for each VM.

    Raises:
        ValueError: a VM is larger than every host, and the message names it.
    """
    # Lists have many VMs and few sizes.
    first_of_size = {(vm.vcpus, vm.memory_mib): vm for vm in reversed(requests.vms)}
    large_enough = [_first_host(requests, vm, hosts) for vm in reversed(first_of_size.values())]
    count = max(volume_bound(requests, hosts), 1 + max(large_enough, default=-1))
    return Trial(requests, hosts, count)


def volume_bound(requests: RequestList, hosts: Hosts) -> int:
    """Return the number of hosts that no placement can stay below.

    It is the smallest number whose CPUs and memory, in sum, hold at every time the sum of
    allocation / level and the sum of MiB, as if VMs could be cut to any size. Of equal hosts that
    is the maximum over time of `max(ceil(sum of allocation / level / CPUs of a host), ceil(sum of
    MiB / MiB of a host))`; of several kinds, of the first hosts of the pattern.
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
    return hosts.fewest(-(-most_units // unit), most_memory)


def _first_host(requests: RequestList, vm: VM, hosts: Hosts) -> int:
    """Return the index of the first host that is large enough for a VM."""
    first = hosts.first_that_has(vm.vcpus, vm.memory_mib)
    if first is not None:
        return first
    kinds = hosts.kinds
    which = f"VM {vm.name}{f' of {requests.name}' if requests.keys else ''}"
    for needed, there, unit in (
        (vm.vcpus, max(kind.cpus for kind in kinds), "CPUs"),
        (vm.memory_mib, max(kind.memory_mib for kind in kinds), "MiB"),
    ):
        if needed > there:
            most = "a host has" if len(kinds) == 1 else "the largest host has"
            raise ValueError(f"{which} needs {needed} {unit}, {most} {there}")
    raise ValueError(
        f"{which} needs {vm.vcpus} CPUs and {vm.memory_mib} MiB, and no kind of host has both"
    )
