"""Requests about VMs, and replies."""

from typing import Annotated, Literal

from pydantic import Field

from slackvm.api import patterns
from slackvm.api.base import (
    DECIMAL,
    ImagePath,
    Inputs,
    LabelMap,
    Level,
    MemoryGib,
    OptionalName,
    Reply,
    Vcpus,
    VmName,
    Word,
    memory_mib,
)
from slackvm.api.hosts import SummaryReply
from slackvm.model.vm import VM

GuestState = Literal["running", "stopped", "paused", "crashed"]

VMState = Word
"""A `GuestState`; in the controller also `unknown`: the host of the VM does not answer."""


class VMFields(Inputs):
    """What every request for a VM has, apart from its level.

    Attributes:
        name: its name.
        vcpus: its vCPUs.
        memory_gib: its memory in GiB.
        image: a qcow2 image.
        clone: create an overlay on the image, instead of using the image itself.
        labels: short texts by key, kept with the VM.
    """

    name: VmName
    vcpus: Vcpus
    memory_gib: MemoryGib
    image: ImagePath
    clone: bool = False
    labels: LabelMap = Field(default_factory=dict)


class VMRequest(VMFields):
    """A VM to create.

    Attributes:
        level: its oversubscription level.
    """

    level: Level

    def vm(self) -> VM:
        """Return the size of the VM for the domain model."""
        return VM(self.name, self.vcpus, memory_mib(self.memory_gib), self.level)


IdempotencyKey = Annotated[str, Field(pattern=patterns.IDEMPOTENCY_KEY)]


class HostVMRequest(VMRequest):
    """A VM to create, as the controller sends it to a host.

    Attributes:
        owner: name of the token that deployed it in the controller; empty: nobody's.
        anti_affinity: name of the group whose VMs are on different hosts; empty: none.
        idempotency_key: the same in all requests of one reservation; `cancel` takes it.
        attempt: the key under its name of release 0.1.0, used where `idempotency_key` is None.
    """

    owner: OptionalName = ""
    anti_affinity: OptionalName = ""
    idempotency_key: IdempotencyKey | None = None
    attempt: IdempotencyKey | None = None

    @property
    def key(self) -> str | None:
        """The idempotency key, under either name; None: the request has no key."""
        return self.attempt if self.idempotency_key is None else self.idempotency_key


class CancelRequest(Inputs):
    """Requests to create a VM that the host must refuse from now on.

    Attributes:
        idempotency_key: the key that they carry.
    """

    idempotency_key: IdempotencyKey


class WithdrawRequest(Inputs):
    """`CancelRequest` of release 0.1.0."""

    attempt: IdempotencyKey


class RemovalQuery(Inputs):
    """Which VM of a name to remove.

    Attributes:
        created: only the one that was created at this time, in seconds since the epoch; None: any.
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
        memory_mib: its memory in MiB.
        level: its oversubscription level.
        image: the image that it was created from.
        clone: whether its disk is an overlay on the image.
        state: whether it runs.
        host: the host that it is on.
        cpu_list: CPUs that it may use, ascending.
        created: seconds since the epoch.
        addresses: its network addresses, if known.
        labels: short texts by key, from its request.
        owner: name of the token that deployed it in the controller; empty: nobody's.
        anti_affinity: name of the group whose VMs are on different hosts; empty: none.
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
    owner: str = ""
    anti_affinity: str = ""


class VMsReply(Reply):
    """All VMs of a host."""

    vms: list[VMReply]


class RemovalReply(Reply):
    """A VM that was removed.

    Attributes:
        name: its name.
        created: when it was created, in seconds since the epoch.
        time: when it was removed, in seconds since the epoch.
    """

    name: str
    created: float
    time: float


class RemovalsReply(Reply):
    """The last VMs that were removed from a host, the latest last."""

    removals: list[RemovalReply]


class CancelReply(Reply):
    """The result of cancelling requests to create a VM.

    Attributes:
        vm: the VM of that name. None: it does not exist, and no request with the key will
            create it, not even one that is still on its way.
    """

    vm: VMReply | None


class ChangedReply(VMReply):
    """A VM that was created, or whose state was changed, and its host after that."""

    summary: SummaryReply
