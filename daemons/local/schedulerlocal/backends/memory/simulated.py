"""A simulated VM and its use."""

import hashlib
import math
from dataclasses import dataclass

from schedulerlocal.hypervisor import PowerState, Usage, VMSpec

DAY_S = 8640
"""Seconds of a day in the workloads of the paper, after which use repeats."""


@dataclass(frozen=True)
class SimulatedVM:
    """A VM without a guest.

    Attributes:
        spec: what it was created as.
        pins: CPUs that it may use, ascending.
        state: whether it runs.
        since: when it was started last, in seconds since the epoch.
    """

    spec: VMSpec
    pins: tuple[int, ...]
    state: PowerState
    since: float


def simulated_usage(vm: SimulatedVM, now: float) -> Usage:
    """Return the use since the VM's start: a daily wave around a mean, both drawn from its UUID.

    CPU time is the integral of `vcpus * (mean + swing * sin)`.

    Args:
        vm: the VM, running.
        now: in seconds since the epoch.
    """
    drawn = hashlib.sha256(vm.spec.uuid.encode()).digest()
    mean = 0.1 + 0.5 * drawn[0] / 255
    swing = min(mean, 1 - mean) * drawn[1] / 255
    phase = 2 * math.pi * drawn[2] / 255
    frequency = 2 * math.pi / DAY_S

    def wave(time: float) -> float:
        return -math.cos(frequency * time + phase) / frequency

    ran = max(now - vm.since, 0.0)
    cpu_s = mean * ran + swing * (wave(now) - wave(vm.since))
    memory_mib = vm.spec.vm.memory_mib * (0.3 + 0.6 * drawn[3] / 255)
    return Usage(vm.spec.uuid, vm.spec.vm.vcpus * max(cpu_s, 0.0), None, memory_mib)
