"""Changes to VMs of the cluster: each is carried out by one host."""

import time

from schedulerglobal.cluster import Cluster
from schedulerglobal.member import Member, Order
from schedulerglobal.node import LostError, NodeError, Nodes, NotReachedError, RefusedError
from slackvm.model.refusal import Refusal
from slackvm.rest.hosts import SummaryReply
from slackvm.rest.vms import ChangedReply, VMRequest
from slackvm.service.errors import RestError

_PASSED_ON = frozenset({400})
"""Statuses that say that the request is at fault: no other host would take it."""


class Changes:
    """Deploys, removes, starts and stops VMs."""

    def __init__(self, cluster: Cluster, nodes: Nodes) -> None:
        self._cluster = cluster
        self._nodes = nodes

    def deploy(self, request: VMRequest) -> tuple[ChangedReply, bool]:
        """Create a VM on the best host; asked again for the same, tell the one that is there."""
        deadline = time.monotonic() + self._nodes.timeout_s
        excluded: list[Member] = []
        while True:
            order = self._order(request, excluded, deadline)
            if isinstance(order, Member):
                asked_at = time.monotonic()
                reply = self._nodes.deploy(order.url, request, self._nodes.timeout_s)
                self._cluster.changed(order, reply, asked_at)
                return reply, False
            try:
                return self._carry_out(order, deadline), True
            except (NotReachedError, RefusedError) as error:
                self._cluster.release(order)
                if isinstance(error, RefusedError) and error.status in _PASSED_ON:
                    raise refused_by_host(error) from error
                excluded.append(order.member)
            except LostError as error:
                self._cluster.leave_open(order)
                raise unknown(order.member, str(error)) from error

    def remove(self, name: str) -> SummaryReply:
        """Remove a VM."""
        member = self._holder(name)
        asked_at = time.monotonic()
        try:
            summary = self._nodes.remove(member.url, name, self._nodes.timeout_s)
        except RefusedError as error:
            if error.status == 404:
                self._cluster.removed(member, name, None, asked_at)
            raise refused_by_host(error) from error
        except NodeError as error:
            raise unknown(member, str(error)) from error
        self._cluster.removed(member, name, summary, asked_at)
        return summary

    def change_state(self, name: str, verb: str) -> ChangedReply:
        """Start, stop or restart a VM."""
        member = self._holder(name)
        asked_at = time.monotonic()
        try:
            reply = self._nodes.change_state(member.url, name, verb)
        except RefusedError as error:
            raise refused_by_host(error) from error
        except NodeError as error:
            raise unknown(member, str(error)) from error
        self._cluster.changed(member, reply, asked_at)
        return reply

    def _order(self, request: VMRequest, excluded: list[Member], deadline: float) -> Order | Member:
        cluster = self._cluster
        with cluster.lock:
            while True:
                holder = next(cluster.holders(request.name), None)
                if holder is None:
                    break
                order = holder.orders.get(request.name)
                if order is None:
                    vm = holder.vms[request.name]
                    asked = request.vm()
                    if (vm.vcpus, vm.memory_mib, vm.level, vm.clone) != (
                        asked.vcpus,
                        asked.memory_mib,
                        asked.level,
                        request.clone,
                    ):
                        raise refused(Refusal("name_taken"))
                    return holder
                if order.request != request:
                    raise refused(Refusal("name_taken"))
                if not order.busy:
                    order.busy = True
                    return order
                if not cluster.settled.wait(deadline - time.monotonic()):
                    raise unknown(holder, "the deploy takes long")
            ordered = cluster.order(request, excluded)
            if isinstance(ordered, Refusal):
                raise refused(ordered)
            return ordered

    def _carry_out(self, order: Order, deadline: float) -> ChangedReply:
        while True:
            asked_at = time.monotonic()
            try:
                reply = self._nodes.deploy(
                    order.member.url, order.request, max(deadline - asked_at, 0.1)
                )
            except LostError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
                continue
            self._cluster.confirm(order, reply, asked_at)
            return reply

    def _holder(self, name: str) -> Member:
        with self._cluster.lock:
            holder = next(self._cluster.holders(name), None)
        if holder is None:
            raise refused(Refusal("unknown"))
        return holder


def refused(refusal: Refusal) -> RestError:
    """Return a refusal as an error of REST."""
    status = 404 if refusal.code == "unknown" else 409
    field = {"name_taken": "name", "level_not_offered": "level"}.get(refusal.code)
    return RestError(
        status,
        refusal.code,
        refusal.message,
        field=field,
        needed=refusal.needed,
        free=refusal.free,
    )


def refused_by_host(error: RefusedError) -> RestError:
    """Return what a host said of a request as our own error."""
    detail = error.detail
    return RestError(
        error.status if error.status in (400, 404, 409, 503) else 503,
        detail.code,
        detail.message,
        field=detail.field,
        needed=detail.needed,
        free=detail.free,
        headers={"Retry-After": "2"} if error.status == 503 else None,
    )


def unknown(member: Member, reason: str) -> RestError:
    """Return the error that it is not known whether a host did something."""
    return RestError(
        503,
        "unknown",
        f"host {member.name}: {reason}; whether it was done is not known yet, ask again",
        headers={"Retry-After": "5"},
    )
