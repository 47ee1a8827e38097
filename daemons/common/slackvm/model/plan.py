"""A plan: what an operation would do to a host; it is decided, but not carried out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from slackvm.model.balance import pin_lists
from slackvm.model.refusal import Refusal
from slackvm.model.topology import Topology
from slackvm.model.vm import VM
from slackvm.model.vnode import VNode


class StalePlanError(ValueError):
    """The host has changed since the plan was made; plan again."""


@dataclass(frozen=True, slots=True)
class Change:
    """The CPUs (Linux's numbers, in order) that a vNode gains or loses."""

    level: float
    gains: tuple[int, ...] = ()
    loses: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What an operation on a host would do; making it changes nothing.

    Attributes:
        operation: `deploy`, `remove` or `withhold`.
        name: the VM's name.
        vm: the VM; None if a removal names a VM that does not exist.
        refusal: why it was refused; None if accepted.
        changes: vNodes whose CPUs change.
        vnodes: all vNodes after the operation, in the order of their creation.
        reserved: positions of the CPUs that would be reserved for unmanaged VMs.
        reserved_mib: memory that would be reserved for them, in MiB.
        generation: the host's generation when the plan was made.
        topology: the host's CPUs.
        critical_size: oversubscribed vNodes with fewer VMs are balanced.
    """

    operation: str
    name: str
    vm: VM | None
    refusal: Refusal | None
    changes: tuple[Change, ...]
    vnodes: tuple[VNode, ...]
    reserved: frozenset[int]
    reserved_mib: int
    generation: int
    topology: Topology
    critical_size: int

    @property
    def accepted(self) -> bool:
        """Whether it can be carried out."""
        return self.refusal is None

    @cached_property
    def pins(self) -> Mapping[str, tuple[int, ...]]:
        """The CPUs that each VM of the host must be pinned to after the operation."""
        by_level = pin_lists(self.vnodes, self.topology, self.critical_size, self.reserved)
        return {name: by_level[vnode.level] for vnode in self.vnodes for name in vnode.vms}
