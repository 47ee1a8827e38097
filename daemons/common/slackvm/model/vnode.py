"""A vNode: the CPUs of one host given to one level, and the VMs of that level on it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from slackvm.model.vm import VM, milli_level, size_in_cpus


@dataclass(frozen=True)
class VNode:
    """One level's share of a host; a changed vNode is a new object.

    Attributes:
        level: vCPUs that may share one CPU.
        positions: its CPUs as positions in the host's topology, in the order taken.
        vms: its VMs by name, in the order of their arrival.
    """

    level: float
    positions: tuple[int, ...]
    vms: Mapping[str, VM]

    @property
    def owned(self) -> int:
        """CPUs that it owns."""
        return len(self.positions)

    @cached_property
    def allocation(self) -> int:
        """Sum of its VMs' vCPUs, before oversubscription."""
        return sum(vm.vcpus for vm in self.vms.values())

    @cached_property
    def largest(self) -> int:
        """Number of vCPUs of its largest VM; 0 without VMs."""
        return max((vm.vcpus for vm in self.vms.values()), default=0)

    @cached_property
    def memory_mib(self) -> int:
        """MiB of its VMs; memory is never oversubscribed."""
        return sum(vm.memory_mib for vm in self.vms.values())

    @property
    def size(self) -> int:
        """CPUs that it must own for the VMs it has (see `size_in_cpus`)."""
        return size_in_cpus(self.allocation, self.largest, milli_level(self.level))

    def with_vm(self, vm: VM) -> "VNode":
        """Return the vNode with one VM more, its CPUs unchanged."""
        return replace(self, vms={**self.vms, vm.name: vm})

    def without_vm(self, name: str) -> "VNode":
        """Return the vNode without that VM, its CPUs unchanged."""
        return replace(self, vms={key: vm for key, vm in self.vms.items() if key != name})

    def gaining(self, positions: list[int]) -> "VNode":
        """Return the vNode with CPUs added at the end."""
        return replace(self, positions=(*self.positions, *positions))

    def losing(self, positions: list[int]) -> "VNode":
        """Return the vNode without these CPUs, the order of the others kept."""
        gone = set(positions)
        return replace(self, positions=tuple(p for p in self.positions if p not in gone))
