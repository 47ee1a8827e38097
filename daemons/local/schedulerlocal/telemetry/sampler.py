"""Samples of what the host and its VMs use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import time as wall_clock

import psutil

from schedulerlocal.agent.view import View
from schedulerlocal.hypervisor import RUNNING, ObservedVM, Usage

DECIMALS = 5


@dataclass(frozen=True, slots=True)
class VMUse:
    """What a VM used since the previous sample.

    Attributes:
        vm: the VM.
        cpu: use of its vCPUs, 0..1.
        wait: share of the time that its vCPUs waited for a CPU, 0..1; None: not measured.
        memory: use of its memory, 0..1.
    """

    vm: ObservedVM
    cpu: float
    wait: float | None
    memory: float


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes:
        time: seconds since the epoch.
        host_cpu: use of the host's CPUs, 0..1.
        host_memory: use of the host's memory, 0..1.
        vms: use of the managed VMs by name; a stopped VM uses nothing.
        view: the host when it was taken.
        taken: the same by the machine's clock, for comparison with other machines.
    """

    time: float
    host_cpu: float
    host_memory: float
    vms: Mapping[str, VMUse] = field(default_factory=dict)
    view: View = field(default_factory=View)
    taken: float = field(default_factory=wall_clock, compare=False)

    @property
    def vnodes(self) -> Mapping[float, list[VMUse]]:
        """The use of each vNode's VMs, by level."""
        members: dict[float, list[VMUse]] = {level: [] for level in self.view.vnodes}
        for name, use in self.vms.items():
            if use.vm.spec and name not in self.view.unaccommodated:
                members[use.vm.spec.vm.level].append(use)
        return members


def cpus_used(uses: Iterable[VMUse]) -> float:
    """Return how many CPUs VMs used together."""
    return round(sum(use.cpu * use.vm.vcpus for use in uses), DECIMALS)


def share_waited(uses: Iterable[VMUse]) -> float:
    """Return the share of their time that the vCPUs of the running VMs waited for a CPU, 0..1."""
    running = [use for use in uses if use.vm.state == RUNNING]
    vcpus = sum(use.vm.vcpus for use in running)
    waited = sum((use.wait or 0.0) * use.vm.vcpus for use in running)
    return round(waited / vcpus, DECIMALS) if vcpus else 0.0


class Sampler:
    """Converts counters that only grow into use per sample.

    Args:
        cpus: CPUs of the host.
        memory_mib: MiB of the host.
        is_simulated: whether the host's use is the sum of its VMs' simulated use.
    """

    def __init__(self, cpus: int, memory_mib: int, *, is_simulated: bool) -> None:
        self._cpus = cpus
        self._memory_mib = memory_mib
        self._is_simulated = is_simulated
        self._before: dict[str, Usage] = {}
        self._since: float | None = None
        psutil.cpu_percent()

    def sample(self, view: View, usage: list[Usage], time: float) -> Sample | None:
        """Return the use since the previous sample; None for the first sample.

        Args:
            view: the host.
            usage: what VMs have used so far.
            time: when that was, in seconds since the epoch.
        """
        now = {each.uuid: each for each in usage}
        since, before = self._since, self._before
        self._since, self._before = time, now
        if since is None:
            return None
        vms = {
            name: _use(vm, before.get(vm.uuid), now.get(vm.uuid), since, time)
            for name, vm in view.vms.items()
        }
        if self._is_simulated:
            cpu = cpus_used(vms.values()) / self._cpus
            used_mib = sum(use.memory * use.vm.memory_mib for use in vms.values())
            memory = used_mib / self._memory_mib
        else:
            cpu = psutil.cpu_percent() / 100
            memory = psutil.virtual_memory().percent / 100
        return Sample(time, round(min(cpu, 1.0), DECIMALS), round(memory, DECIMALS), vms, view)


def _use(
    vm: ObservedVM, before: Usage | None, now: Usage | None, since: float, time: float
) -> VMUse:
    if now is None:
        return VMUse(vm, 0.0, 0.0, 0.0)
    if before is None or before.cpu_s > now.cpu_s:
        # It was started, and perhaps created, after the previous sample.
        before = Usage(vm.uuid, 0.0, 0.0, 0.0)
        since = max(since, vm.spec.created if vm.spec else since)
    vcpu_s = (time - since) * vm.vcpus
    memory = now.memory_mib / vm.memory_mib
    if vcpu_s <= 0:
        return VMUse(vm, 0.0, None, round(memory, DECIMALS))
    cpu = (now.cpu_s - before.cpu_s) / vcpu_s
    wait = None
    if now.wait_s is not None and before.wait_s is not None:
        wait = _share((now.wait_s - before.wait_s) / vcpu_s)
    return VMUse(vm, _share(cpu), wait, round(memory, DECIMALS))


def _share(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), DECIMALS)
