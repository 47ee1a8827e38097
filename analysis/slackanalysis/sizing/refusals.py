"""VMs that no host of a cluster takes, and why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slackvm.model import VM
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal, most_transient, size_refusal

CODES = ("no_cpu", "no_memory", "too_large", "excluded_by_policy")
"""Reasons of refusals, as `slackvm.model.refusal` names them."""


@dataclass(frozen=True, slots=True)
class RefusedVM:
    """A VM that no host took.

    Attributes:
        vm: its index in the list of requests.
        code: the reason that the controller would give: that of the host that lacks least.
        hosts_with_cpus: number of hosts that had the CPUs for it.
        hosts_with_memory: number of hosts that had the memory. Where both numbers are above 0, no
            host had both: the room is fragmented.
    """

    vm: int
    code: str
    hosts_with_cpus: int
    hosts_with_memory: int


def refused_vm(
    index: int,
    vm: VM,
    growth: NDArray[np.int64],
    cpus_free: NDArray[np.int64],
    memory_free_mib: NDArray[np.int64],
    cpus: NDArray[np.int64],
    memory_mib: NDArray[np.int64],
) -> RefusedVM:
    """Return why none of some hosts takes a VM.

    Args:
        index: the VM's index in the list of requests.
        vm: the VM.
        growth: CPUs that its vNode would gain, shape (hosts,), as all that follow.
        cpus_free: CPUs that no vNode owns.
        memory_free_mib: MiB that no VM has.
        cpus: all CPUs of each host.
        memory_mib: all its MiB.
    """
    # Hosts with equal numbers give equal reasons.
    numbers = np.unique(np.stack([growth, cpus_free, memory_free_mib, cpus, memory_mib]), axis=1)
    refusals = (size_refusal(vm, *host) for host in numbers.T.tolist())
    by_policy = Refusal(Code.EXCLUDED_BY_POLICY)
    reason = most_transient(refusal or by_policy for refusal in refusals)
    return RefusedVM(
        index,
        reason.code if len(cpus) else "no_cpu",
        int(np.count_nonzero(growth <= cpus_free)),
        int(np.count_nonzero(memory_free_mib >= vm.memory_mib)),
    )
