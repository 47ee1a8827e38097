"""What a store keeps, as records of its own: neither the wire format nor the domain objects.

A later release may keep more fields in a record. They are read, carried along and written back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from slackvm.model.vm import VM

Lines = Sequence[tuple[int, bytes]]
"""Lines of the operations log, with their sequence numbers."""


class _VMFields(BaseModel):
    """What the records of VMs and of reservations have in common."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: str
    vcpus: int
    memory_mib: int
    level: float
    image: str
    clone: bool
    labels: dict[str, str] = Field(default_factory=dict)
    owner: str = ""
    anti_affinity: str = ""

    def vm(self) -> VM:
        """Return the VM as placements see it.

        Raises:
            ValueError: a number is out of range.
        """
        return VM(self.name, self.vcpus, self.memory_mib, self.level)


class StoredVM(_VMFields):
    """A VM as its host last reported it; its CPUs are not kept.

    Attributes:
        name: its name.
        vcpus: its vCPUs.
        memory_mib: its memory.
        level: its oversubscription level.
        image: the image that it was made from.
        clone: whether its disk is an overlay on the image.
        labels: short texts by key.
        created: when, in seconds since the epoch.
        state: whether it runs.
        addresses: network addresses.
        require: labels that its host had to have, as far as they are known.
        removal_requested: whether a client asked to remove it.
        reported: fields that its host reports and that this release does not know.
    """

    created: float
    state: str
    addresses: list[str] = Field(default_factory=list)
    require: dict[str, str] = Field(default_factory=dict)
    removal_requested: bool = False
    reported: dict[str, Any] = Field(default_factory=dict)


class StoredReservation(_VMFields):
    """A VM that a host was chosen for, while it is unknown whether the host created it.

    Attributes:
        host: ordinal of the host.
        idempotency_key: what the requests to the host carry.
        require: labels that its host must have.
        rebuilds: when the lost VM was created that it makes again; None: it makes a new one.
    """

    host: int
    idempotency_key: str
    require: dict[str, str] = Field(default_factory=dict)
    rebuilds: float | None = None


class StoredHost(NamedTuple):
    """A host of the cluster.

    Attributes:
        ordinal: its number among all hosts that the cluster ever had.
        url: of its daemon, as it was given.
        name: the name that it reported; empty: it never did.
        cordoned: whether it gets no new VMs.
        labels: those that it last reported.
        label_overrides: labels that replace those that it reports.
        api_version: the version of the REST interface that it last reported.
        token: what the controller sends to this host; empty: the token of all hosts.
        fenced: whether its VMs were created again elsewhere, so that it is refused until it has
            given them up.
    """

    ordinal: int
    url: str
    name: str
    cordoned: bool
    labels: dict[str, str] = {}  # noqa: RUF012 - never changed in place
    label_overrides: dict[str, str] = {}  # noqa: RUF012 - never changed in place
    api_version: int = 1
    token: str = ""
    fenced: bool = False

    def __repr__(self) -> str:
        """Return the host without its token."""
        return f"{type(self).__name__}({self.ordinal}, {self.url!r}, {self.name!r})"


class StoredLostVM(_VMFields):
    """A VM that was acknowledged and is on no host any more, although nobody removed it.

    Attributes:
        host: name of the host that had it.
        created: when it was created, in seconds since the epoch.
        lost: when it was found missing, in seconds since the epoch.
        reason: why, in words.
        require: labels that its host had to have, as far as they are known.
    """

    host: str
    created: float
    lost: float
    reason: str = ""
    require: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Stored:
    """All that a store holds.

    Attributes:
        hosts: in order.
        vms: by the ordinal of their host.
        reservations: those that have not ended.
        lines: of the operations log, those that may not have reached it.
        lost: VMs that are lost.
        values: what the controller keeps about itself, as text by key.
        skipped: rows that cannot be read.
    """

    hosts: list[StoredHost] = field(default_factory=list)
    vms: dict[int, list[StoredVM]] = field(default_factory=dict)
    reservations: list[StoredReservation] = field(default_factory=list)
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    lost: list[StoredLostVM] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
