"""A host in numbers: enough to compute its answer to any request."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slackvm.model.labels import Labels
from slackvm.model.refusal import Refusal


@dataclass(frozen=True, slots=True)
class LevelSummary:
    """One vNode in numbers: CPUs owned, vCPUs allocated, vCPUs of its largest VM."""

    owned: int
    allocation: int
    largest: int


@dataclass(frozen=True, slots=True)
class HostSummary:
    """One host in numbers.

    Attributes:
        name: the host's name.
        cpus: all its CPUs.
        memory_mib: all its MiB.
        cpus_free: CPUs that no vNode owns and that are not reserved for unmanaged VMs.
        memory_free_mib: MiB that no VM has.
        levels: its vNodes by level; a vNode without VMs may be left out.
        offered: levels that it offers; None: any.
        unschedulable: why it refuses every VM; None if it does not.
        labels: its labels.
    """

    name: str
    cpus: int
    memory_mib: int
    cpus_free: int
    memory_free_mib: int
    levels: Mapping[float, LevelSummary]
    offered: frozenset[float] | None = None
    unschedulable: Refusal | None = None
    labels: Labels = field(default_factory=dict)
