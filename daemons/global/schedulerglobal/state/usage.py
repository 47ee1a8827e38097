"""What the VMs of a token use, counted host by host and only where something changed."""

from dataclasses import dataclass

from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from slackvm.model.vm import VM


@dataclass(frozen=True, slots=True)
class Usage:
    """What VMs use.

    Attributes:
        vcpus: their vCPUs.
        memory_mib: their memory in MiB.
        vms: how many they are.
    """

    vcpus: int = 0
    memory_mib: int = 0
    vms: int = 0

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum."""
        return Usage(
            self.vcpus + other.vcpus, self.memory_mib + other.memory_mib, self.vms + other.vms
        )

    @classmethod
    def of(cls, vm: VM) -> "Usage":
        """Return what one VM uses."""
        return cls(vm.vcpus, vm.memory_mib, 1)


def usage(cluster: Cluster, owner: str) -> Usage:
    """Return what the VMs, reservations and lost VMs of an owner use; the lock is held."""
    total = Usage()
    for host in cluster.hosts:
        if owner in (used := _used_on(host)):
            total = total.plus(used[owner])
    for lost in cluster.lost:
        # One that is being rebuilt is counted by its reservation.
        is_counted = any(lost.name in host.reservations for host in cluster.holders(lost.name))
        if lost.spec.owner == owner != "" and not is_counted:
            total = total.plus(Usage.of(lost.spec.vm))
    return total


def _used_on(host: HostRecord) -> dict[str, Usage]:
    """Return what the VMs on a host use, by owner."""
    revision, used = host.usage
    if revision != host.revision:
        used = {}
        for name, vm in host.placed_vms.items():
            if owner := host.owner_of(name):
                used[owner] = used.get(owner, Usage()).plus(Usage.of(vm))
        host.usage = host.revision, used
    return used
