"""A host of the cluster as the controller knows it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from schedulerglobal.node import Picture
from schedulerglobal.node_url import NodeUrl
from schedulerglobal.room import Capacity, Room
from slackvm.model.vm import VM
from slackvm.rest.cluster import ClusterHostReply
from slackvm.rest.hosts import HostReply, HostState, LevelReply, SummaryReply
from slackvm.rest.vms import VMReply, VMRequest

UNKNOWN: HostState = "unknown"


@dataclass(slots=True, eq=False)
class Order:
    """A VM that a host was chosen for, until it is known whether it came to be.

    Attributes:
        request: what was asked for.
        member: the host.
        busy: whether a thread is about to find out; the others wait for it.
    """

    request: VMRequest
    member: "Member"
    busy: bool = True


@dataclass(slots=True, eq=False)
class Member:
    """A host: what it told last, and what was ordered on it since. Guarded by the cluster's lock.

    Attributes:
        url: of its daemon.
        ordinal: its place among all hosts that there ever were.
        revision: the cluster's revision in which it last changed.
        cordoned: whether it shall get no VMs.
        state: whether VMs can be deployed on it.
        reason: why not, where it cannot be asked.
        told: itself, as it told last; None: it never did.
        etag: version of the last whole picture; empty: there is none.
        vms: its VMs by name.
        orders: VMs that are being deployed on it, or may have been, by name.
        room: what it has, and VMs that are or shall be on it.
        heard_at: when it last answered, on the monotonic clock; None: never.
    """

    url: NodeUrl
    ordinal: int
    revision: int = 0
    cordoned: bool = False
    state: HostState = UNKNOWN
    reason: str = "not asked yet"
    told: HostReply | None = None
    etag: str = ""
    vms: dict[str, VMReply] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    room: Room = field(default_factory=Room)
    heard_at: float | None = None

    @property
    def name(self) -> str:
        """Its name; until it has told one, host and port of its URL."""
        return self.told.name if self.told else self.url.place

    @property
    def age_s(self) -> float | None:
        """Seconds since it last answered."""
        return None if self.heard_at is None else round(time.monotonic() - self.heard_at, 3)

    def is_older(self, instance: str, generation: int, asked_at: float) -> bool:
        """Tell whether what a host said is older than what is known.

        Generations of one instance can be compared. Of another instance only this is known: if the
        host was asked after it last answered, then the other one is gone.
        """
        if self.told is None or self.heard_at is None:
            return False
        if instance == self.told.instance:
            return generation < self.told.generation
        return asked_at < self.heard_at

    def take_picture(self, picture: Picture) -> None:
        """Take over a whole picture."""
        self.told, self.etag = picture.host, picture.etag
        self.state, self.reason = picture.host.state, picture.host.reason
        self.vms = {vm.name: vm for vm in picture.vms.vms}
        placed = {name: model_vm(vm) for name, vm in self.vms.items()}
        ordered = {n: order.request.vm() for n, order in self.orders.items() if n not in placed}
        self.room = Room(Capacity.told(picture.host, placed), {**placed, **ordered})

    def take_summary(self, summary: SummaryReply) -> None:
        """Take over a host in numbers, told after a change; what is on it is not in there."""
        if self.told is None:
            return
        if summary.generation == self.told.generation + 1:
            # Nothing else has changed since the whole picture.
            self.etag = f"{summary.instance}-{summary.generation}" if self.etag else ""
        else:
            self.etag = ""
        fields = {name: getattr(summary, name) for name in SummaryReply.model_fields}
        self.told = self.told.model_copy(update=fields)
        self.vms = {name: self._with_pins(vm) for name, vm in self.vms.items()}

    def reply(self) -> ClusterHostReply:
        """Return the host as it is told to clients."""
        told = self.told or _never_told(self.url.place)
        fields = {name: getattr(told, name) for name in HostReply.model_fields}
        return ClusterHostReply(
            **{
                **fields,
                "state": self.state,
                "reason": self.reason,
                "vms": list(self.vms),
                "url": self.url.given,
                "age_s": self.age_s,
                "cordoned": self.cordoned,
                "pending": list(self.orders),
            }
        )

    def vm_reply(self, name: str) -> VMReply:
        """Return a VM as it is told to clients."""
        vm = self.vms[name]
        return vm.model_copy(update={"state": UNKNOWN}) if self.state == UNKNOWN else vm

    def _with_pins(self, vm: VMReply) -> VMReply:
        levels: Mapping[str, LevelReply] = self.told.levels if self.told else {}
        vnode = levels.get(str(vm.level))
        if vnode is None or vm.cpu_list == vnode.pin_list:
            return vm
        return vm.model_copy(update={"cpu_list": vnode.pin_list})


def model_vm(vm: VMReply) -> VM:
    """Return a VM that a host told of as the model knows VMs."""
    return VM(vm.name, vm.vcpus, vm.memory_mib, vm.level)


def _never_told(place: str) -> HostReply:
    return HostReply(
        name=place,
        version="",
        instance="",
        generation=0,
        state=UNKNOWN,
        reason="",
        cpus=0,
        cpus_free=0,
        memory_mib=0,
        memory_free_mib=0,
        offered=None,
        levels={},
        topology=[],
        vms=[],
        foreign=[],
        foreign_unpinned=0,
    )
