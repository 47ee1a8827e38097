"""A plan: what an operation would do to a host, decided and not done."""

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
        vm: the VM; None where a removal names a VM that is not there.
        refusal: why not; None when accepted.
        changes: vNodes whose CPUs change.
        vnodes: all vNodes as they would be, in the order of their creation.
        withheld: positions that would be withheld for VMs of somebody else.
        withheld_mib: memory of such VMs.
        generation: the generation of the host that it was made for.
        topology: the host's CPUs.
        critical_size: oversubscribed vNodes with fewer VMs are balanced.
    """

    operation: str
    name: str
    vm: VM | None
    refusal: Refusal | None
    changes: tuple[Change, ...]
    vnodes: tuple[VNode, ...]
    withheld: frozenset[int]
    withheld_mib: int
    generation: int
    topology: Topology
    critical_size: int

    @property
    def accepted(self) -> bool:
        """Whether it can be carried out."""
        return self.refusal is None

    @cached_property
    def pins(self) -> Mapping[str, tuple[int, ...]]:
        """The CPUs that each VM of the host must be pinned to once it is carried out."""
        by_level = pin_lists(self.vnodes, self.topology, self.critical_size, self.withheld)
        return {name: by_level[vnode.level] for vnode in self.vnodes for name in vnode.vms}
