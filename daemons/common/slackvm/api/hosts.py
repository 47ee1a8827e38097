"""Hosts as they are told of."""

from typing import Literal

from pydantic import Field

from slackvm.api.base import Reply

HostState = Literal["ready", "not_ready", "overcommitted", "unknown"]
"""`unknown` is what a controller says of a host that does not answer it."""

HypervisorKind = str
"""Name of a hypervisor backend; with `memory` the VMs of a host are simulated."""


class LevelReply(Reply):
    """A vNode.

    Attributes:
        owned: CPUs that it owns.
        allocation: vCPUs of its VMs.
        largest: vCPUs of its largest VM.
        memory_mib: memory of its VMs.
        cpu_list: its CPUs in the order in which they were taken.
        pin_list: CPUs that its VMs may use, ascending.
    """

    owned: int
    allocation: int
    largest: int
    memory_mib: int
    cpu_list: list[int]
    pin_list: list[int]


class SummaryReply(Reply):
    """A host in numbers: what a placement needs to know of it.

    Attributes:
        name: the host's.
        version: of its daemon.
        instance: another one after each start of the daemon; generations of one can be compared.
        generation: counted up with every change.
        state: whether VMs can be deployed on it.
        reason: why not, where the hypervisor cannot be asked.
        hypervisor: where its VMs are; None: a controller was never told.
        cpus: CPUs that it offers.
        cpus_free: CPUs that nobody owns.
        memory_mib: memory that it offers.
        memory_free_mib: memory that nobody has.
        offered: levels that it offers; None: any.
        levels: its vNodes by level, in the order of creation.
    """

    name: str
    version: str
    instance: str
    generation: int
    state: HostState
    reason: str
    hypervisor: HypervisorKind | None
    cpus: int
    cpus_free: int
    memory_mib: int
    memory_free_mib: int
    offered: list[float] | None
    levels: dict[str, LevelReply]


class CPUReply(Reply):
    """Where a CPU is."""

    cpu_id: int
    core: int
    l3: int
    numa_node: int


class ForeignReply(Reply):
    """A VM of somebody else, with the CPUs that it is pinned to."""

    name: str
    vcpus: int
    memory_mib: int
    state: str
    cpu_list: list[int]


class HostReply(SummaryReply):
    """A host, with every CPU and VM.

    Attributes:
        api_version: version of the REST interface that it speaks (`API_VERSION`); a release that
            does not say is of version 1.
        labels: short texts by key.
        topology: its CPUs.
        vms: names of its VMs.
        foreign: VMs of somebody else.
        foreign_unpinned: how many of those that run may use any CPU.
    """

    api_version: int = 1
    labels: dict[str, str] = Field(default_factory=dict)
    topology: list[CPUReply]
    vms: list[str]
    foreign: list[ForeignReply]
    foreign_unpinned: int
