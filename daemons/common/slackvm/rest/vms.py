"""VMs as they are asked for and told of."""

from typing import Literal

from pydantic import Field

from slackvm.model.vm import VM
from slackvm.rest.hosts import SummaryReply
from slackvm.rest.replies import Reply
from slackvm.service.endpoints import Inputs
from slackvm.service.fields import Level, MemoryGib, Vcpus, VmName, memory_mib

GuestState = Literal["running", "stopped", "paused", "crashed"]

VMState = Literal[GuestState, "unknown"]
"""`unknown` is what a controller says of a VM whose host does not answer it."""


class VMRequest(Inputs):
    """A VM to create."""

    name: VmName
    vcpus: Vcpus
    memory_gib: MemoryGib
    level: Level
    image: str = Field(min_length=1, max_length=4096)
    clone: bool = False

    def vm(self) -> VM:
        """Return the VM that is asked for."""
        return VM(self.name, self.vcpus, memory_mib(self.memory_gib), self.level)


class VMPath(Inputs):
    """A VM by name."""

    name: VmName


class VMReply(Reply):
    """A VM.

    Attributes:
        name: its name.
        vcpus: its vCPUs.
        memory_mib: its memory.
        level: its oversubscription level.
        image: the image that it was made from.
        clone: whether its disk is an overlay on the image.
        state: whether it runs.
        host: the host that it is on.
        cpu_list: CPUs that it may use, ascending.
        created: seconds since the epoch.
        addresses: network addresses, as far as they are known.
    """

    name: str
    vcpus: int
    memory_mib: int
    level: float
    image: str
    clone: bool
    state: VMState
    host: str
    cpu_list: list[int]
    created: float
    addresses: list[str]


class VMsReply(Reply):
    """All VMs."""

    vms: list[VMReply]


class ChangedReply(VMReply):
    """A VM that was created or whose state was changed, and its host since then."""

    summary: SummaryReply
