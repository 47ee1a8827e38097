"""Replies about a host."""

from typing import Any

from pydantic import Field, model_validator

from slackvm.api.base import Reply, Word

READY = "ready"
NOT_READY = "not_ready"
OVERCOMMITTED = "overcommitted"
UNKNOWN = "unknown"
"""State, in the controller, of a host that does not answer."""

FENCED = "fenced"
"""State, in the controller, of a host that was evacuated and has not given up its VMs yet."""

HostState = Word
"""`READY`, `NOT_READY`, `OVERCOMMITTED`, `UNKNOWN` or `FENCED`. A host in another state takes no
VMs."""

HypervisorKind = Word
"""Name of a backend; with `memory` the VMs are simulated."""


class LevelReply(Reply):
    """A vNode.

    Attributes:
        owned: CPUs that it owns.
        allocation: vCPUs of its VMs.
        largest: vCPUs of its largest VM.
        memory_mib: memory of its VMs.
        cpu_list: its CPUs, in the order in which it took them.
        pin_list: CPUs that its VMs may use, ascending.
    """

    owned: int
    allocation: int
    largest: int
    memory_mib: int
    cpu_list: list[int]
    pin_list: list[int]


class SummaryReply(Reply):
    """A host in numbers: what a placement needs to know.

    Attributes:
        name: name of the host.
        version: version of its daemon.
        boot_id: identifies this start of the daemon; generations with the same one can be compared.
        instance: `boot_id` under its name of release 0.1.0. Either may be given.
        generation: counted up with every change.
        state: whether VMs can be deployed on it.
        reason: why not, if the hypervisor does not answer.
        hypervisor: the backend; None: the host has never answered the controller.
        cpus: CPUs that it offers.
        cpus_free: CPUs that no vNode owns.
        memory_mib: memory that it offers.
        memory_free_mib: memory that no VM has.
        offered: levels that it offers; None: any.
        levels: its vNodes by level, in the order of creation.
    """

    name: str
    version: str
    boot_id: str
    instance: str = ""
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

    @model_validator(mode="before")
    @classmethod
    def _name_both(cls, fields: Any) -> Any:
        """Give `boot_id` and `instance` the value of the one that is there."""
        if isinstance(fields, dict):
            boot_id = fields.get("boot_id", fields.get("instance"))
            if boot_id is not None:
                return {**fields, "boot_id": boot_id, "instance": boot_id}
        return fields


class CPUReply(Reply):
    """Where a CPU is."""

    cpu_id: int
    core: int
    l3: int
    numa_node: int


class ForeignReply(Reply):
    """A VM that SlackVM does not manage, with the CPUs that it is pinned to."""

    name: str
    vcpus: int
    memory_mib: int
    state: Word
    cpu_list: list[int]


class HostReply(SummaryReply):
    """A host, with every CPU and VM.

    Attributes:
        api_version: version of the REST interface that it speaks (`API_VERSION`); a release that
            does not state one speaks version 1.
        controller: ID of the controller that it obeys; empty: none.
        controller_epoch: epoch of that controller.
        labels: short texts by key.
        topology: its CPUs.
        vms: names of its VMs.
        foreign: VMs that SlackVM does not manage.
        foreign_unpinned: how many of those that run may use any CPU.
    """

    api_version: int = 1
    controller: str = Field(default="", max_length=64)
    controller_epoch: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    topology: list[CPUReply]
    vms: list[str]
    foreign: list[ForeignReply]
    foreign_unpinned: int
