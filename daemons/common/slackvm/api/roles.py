"""Who calls, and what they may do."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated

from pydantic import Field

from slackvm.api.base import WHOLE, ImagePath, Inputs, LabelMap, Level, MemoryGib, Reply, Vcpus
from slackvm.model.vm import LARGEST


class Role(IntEnum):
    """What a token allows; each role includes those before it, but for what `DEPLOY` sees."""

    NONE = 0
    READ = 1
    """Reading everything."""
    DEPLOY = 2
    """Own VMs: deployed, removed, started, stopped. Of the VMs of others it sees nothing."""
    OPERATE = 3
    """Hosts as they are: cordoned, labelled, moved, evacuated; VMs of everybody."""
    ADMIN = 4
    """Which hosts and tokens there are."""


class Limits(Inputs):
    """What a token of the role `deploy` may have at most. What is None or empty is not limited.

    Unknown fields are refused: a limit must not be dropped in silence.

    Attributes:
        vcpus: vCPUs of all its VMs.
        memory_gib: memory of all its VMs, in GiB.
        vms: number of its VMs.
        image_folders: folders that its images must be in.
        levels: levels that its VMs may have.
        require: labels that the hosts of its VMs must have.
    """

    vcpus: Vcpus | None = None
    memory_gib: MemoryGib | None = None
    vms: Annotated[int, Field(ge=0, le=LARGEST), WHOLE] | None = None
    image_folders: list[ImagePath] = Field(default_factory=list, max_length=100)
    levels: list[Level] = Field(default_factory=list, max_length=100)
    require: LabelMap = Field(default_factory=dict)

    @property
    def has_quota(self) -> bool:
        """Whether it limits what all VMs together use."""
        return any(limit is not None for limit in (self.vcpus, self.memory_gib, self.vms))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        role: what they may do.
        name: name of their token; empty: it has none, or no token is needed.
        address: IP address that the request came from; empty: not known.
        limits: what their VMs may use at most.
    """

    role: Role = Role.NONE
    name: str = ""
    address: str = ""
    limits: Limits = field(default_factory=Limits)

    def sees(self, owner: str) -> bool:
        """Return whether they may know of a VM and change it.

        Args:
            owner: name of the token that deployed the VM; empty: nobody's.
        """
        return self.role is not Role.DEPLOY or (owner != "" and owner == self.name)


UNRESTRICTED = Caller(Role.ADMIN)
"""The caller of what the controller does by itself."""


class LimitsReply(Reply):
    """`Limits`, as a reply."""

    vcpus: int | None = None
    memory_gib: float | None = None
    vms: int | None = None
    image_folders: list[str] = Field(default_factory=list)
    levels: list[float] = Field(default_factory=list)
    require: dict[str, str] = Field(default_factory=dict)


class UseReply(Reply):
    """What the VMs of a token use; reserved and lost ones count.

    Attributes:
        vcpus: their vCPUs.
        memory_mib: their memory in MiB.
        vms: how many they are.
    """

    vcpus: int
    memory_mib: int
    vms: int


class CallerReply(Reply):
    """Who the caller is.

    Attributes:
        name: name of the token; empty: it has none, or no token is needed.
        role: `read`, `deploy`, `operate` or `admin`.
        limits: what its VMs may use at most.
        use: what its VMs use.
    """

    name: str
    role: Annotated[str, Field(max_length=100)]
    limits: LimitsReply
    use: UseReply
