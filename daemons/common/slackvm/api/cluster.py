"""The cluster as its controller is asked and tells of it."""

from typing import Annotated

from pydantic import Field, RootModel

from slackvm.api.base import Inputs, Reply
from slackvm.api.fields import DECIMAL, WHOLE, Level, MemoryGib, Vcpus
from slackvm.api.hosts import HostReply
from slackvm.api.prototype import StatusReply
from slackvm.api.vms import VMReply, VMRequest
from slackvm.model.vm import LARGEST

HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]{0,299}$")]
"""A host's name; until it has told its name, host and port of its URL."""

PolicyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]

Count = Annotated[int, Field(ge=1, le=100_000), WHOLE]

_PORT = r"([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

NodeUrlText = Annotated[
    str,
    Field(
        max_length=300,
        pattern=rf"^(https?://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?/?$",
        description="http or https, host and port; of these only the host must be given.",
    ),
]
"""The URL of a host's daemon."""


class HostRequest(Inputs):
    """A host to be part of the cluster, by the URL of its daemon."""

    url: NodeUrlText


class HostPath(Inputs):
    """A host by name."""

    name: HostName


class HostsQuery(Inputs):
    """Which hosts to tell of: those that have changed since a revision; without one, all."""

    since: str = Field(default="", max_length=100)


class HostRemoval(Inputs):
    """Whether a host is to be forgotten although VMs are known on it."""

    force: bool = False


class VMsQuery(Inputs):
    """Which VMs to tell of, by name in ascending order.

    Attributes:
        host: those on this host; empty: on any.
        level: those of this level.
        search: those whose name or image holds this text, in any case.
        limit: at most so many.
        after: those whose names come after this one.
    """

    host: str = Field(default="", max_length=300)
    level: Level | None = None
    search: str = Field(default="", max_length=100)
    limit: Annotated[int, Field(ge=1, le=10_000), WHOLE] = 1000
    after: str = Field(default="", max_length=100)


class ClusterVMsReply(Reply):
    """VMs of the cluster.

    Attributes:
        total: how many match, on all pages.
        vms: those of this page, by name in ascending order.
        after: what to ask for as `after` to get the next page; None: there is none.
    """

    total: int
    vms: list[VMReply]
    after: str | None


class ClusterHostReply(HostReply):
    """A host as the controller knows it.

    Attributes:
        url: of its daemon, as it was given.
        age_s: seconds since the host last answered; None: it never did.
        cordoned: whether it shall get no VMs.
        pending: names of VMs that are being deployed on it, or may have been.
    """

    url: str
    age_s: float | None
    cordoned: bool
    pending: list[str]


class HostsReply(Reply):
    """The hosts of the cluster.

    Attributes:
        api_version: version of the REST interface that the controller speaks.
        revision: what to ask for as `since` next time.
        hosts: those that have changed.
        ages: seconds since each host last answered, all hosts by name, in the cluster's order.
    """

    api_version: int = 1
    revision: str
    hosts: list[ClusterHostReply]
    ages: dict[str, float | None]


class ClusterPlanRequest(VMRequest):
    """A VM to create, for a dry run, and the policy that shall choose; empty: the cluster's."""

    policy: PolicyName | None = None


class HostVerdict(Reply):
    """What a placement makes of one host.

    Attributes:
        host: its name.
        accepted: whether it takes the VM.
        code: why not, for programs; the next three likewise.
        message: for people.
        needed: how much it takes, where the refusal is about an amount.
        free: how much of it there is.
        score: the policy's, the higher the better; None where the host is refused, or taken only
            when no other is left.
        parts: what the score is made of: `added_cpus`, and with progress `current`, `potential`
            and `ideal` in MiB per CPU and the factor `penalty`. A user's own policy has none.
    """

    host: str
    accepted: bool
    code: str | None
    message: str | None
    needed: int | None
    free: int | None
    score: float | None
    parts: dict[str, float]


class ClusterPlanReply(Reply):
    """Where a VM would go, and why.

    Attributes:
        accepted: whether it would be placed.
        code: why not: `name_taken`, or of the hosts' reasons the one most likely to pass.
        message: the same for people.
        host: the best host.
        policy: what has chosen.
        hosts: all hosts, in the cluster's order.
    """

    accepted: bool
    code: str | None
    message: str | None
    host: str | None
    policy: str
    hosts: list[HostVerdict]


class MixPart(Inputs):
    """VMs of one size, and their share of all."""

    vcpus: Vcpus
    memory_gib: MemoryGib
    level: Level
    share: Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False), DECIMAL] = 1.0


class HostSize(Inputs):
    """The size of a host."""

    cpus: Vcpus
    memory_gib: MemoryGib


class CapacityRequest(Inputs):
    """A mix of VMs.

    VMs are dealt out by share, in an order that is always the same, and placed by the cluster's
    policy, up to the first that no host takes.

    Attributes:
        mix: the sizes, with their shares.
        count: how many VMs, for the question of how many empty hosts they need; with `host`.
        host: the size of those hosts; with `count`.
    """

    mix: list[MixPart] = Field(min_length=1, max_length=100)
    count: Count | None = None
    host: HostSize | None = None


class HostCapacity(Reply):
    """How many more such VMs a host takes."""

    host: str
    vms: int


class CapacityReply(Reply):
    """How many more VMs of a mix fit.

    Attributes:
        vms: on the cluster as it is.
        hosts: the same per host.
        hosts_needed: hosts of the given size that `count` VMs need; None where `count` or `host`
            was not given.
    """

    vms: int
    hosts: list[HostCapacity]
    hosts_needed: int | None


class ClusterStatusReply(RootModel[dict[str, StatusReply]]):
    """Every host as the prototype told it, by its URL as it was given."""
