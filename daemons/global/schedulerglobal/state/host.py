"""A host of the cluster as the controller knows it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from schedulerglobal.hosts.replies import Picture
from schedulerglobal.hosts.url import HostUrl
from schedulerglobal.state.resources import UNKNOWN, HostResources
from schedulerglobal.store.base import StoredHost, StoredReservation
from slackvm.api.cluster import ClusterHostReply
from slackvm.api.hosts import HostReply, LevelReply, SummaryReply
from slackvm.api.vms import ChangedReply, VMReply, VMRequest
from slackvm.model.summary import HostSummary
from slackvm.model.vm import VM


@dataclass(slots=True, eq=False)
class Reservation:
    """A VM that a host was chosen for, until it is known whether it came to be.

    Attributes:
        request: what was asked for.
        member: the host.
        attempt: what the requests to the host bear, so that they can be withdrawn.
        busy: whether a thread is about to find out what came of it; the others wait.
        again: the host has such a VM already; it is asked whether it is what was asked for.
        lost: an answer was lost, so requests that bear the attempt may still be on their way.
        done: the VM is there.
    """

    request: VMRequest
    member: "HostRecord"
    attempt: str
    busy: bool = True
    again: bool = False
    lost: bool = False
    done: bool = False

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.request.name

    @property
    def stored(self) -> StoredReservation:
        """What must not be forgotten of it."""
        return StoredReservation(self.request, self.member.ordinal, self.attempt)


@dataclass(slots=True, eq=False)
class HostRecord:
    """A host: what it told last, and what was ordered on it since. Guarded by the cluster's lock.

    Attributes:
        url: of its daemon.
        ordinal: its place among all hosts that there ever were.
        known_as: the name that it told; empty: it never did.
        cordoned: whether it shall get no VMs.
        revision: the cluster's revision in which it last changed.
        told: itself, as it told last; None: it did not since the controller started.
        etag: version of the last whole picture; empty: there is none.
        vms: its VMs by name.
        orders: VMs that are being deployed on it, or may have been, by name.
        removing: names of VMs that are being removed from it, with how often that was asked.
        room: what placements go by, orders included.
        last_seen: when it last answered, on the monotonic clock; None: never.
        looked_at: whether it was asked since the controller started.
        forgotten: whether it is no part of the cluster any more.
        index: its place among the hosts that there are.
        names: of its VMs and orders, as the cluster's index has them.
    """

    url: HostUrl
    ordinal: int
    known_as: str = ""
    cordoned: bool = False
    revision: int = 0
    told: HostReply | None = None
    etag: str = ""
    vms: dict[str, VMReply] = field(default_factory=dict)
    orders: dict[str, Reservation] = field(default_factory=dict)
    removing: dict[str, int] = field(default_factory=dict)
    room: HostResources = field(default_factory=HostResources)
    last_seen: float | None = None
    looked_at: bool = False
    forgotten: bool = False
    index: int = -1
    names: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Its name; until it has told one, host and port of its URL."""
        return self.known_as or self.url.place

    @property
    def age_s(self) -> float | None:
        """Seconds since it last answered."""
        return None if self.last_seen is None else round(time.monotonic() - self.last_seen, 3)

    @property
    def is_unknown(self) -> bool:
        """Whether it does not answer."""
        return self.room.state == UNKNOWN

    @property
    def stored(self) -> StoredHost:
        """What must not be forgotten of it."""
        return StoredHost(self.ordinal, self.url.given, self.known_as, self.cordoned)

    def is_older(self, instance: str, generation: int, asked_at: float) -> bool:
        """Tell whether what a host said is older than what is known.

        Generations of one instance can be compared. Of another instance only this is known: if the
        host was asked after it last answered, then the instance that is known is gone.
        """
        if self.told is None or self.last_seen is None:
            return False
        if instance == self.told.instance:
            return generation < self.told.generation
        return asked_at < self.last_seen

    def room_of(self, picture: Picture) -> HostResources:
        """Return what placements go by according to a picture; VMs that are ordered count too."""
        told = {vm.name: model_vm(vm) for vm in picture.vms.vms}
        room = HostResources.told(picture.host, told)
        for order in self.orders.values():
            if order.name not in told:
                room = room.with_vm(order.request.vm())
        return room

    def take_picture(self, picture: Picture) -> None:
        """Take over a whole picture."""
        self.told, self.etag = picture.host, picture.etag
        self.known_as = picture.host.name
        self.vms = {vm.name: vm for vm in picture.vms.vms}

    def take_summary(self, summary: SummaryReply, steps: int) -> None:
        """Take over a host in numbers, told after a change.

        Args:
            summary: the host.
            steps: how many generations the change counts. Where there are more since the whole
                picture, more has changed than is known, and the next look must be a whole one.
        """
        if self.told is None:
            return
        grown = summary.generation - self.told.generation
        is_known = summary.instance == self.told.instance and grown in (0, steps)
        self.etag = f"{summary.instance}-{summary.generation}" if self.etag and is_known else ""
        fields = {name: getattr(summary, name) for name in SummaryReply.model_fields}
        self.told = self.told.model_copy(update=fields)
        self.vms = {name: self._pinned(vm) for name, vm in self.vms.items()}

    def summary(self) -> HostSummary:
        """Return the host in numbers, for placements."""
        return self.room.summary(self.name, cordoned=self.cordoned)

    def reply(self) -> ClusterHostReply:
        """Return the host as it is told to clients."""
        told = self.told or _NEVER_TOLD
        fields = {name: getattr(told, name) for name in HostReply.model_fields}
        fields |= {
            "name": self.name,
            "state": self.room.state,
            "reason": self.room.reason,
            "vms": list(self.vms),
            "url": self.url.given,
            "age_s": self.age_s,
            "cordoned": self.cordoned,
            "pending": list(self.orders),
        }
        return ClusterHostReply(**fields)

    def summary_reply(self) -> SummaryReply:
        """Return the host in numbers, as it told them last."""
        told = self.told or _NEVER_TOLD
        return SummaryReply(
            **{
                **{name: getattr(told, name) for name in SummaryReply.model_fields},
                "name": self.name,
                "state": self.room.state,
                "reason": self.room.reason,
            }
        )

    def vm_reply(self, name: str) -> VMReply:
        """Return a VM by name as it is told to clients."""
        return self.told_vm(self.vms[name])

    def told_vm(self, vm: VMReply) -> VMReply:
        """Return a VM as it is told to clients: of a host that does not answer, no state."""
        return vm.model_copy(update={"state": UNKNOWN}) if self.is_unknown else vm

    def changed_reply(self, name: str) -> ChangedReply:
        """Return a VM with its host as it is told to clients."""
        vm = self.vm_reply(name)
        fields = {field: getattr(vm, field) for field in VMReply.model_fields}
        return ChangedReply(**fields, summary=self.summary_reply())

    def _pinned(self, vm: VMReply) -> VMReply:
        """Return a VM with the CPUs that its vNode is told to use."""
        levels: Mapping[str, LevelReply] = self.told.levels if self.told else {}
        vnode = levels.get(str(vm.level))
        if vnode is None or vm.cpu_list == vnode.pin_list:
            return vm
        return vm.model_copy(update={"cpu_list": vnode.pin_list})


def model_vm(vm: VMReply) -> VM:
    """Return a VM that a host told of as the model knows VMs.

    Raises:
        ValueError: it is out of range.
    """
    return VM(vm.name, vm.vcpus, vm.memory_mib, vm.level)


def bare(reply: ChangedReply) -> VMReply:
    """Return a VM that was changed, without its host."""
    return VMReply(**{field: getattr(reply, field) for field in VMReply.model_fields})


_NEVER_TOLD = HostReply(
    name="",
    version="",
    boot_id="",
    generation=0,
    state=UNKNOWN,
    reason="",
    hypervisor=None,
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
