"""Queries and replies of the prototype's GET endpoints, with our errors beside its fields."""

from typing import Literal, Self

from pydantic import BaseModel, RootModel

from slackvm.api.base import ImagePath, Inputs, Level, MemoryGib, Vcpus, VmName, memory_mib
from slackvm.api.errors import ErrorDetail, ErrorReply
from slackvm.api.hosts import SummaryReply
from slackvm.model.vm import VM


class SizeQuery(Inputs):
    """The size of a VM: vCPUs, GiB, level."""

    cpu: Vcpus
    mem: MemoryGib
    oc: Level

    def vm(self, name: str) -> VM:
        """Return a VM of this size."""
        return VM(name, self.cpu, memory_mib(self.mem), self.oc)


class DeployQuery(SizeQuery):
    """A VM to create."""

    name: VmName
    qcow2: ImagePath


class NameQuery(Inputs):
    """A VM by name."""

    name: VmName


class NamesReply(RootModel[list[str]]):
    """Names of VMs."""


class SubsetReply(BaseModel):
    """A vNode (`subset`) in numbers.

    Attributes:
        pcap: CPUs or MiB that it owns.
        palloc: what is allocated to its VMs.
        vavail: what could still be allocated within it.
        vpotential: what it could gain from the free CPUs or memory.
    """

    pcap: int
    palloc: int
    vavail: float
    vpotential: float


class ResourceReply(BaseModel):
    """A resource: how much is free, and its vNodes by level."""

    avail: int
    subset: dict[str, SubsetReply]


class StatusReply(BaseModel):
    """A host in the form of the prototype."""

    cpu: ResourceReply
    mem: ResourceReply


class Done(BaseModel):
    """A VM was deployed or removed."""

    success: Literal[True] = True
    reason: None = None


class NotDone(ErrorReply):
    """A VM was not deployed or removed."""

    success: Literal[False]
    reason: str

    @classmethod
    def of(cls, error: ErrorDetail) -> Self:
        """Return the reply with `error`."""
        return cls(success=False, reason=error.message, error=error)


class Progress(BaseModel):
    """Progress of a host with one more VM."""

    progress: float


class NoProgress(ErrorReply):
    """The VM cannot be placed."""

    progress: None = None


def prototype_status(host: SummaryReply) -> StatusReply:
    """Return a host in the form of the prototype: what is free, and its vNodes (subsets)."""
    levels = {float(level): vnode for level, vnode in host.levels.items()}
    cpu_subsets = {
        str(level): SubsetReply(
            pcap=vnode.owned,
            palloc=vnode.allocation,
            vavail=vnode.owned * level - vnode.allocation,
            vpotential=host.cpus_free * level,
        )
        for level, vnode in levels.items()
    }
    used_mib = sum(vnode.memory_mib for vnode in host.levels.values())
    memory = SubsetReply(pcap=used_mib, palloc=used_mib, vavail=0, vpotential=host.memory_free_mib)
    return StatusReply(
        cpu=ResourceReply(avail=host.cpus_free, subset=cpu_subsets),
        mem=ResourceReply(avail=host.memory_free_mib, subset={"1": memory} if levels else {}),
    )
