"""The hosts and VMs of the cluster, and who may be placed where. One lock guards it all."""

import secrets
import threading
import time
from collections.abc import Collection, Iterator

import structlog

from schedulerglobal.member import UNKNOWN, Member, Order
from schedulerglobal.node import Picture
from schedulerglobal.node_url import NodeUrl
from slackvm.model.placement import Fleet, Placement, place
from slackvm.model.policies import Policy
from slackvm.model.refusal import Refusal
from slackvm.model.vm import VM
from slackvm.rest.hosts import SummaryReply
from slackvm.rest.vms import ChangedReply, VMReply, VMRequest

log = structlog.get_logger()


class Cluster:
    """What is known of the cluster.

    Args:
        policy: scores the hosts for a VM.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.lock = threading.RLock()
        self.settled = threading.Condition(self.lock)
        self._members: list[Member] = []
        self._boot = secrets.token_hex(4)
        self._revision = 0
        self._ordinal = 0
        self._fleet = Fleet([])

    @property
    def members(self) -> list[Member]:
        """All hosts, in order."""
        with self.lock:
            return list(self._members)

    @property
    def revision(self) -> str:
        """What the cluster's state is called."""
        return f"{self._boot}-{self._revision}"

    def changed_since(self, revision: str) -> list[Member]:
        """Return the hosts that have changed since a revision; all, if it is none of ours."""
        boot, _, number = revision.partition("-")
        since = int(number) if boot == self._boot and number.isdecimal() else -1
        return [member for member in self._members if member.revision > since]

    def add(self, url: NodeUrl) -> tuple[Member, bool]:
        """Let a host be part of the cluster; return it, and whether it is new."""
        with self.lock:
            for member in self._members:
                if member.url.base == url.base:
                    return member, False
            self._ordinal += 1
            member = Member(url, self._ordinal)
            self._members.append(member)
            self._rebuild()
            self._changed(member)
            return member, True

    def forget(self, member: Member) -> None:
        """Let a host be no part of the cluster any more."""
        with self.lock:
            self._members.remove(member)
            self._revision += 1
            self._rebuild()

    def find_host(self, name: str) -> Member | None:
        """Return a host by its name."""
        with self.lock:
            return next((member for member in self._members if member.name == name), None)

    def cordon(self, member: Member, cordoned: bool) -> None:
        """Let a host get no VMs, or again."""
        with self.lock:
            member.cordoned = cordoned
            self._changed(member)

    def holders(self, name: str) -> Iterator[Member]:
        """Yield the hosts with a VM of that name, or one that it is ordered on."""
        for member in self._members:
            if name in member.vms or name in member.orders:
                yield member

    def saw(self, member: Member, picture: Picture | None, asked_at: float) -> bool:
        """Take over what a host told; return whether it was newer than what is known."""
        with self.lock:
            if picture is None:
                member.heard_at = time.monotonic()
                if member.told:
                    self._become(member, member.told.state, member.told.reason)
                return True
            host = picture.host
            if member.is_older(host.instance, host.generation, asked_at):
                return False
            namesake = self.find_host(host.name)
            if namesake is not None and namesake is not member:
                reason = f"{namesake.url.given} is a host of the same name, {host.name}"
                self._become(member, UNKNOWN, reason)
                return True
            member.take_picture(picture)
            member.heard_at = time.monotonic()
            self._changed(member)
            return True

    def lost(self, member: Member, reason: str) -> None:
        """Note that a host did not answer; what it has is kept."""
        with self.lock:
            self._become(member, UNKNOWN, reason)

    def place(self, vm: VM) -> Placement:
        """Return where a VM would go."""
        return place(self._fleet, vm, self.policy)

    def refusal(
        self, placement: Placement, index: int, excluded: Collection[Member]
    ) -> Refusal | None:
        """Return why a host does not take a VM."""
        member = self._members[index]
        if member in excluded:
            return Refusal("unknown")
        if member.state != "ready":
            return (
                Refusal("overcommitted") if member.state == "overcommitted" else Refusal("unknown")
            )
        if member.cordoned:
            return Refusal("overcommitted")
        return placement.candidates.refusal(index)

    def order(self, request: VMRequest, excluded: Collection[Member]) -> Order | Refusal:
        """Choose a host for a VM and reserve its place there."""
        with self.lock:
            vm = request.vm()
            placement = self.place(vm)
            refusals = [self.refusal(placement, i, excluded) for i in range(len(self._members))]
            takers = [i for i, refusal in enumerate(refusals) if refusal is None]
            if not takers:
                return next((r for r in refusals if r is not None), Refusal("unknown"))
            best = max(takers, key=lambda i: (placement.scores[i], -i))
            member = self._members[best]
            order = Order(request, member)
            member.orders[vm.name] = order
            member.room.vms[vm.name] = vm
            self._changed(member)
            return order

    def confirm(self, order: Order, reply: ChangedReply, asked_at: float) -> None:
        """Note that an order was carried out."""
        with self.lock:
            member = order.member
            member.orders.pop(order.request.name, None)
            fields = {name: getattr(reply, name) for name in VMReply.model_fields}
            member.vms[reply.name] = VMReply(**fields)
            self._heard(member, reply.summary, asked_at)
            self.settled.notify_all()

    def release(self, order: Order) -> None:
        """Note that an order was not carried out and never will be."""
        with self.lock:
            order.member.orders.pop(order.request.name, None)
            order.member.room.vms.pop(order.request.name, None)
            self._changed(order.member)
            self.settled.notify_all()

    def leave_open(self, order: Order) -> None:
        """Note that it is not known whether an order was carried out."""
        with self.lock:
            order.busy = False
            self.settled.notify_all()

    def removed(
        self, member: Member, name: str, summary: SummaryReply | None, asked_at: float
    ) -> None:
        """Note that a VM is gone."""
        with self.lock:
            member.vms.pop(name, None)
            member.room.vms.pop(name, None)
            self._heard(member, summary, asked_at)

    def changed(self, member: Member, reply: ChangedReply, asked_at: float) -> None:
        """Note that a VM's state has changed."""
        with self.lock:
            fields = {name: getattr(reply, name) for name in VMReply.model_fields}
            member.vms[reply.name] = VMReply(**fields)
            self._heard(member, reply.summary, asked_at)

    def _heard(self, member: Member, summary: SummaryReply | None, asked_at: float) -> None:
        if summary and not member.is_older(summary.instance, summary.generation, asked_at):
            member.take_summary(summary)
            member.heard_at = time.monotonic()
        self._changed(member)

    def _become(self, member: Member, state: str, reason: str) -> None:
        if (member.state, member.reason) != (state, reason):
            log.info("host", host=member.name, state=state, reason=reason)
            member.state, member.reason = state, reason  # type: ignore[assignment]
            self._changed(member)

    def _changed(self, member: Member) -> None:
        self._revision += 1
        member.revision = self._revision
        self._fleet.update(self._members.index(member), member.room.summary(member.name))

    def _rebuild(self) -> None:
        self._fleet = Fleet(member.room.summary(member.name) for member in self._members)
