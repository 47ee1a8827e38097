"""VMs of the cluster: as clients request them, and as their hosts report them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from schedulerglobal.store.records import StoredLostVM, StoredReservation, StoredVM
from slackvm.api.base import MIB_PER_GIB
from slackvm.api.cluster import ClusterVMRequest
from slackvm.api.vms import HostVMRequest, VMReply
from slackvm.model.placement import PlacementRequest
from slackvm.model.vm import VM


@dataclass(frozen=True)
class VMRecord:
    """A VM that exists, as its host last reported it.

    Attributes:
        vm: its name, vCPUs, memory and level.
        image: the image that it was made from.
        clone: whether its disk is an overlay on the image.
        created: when, in seconds since the epoch.
        state: whether it runs; a word of the host's release.
        labels: short texts by key.
        owner: name of the token that deployed it; empty: nobody's.
        anti_affinity: name of the group whose VMs are on different hosts; empty: none.
        require: labels that its host had to have; its host does not report them.
        removal_requested: whether a client asked to remove it, so that it is not lost when it is
            gone.
        addresses: network addresses, as far as they are known.
        cpu_list: CPUs that it may use, ascending.
        unknown_fields: what a host of a later release reports beside; handed on to clients.
    """

    vm: VM
    image: str
    clone: bool
    created: float
    state: str
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    anti_affinity: str = ""
    require: Mapping[str, str] = field(default_factory=dict)
    removal_requested: bool = False
    addresses: Sequence[str] = ()
    cpu_list: Sequence[int] = ()
    unknown_fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.vm.name

    @classmethod
    def from_reply(cls, reply: VMReply, known: "VMSpec | VMRecord | None" = None) -> Self:
        """Return a VM that a host reports.

        Args:
            reply: what it reports.
            known: what is known of the same VM. A host of an earlier release does not report its
                owner and its group, and none reports what its host had to have.

        Raises:
            ValueError: a number is out of range.
        """
        return cls(
            vm=VM(reply.name, reply.vcpus, reply.memory_mib, reply.level),
            image=reply.image,
            clone=reply.clone,
            created=reply.created,
            state=reply.state,
            labels=reply.labels,
            owner=reply.owner or (known.owner if known else ""),
            anti_affinity=reply.anti_affinity or (known.anti_affinity if known else ""),
            require=known.require if known else {},
            removal_requested=isinstance(known, VMRecord) and known.removal_requested,
            addresses=reply.addresses,
            cpu_list=reply.cpu_list,
            unknown_fields=reply.model_extra or {},
        )

    @classmethod
    def from_stored(cls, stored: StoredVM) -> Self:
        """Return a VM as the store has it; which CPUs it may use is unknown."""
        return cls(
            vm=stored.vm(),
            image=stored.image,
            clone=stored.clone,
            created=stored.created,
            state=stored.state,
            labels=stored.labels,
            owner=stored.owner,
            anti_affinity=stored.anti_affinity,
            require=stored.require,
            removal_requested=stored.removal_requested,
            addresses=stored.addresses,
            unknown_fields=stored.reported,
        )

    def to_stored(self) -> StoredVM:
        """Return what must not be forgotten of it."""
        return StoredVM(
            name=self.vm.name,
            vcpus=self.vm.vcpus,
            memory_mib=self.vm.memory_mib,
            level=self.vm.level,
            image=self.image,
            clone=self.clone,
            labels=dict(self.labels),
            owner=self.owner,
            anti_affinity=self.anti_affinity,
            require=dict(self.require),
            removal_requested=self.removal_requested,
            created=self.created,
            state=self.state,
            addresses=list(self.addresses),
            reported=dict(self.unknown_fields),
        )

    def to_reply(self, host: str, state: str) -> VMReply:
        """Return the VM as clients see it.

        Args:
            host: name of its host.
            state: `unknown` where the host does not answer, else the VM's own.
        """
        fields = {
            **self.unknown_fields,
            "name": self.vm.name,
            "vcpus": self.vm.vcpus,
            "memory_mib": self.vm.memory_mib,
            "level": self.vm.level,
            "image": self.image,
            "clone": self.clone,
            "state": state,
            "host": host,
            "cpu_list": list(self.cpu_list),
            "created": self.created,
            "addresses": list(self.addresses),
            "labels": dict(self.labels),
            "owner": self.owner,
            "anti_affinity": self.anti_affinity,
        }
        return VMReply.model_validate(fields)


@dataclass(frozen=True)
class VMSpec:
    """A VM as a client requests it.

    Attributes:
        vm: its name, vCPUs, memory and level.
        image: the image to make it from.
        clone: whether its disk is an overlay on the image.
        labels: short texts by key.
        owner: name of the token that deploys it; empty: nobody's.
        anti_affinity: name of the group whose VMs are on different hosts; empty: none.
        require: labels that its host must have; no part of the VM.
        host: name of the host that it must be on; empty: any; no part of the VM.
    """

    vm: VM
    image: str
    clone: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    anti_affinity: str = ""
    require: Mapping[str, str] = field(default_factory=dict, compare=False)
    host: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.vm.name

    @property
    def placement_request(self) -> PlacementRequest:
        """What placements decide on; a policy cannot change it."""
        return PlacementRequest(
            self.vm,
            MappingProxyType(self.labels),
            MappingProxyType(self.require),
            self.host,
            self.owner,
            self.anti_affinity,
        )

    @classmethod
    def from_request(cls, request: ClusterVMRequest, default_level: float | None) -> Self:
        """Return what a client requests.

        Args:
            request: the request.
            default_level: the level of a request without one; None: it must have one.

        Raises:
            RestError: the level is missing.
        """
        return cls(
            request.vm(default_level),
            request.image,
            request.clone,
            request.labels,
            anti_affinity=request.anti_affinity,
            require=request.require,
            host=request.host,
        )

    @classmethod
    def of(cls, vm: VMRecord) -> Self:
        """Return what makes a VM again that exists, or existed."""
        return cls(vm.vm, vm.image, vm.clone, vm.labels, vm.owner, vm.anti_affinity, vm.require)

    @classmethod
    def from_stored(cls, stored: StoredReservation | StoredLostVM) -> Self:
        """Return what a reservation in the store is for, or what a lost VM was."""
        return cls(
            stored.vm(),
            stored.image,
            stored.clone,
            stored.labels,
            stored.owner,
            stored.anti_affinity,
            stored.require,
        )

    def to_stored(
        self, host: int, idempotency_key: str, rebuilds: float | None = None
    ) -> StoredReservation:
        """Return a reservation of it for the store.

        Args:
            host: ordinal of the host.
            idempotency_key: what the requests to the host carry.
            rebuilds: when the lost VM was created that it makes again; None: it makes a new one.
        """
        return StoredReservation(
            name=self.vm.name,
            vcpus=self.vm.vcpus,
            memory_mib=self.vm.memory_mib,
            level=self.vm.level,
            image=self.image,
            clone=self.clone,
            labels=dict(self.labels),
            owner=self.owner,
            anti_affinity=self.anti_affinity,
            require=dict(self.require),
            host=host,
            idempotency_key=idempotency_key,
            rebuilds=rebuilds,
        )

    def to_request(self) -> HostVMRequest:
        """Return the request to a host, without its key."""
        return HostVMRequest(
            name=self.vm.name,
            vcpus=self.vm.vcpus,
            memory_gib=self.vm.memory_mib / MIB_PER_GIB,
            level=self.vm.level,
            image=self.image,
            clone=self.clone,
            labels=dict(self.labels),
            owner=self.owner,
            anti_affinity=self.anti_affinity,
        )

    def describes(self, existing: VMRecord) -> bool:
        """Return whether a VM is what this asks for; only its host can compare images.

        A host of an earlier release does not keep the group. Whose a VM is, is never guessed.
        """
        return (
            (self.vm, self.clone, dict(self.labels))
            == (existing.vm, existing.clone, dict(existing.labels))
            and existing.owner == self.owner
            and existing.anti_affinity in ("", self.anti_affinity)
        )
