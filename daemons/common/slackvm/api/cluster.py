"""Requests to the controller about its hosts and VMs, and its replies."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, RootModel, model_validator

from slackvm.api import patterns
from slackvm.api.base import (
    WHOLE,
    Inputs,
    LabelChanges,
    LabelList,
    LabelMap,
    Level,
    OptionalName,
    Reply,
    Word,
    memory_mib,
)
from slackvm.api.errors import RestError
from slackvm.api.hosts import CPUReply, HostReply
from slackvm.api.prototype import StatusReply
from slackvm.api.vms import VMFields, VMReply
from slackvm.model.codes import Code
from slackvm.model.labels import Labels
from slackvm.model.vm import VM

HostName = Annotated[str, Field(pattern=patterns.HOST_NAME)]
"""Name of a host; until it has first answered, host and port of its URL."""

OptionalHostName = Annotated[str, Field(pattern=patterns.OPTIONAL_HOST_NAME)]
"""A host by name, or none."""

NodeUrlText = Annotated[
    str,
    Field(
        max_length=300,
        pattern=patterns.HOST_URL,
        description="http or https, host and port; of these only the host must be given.",
    ),
]
"""The URL of a host's daemon."""


HostToken = Annotated[
    str, Field(pattern=patterns.OPTIONAL_TOKEN, json_schema_extra={"writeOnly": True})
]
"""What the controller sends to a host instead of the token of all hosts; no reply has it."""


class HostRequest(Inputs):
    """A host to add to the cluster, by the URL of its daemon.

    Attributes:
        url: where its daemon is.
        force: add it even if nothing answers there yet.
        insecure: of a host that is known with https, use http from now on.
        take_over: let it obey this controller, even if it obeys another one.
        token: what this host is sent; empty: the token of all hosts, `SCL_TOKEN`.
    """

    url: NodeUrlText
    force: bool = False
    insecure: bool = False
    take_over: bool = False
    token: HostToken = Field(default="", repr=False)


_CHANGES: JsonValue = [
    {"required": ["labels"]},
    {"required": ["url"], "properties": {"url": {"type": "string"}}},
    {"required": ["token"], "properties": {"token": {"type": "string"}}},
]
"""What a change of a host must have, as JSON Schema: at least one of these, and not null."""


