"""VMs as they are asked for and told of."""

from typing import Annotated, Literal

from pydantic import Field

from slackvm.api.base import Inputs, Reply
from slackvm.api.fields import (
    DECIMAL,
    ImagePath,
    LabelMap,
    Level,
    MemoryGib,
    Vcpus,
    VmName,
    memory_mib,
)
from slackvm.api.hosts import SummaryReply
from slackvm.model.vm import VM

GuestState = Literal["running", "stopped", "paused", "crashed"]

VMState = Literal[GuestState, "unknown"]
"""`unknown` is what a controller says of a VM whose host does not answer it."""


class VMRequest(Inputs):
    """A VM to create.

    Attributes:
        name: its name.
        vcpus: its vCPUs.
        memory_gib: its memory.
        level: its oversubscription level.
        image: a qcow2 image.
        clone: make an overlay on the image, instead of running on the image itself.
        labels: short texts by key; kept with the VM.
    """

    name: VmName
    vcpus: Vcpus
    memory_gib: MemoryGib
    level: Level
    image: ImagePath
    clone: bool = False
    labels: LabelMap = Field(default_factory=dict)

    def vm(self) -> VM:
        """Return the VM that is asked for."""
        return VM(self.name, self.vcpus, memory_mib(self.memory_gib), self.level)


AttemptName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class AttemptRequest(VMRequest):
    """A VM to create, as a controller asks a host for it.

    Attributes:
        attempt: what this request can be withdrawn by.
    """

    attempt: AttemptName | None = None


class WithdrawRequest(Inputs):
    """A request to create a VM that shall count no more.

    Attributes:
        attempt: what it bears.
    """

    attempt: AttemptName


class RemovalQuery(Inputs):
    """Which VM of a name is to be removed.

    Attributes:
        created: only one that was created then; left out: any.
    """

    created: Annotated[float, Field(ge=0), DECIMAL] | None = None


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
        labels: short texts by key, as its request gave them.
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
    labels: dict[str, str] = Field(default_factory=dict)


class VMsReply(Reply):
    """All VMs."""

    vms: list[VMReply]


class WithdrawReply(Reply):
    """What came of requests to create a VM.

    Attributes:
        vm: the VM of that name; None: there is none, and no request that bears the attempt, not
            even one that is still on its way, will make it.
    """

    vm: VMReply | None


class ChangedReply(VMReply):
    """A VM that was created or whose state was changed, and its host since then."""

    summary: SummaryReply
