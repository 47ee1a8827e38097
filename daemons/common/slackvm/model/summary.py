"""A host in numbers: enough to compute what it would answer to any request."""

from collections.abc import Mapping
from dataclasses import dataclass

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
        cpus_free: CPUs that no vNode owns and that are not withheld.
        memory_free_mib: MiB that nobody has.
        levels: its vNodes by level; an emptied one may be left out.
        offered: levels that it offers; None: any.
        unschedulable: why it refuses whatever is asked of it; None where it does not.
    """

    name: str
    cpus: int
    memory_mib: int
    cpus_free: int
    memory_free_mib: int
    levels: Mapping[float, LevelSummary]
    offered: frozenset[float] | None = None
    unschedulable: Refusal | None = None