class HostPatch(Inputs):
    """What to change of a host.

    Attributes:
        labels: by key, a value that overrides the host's own; None removes the override.
        url: the new address of its daemon; without http or https, that of before stays.
        force: change the address even if nothing answers there yet.
        insecure: let http replace https.
        token: what this host is sent from now on; empty: the token of all hosts. Only an
            administrator may change it.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": _CHANGES})

    labels: LabelChanges = Field(default_factory=dict)
    url: NodeUrlText | None = None
    force: bool = False
    insecure: bool = False
    token: HostToken | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.labels and self.url is None and self.token is None:
            raise ValueError("labels, url or token is needed")
        return self


class HostPath(Inputs):
    """A host by name."""

    name: HostName


class EvacuationRequest(Inputs):
    """Says that a host is off, so that its VMs may run elsewhere."""

    fenced: Literal[True]


class NotRebuilt(Reply):
    """A VM that no host has taken; it is lost.

    Attributes:
        name: its name.
        code: why, for programs.
        message: why, for people.
    """

    name: str
    code: Word
    message: str


class EvacuationReply(Reply):
    """What became of the VMs of a host that was evacuated.

    Attributes:
        name: the host.
        rebuilt: names of the VMs that were created again, each with the name of its host.
        lost: the VMs that no host has taken.
    """

    name: str
    rebuilt: dict[str, str]
    lost: list[NotRebuilt]


class HostsQuery(Inputs):
    """Which hosts to return, and how.

    Attributes:
        since: those that have changed since this revision; empty: all.
        topologies: `digest` returns each topology once, beside the hosts, which name it by its
            digest. Without it each host has its own.
    """

    since: str = Field(default="", max_length=100)
    topologies: Literal["", "digest"] = ""


class HostRemoval(Inputs):
    """Whether to remove a host from the cluster even if it has VMs."""

    force: bool = False


LOST = "lost"
"""State of a VM that is gone although nobody removed it; `host` is the one that had it."""


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [])


class ClusterVMReply(VMReply):
    """A VM as the controller knows it; its own fields are left out where they say nothing.

    Attributes:
        state_reason: why the VM is in its state; empty where that needs no reason.
        lost: when it was found missing, in seconds since the epoch; None: it is not lost.
        duplicates: names of the other hosts that have a VM of this name.
    """

    state_reason: str = Field(default="", exclude_if=_is_empty)
    lost: float | None = Field(default=None, exclude_if=_is_empty)
    duplicates: list[str] = Field(default_factory=list, exclude_if=_is_empty)


class HostChoice(Inputs):
    """Which VM of a name is meant.

    Attributes:
        host: the one on this host; empty: the only one.
    """

    host: str = Field(default="", max_length=300)


class VMRemoval(HostChoice):
    """What to remove of a VM.

    Attributes:
        lost: let a lost VM go, and not remove one that exists.
    """

    lost: bool = False


class VMsQuery(Inputs):
    """Which VMs to return, by name in ascending order.

    Attributes:
        host: those on this host; empty: on any.
        level: those of this level.
        label: those with all of these labels, `key=value,key=value`.
        state: those in this state, such as `running` or `lost`; empty: in any.
        search: those whose name, image or labels contain this text, in any case.
        limit: at most so many.
        after: those that come after this one, as the `after` of the page before says; a name stands
            for all VMs of that name.
    """

    host: str = Field(default="", max_length=300)
    level: Level | None = None
    label: LabelList = ""
    state: str = Field(default="", max_length=100)
    search: str = Field(default="", max_length=100)
    limit: Annotated[int, Field(ge=1, le=10_000), WHOLE] = 1000
    after: str = Field(default="", max_length=100, pattern=patterns.VM_POSITION)

    def matches(self, labels: Labels) -> bool:
        """Return whether a VM with these labels has all those of `label`."""
        pairs = (pair.partition("=") for pair in self.label.split(",") if pair)
        return all(labels.get(key) == value for key, _, value in pairs)


class ClusterVMsReply(Reply):
    """VMs of the cluster.

    Attributes:
        total: how many match, on all pages.
        vms: those of this page, by name in ascending order; lost ones too.
        after: the value of `after` that returns the next page; None: this is the last one.
    """

    total: int
    vms: list[ClusterVMReply]
    after: str | None


class ClusterHostReply(HostReply):
    """A host as the controller knows it; `labels` are those in effect.

    Attributes:
        label_overrides: labels that were set in the controller; `labels` has them too.
        topology: its CPUs; empty if the request asks for digests.
        topology_digest: names its topology; hosts with equal ones have the same. Empty: the host
            has not answered yet.
        url: URL of its daemon, as it was given.
        age_s: seconds since the host last answered; None: it never did.
        cordoned: whether it gets no VMs.
        suspect: why it gets a VM only where no other host takes it: its reply to a change could not
            be used; empty: it is not suspect.
        pending: names of VMs that are being deployed on it, or may have been.
    """

    label_overrides: dict[str, str] = Field(default_factory=dict)
    topology: list[CPUReply] = Field(default_factory=list)
    topology_digest: str = ""
    url: str
    age_s: float | None
    cordoned: bool
    suspect: str = ""
    pending: list[str]


class ForgottenHostReply(ClusterHostReply):
    """A host that was removed from the cluster.

    Attributes:
        forgotten: its VMs, which keep running, as they were when it was removed.
    """

    forgotten: list[VMReply] = Field(default_factory=list)


class HostsReply(Reply):
    """The hosts of the cluster.

    Attributes:
        api_version: version of the REST interface that the controller speaks.
        revision: the value of `since` for the next request.
        hosts: those that have changed.
        topologies: the topologies of these hosts by digest, if the request asks for digests.
        ages: seconds since each host last answered, all hosts by name, in the cluster's order.
    """

    api_version: int = 1
    revision: str
    hosts: list[ClusterHostReply]
    topologies: dict[str, list[CPUReply]] = Field(default_factory=dict)
    ages: dict[str, float | None]


class ClusterVMRequest(VMFields):
    """A VM to create on one of the hosts.

    Attributes:
        level: its oversubscription level; None: the controller's `SCG_DEFAULT_LEVEL`.
        require: labels that the host must have, with these values.
        anti_affinity: name of a group; its VMs are placed on different hosts. Empty: no group.
        host: name of the host to place it on. Empty: the policy chooses one.
    """

    level: Level | None = None
    require: LabelMap = Field(default_factory=dict)
    anti_affinity: OptionalName = ""
    host: OptionalHostName = ""

    def vm(self, default_level: float | None) -> VM:
        """Return the size of the VM for the domain model.

        Args:
            default_level: the level of a request without one; None: it must have one.

        Raises:
            RestError: the level is missing.
        """
        level = default_level if self.level is None else self.level
        if level is None:
            raise RestError(Code.INVALID, "level is missing", field="level")
        return VM(self.name, self.vcpus, memory_mib(self.memory_gib), level)


class ClusterStatusReply(RootModel[dict[str, StatusReply]]):
    """Every host in the form of the prototype, by its URL as it was given."""
