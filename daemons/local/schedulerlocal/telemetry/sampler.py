"""What the host and its VMs use, sampled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import time as wall_clock

import psutil

from schedulerlocal.agent.view import View
from schedulerlocal.hypervisor import RUNNING, ObservedVM, Usage

DECIMALS = 5


@dataclass(frozen=True, slots=True)
class GuestUse:
    """What a VM used since the sample before.

    Attributes:
        guest: the VM.
        cpu: use of its vCPUs, 0..1.
        wait: share of the time that its vCPUs waited for a CPU, 0..1; None: not measured.
        memory: use of its memory, 0..1.
    """

    guest: ObservedVM
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
        guests: our VMs' use by name; a stopped one uses nothing.
        view: the host when it was taken.
        taken: when it was taken, by the machine's clock, for those outside who compare with it.
    """

    time: float
    host_cpu: float
    host_memory: float
    guests: Mapping[str, GuestUse] = field(default_factory=dict)
    view: View = field(default_factory=View)
    taken: float = field(default_factory=wall_clock, compare=False)

    @property
    def vnodes(self) -> Mapping[float, list[GuestUse]]:
        """The use of each vNode's VMs, by level."""
        members: dict[float, list[GuestUse]] = {level: [] for level in self.view.vnodes}
        for name, use in self.guests.items():
            if use.guest.order and name not in self.view.unaccommodated:
                members[use.guest.order.vm.level].append(use)
        return members


def cpus_used(uses: Iterable[GuestUse]) -> float:
    """Return how many CPUs VMs used together."""
    return round(sum(use.cpu * use.guest.vcpus for use in uses), DECIMALS)


def share_waited(uses: Iterable[GuestUse]) -> float:
    """Return the share of their time that the vCPUs of the running VMs waited for a CPU, 0..1."""
    running = [use for use in uses if use.guest.state == RUNNING]
    vcpus = sum(use.guest.vcpus for use in running)
    waited = sum((use.wait or 0.0) * use.guest.vcpus for use in running)
    return round(waited / vcpus, DECIMALS) if vcpus else 0.0


class Sampler:
    """OperationLock counters that only grow into use per sample.

    Args:
        cpus: CPUs of the host.
        memory_mib: MiB of the host.
        is_simulated: whether the host's own use is what its VMs use, since they are made up.
    """

    def __init__(self, cpus: int, memory_mib: int, *, is_simulated: bool) -> None:
        self._cpus = cpus
        self._memory_mib = memory_mib
        self._is_simulated = is_simulated
        self._before: dict[str, Usage] = {}
        self._since: float | None = None
        psutil.cpu_percent()

    def sample(self, view: View, usage: list[Usage], time: float) -> Sample | None:
        """Return the use since the sample before, at `time` in seconds since the epoch.

        None: it is the first; what VMs used before that was in a time that nobody knows.
        """
        now = {each.uuid: each for each in usage}
        since, before = self._since, self._before
        self._since, self._before = time, now
        if since is None:
            return None
        guests = {
            name: _use(guest, before.get(guest.uuid), now.get(guest.uuid), since, time)
            for name, guest in view.guests.items()
        }
        if self._is_simulated:
            cpu = cpus_used(guests.values()) / self._cpus
            used_mib = sum(use.memory * use.guest.memory_mib for use in guests.values())
            memory = used_mib / self._memory_mib
        else:
            cpu = psutil.cpu_percent() / 100
            memory = psutil.virtual_memory().percent / 100
        return Sample(time, round(min(cpu, 1.0), DECIMALS), round(memory, DECIMALS), guests, view)


def _use(
    guest: ObservedVM, before: Usage | None, now: Usage | None, since: float, time: float
) -> GuestUse:
    if now is None:
        return GuestUse(guest, 0.0, 0.0, 0.0)
    if before is None or before.cpu_s > now.cpu_s:
        # It was started after the sample before, and maybe made.
        before = Usage(guest.uuid, 0.0, 0.0, 0.0)
        since = max(since, guest.order.created if guest.order else since)
    vcpu_s = (time - since) * guest.vcpus
    memory = now.memory_mib / guest.memory_mib
    if vcpu_s <= 0:
        return GuestUse(guest, 0.0, None, round(memory, DECIMALS))
    cpu = (now.cpu_s - before.cpu_s) / vcpu_s
    wait = None
    if now.wait_s is not None and before.wait_s is not None:
        wait = _share((now.wait_s - before.wait_s) / vcpu_s)
    return GuestUse(guest, _share(cpu), wait, round(memory, DECIMALS))


def _share(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), DECIMALS)
