"""Requests to hosts; every answer is validated."""

from schedulerglobal.hosts.checks import (
    check_host,
    check_report,
    check_summary,
    check_vm,
)
from schedulerglobal.hosts.connections import Answer, HostConnections
from schedulerglobal.hosts.replies import (
    HostReport,
    InvalidReplyError,
    OutcomeUnknownError,
)
from schedulerglobal.hosts.url import HostUrl
from slackvm.api import host_api
from slackvm.api.controllers import ObeyReply, ObeyRequest
from slackvm.api.hosts import HostReply, SummaryReply
from slackvm.api.vms import (
    CancelReply,
    CancelRequest,
    ChangedReply,
    HostVMRequest,
    RemovalQuery,
    RemovalsReply,
    VMPath,
    VMReply,
    VMsReply,
    WithdrawRequest,
)
from slackvm.deadline import Deadline

POLL_S = 5.0
"""Seconds that a host may take to report."""

_SHORTEST_S = 0.1
"""Seconds that a host gets for a change even at the end of an operation."""


class HostClient:
    """What the controller asks its hosts.

    Args:
        connections: the connections to the hosts.
        timeout_s: seconds that a host may take for a change.

    Attributes:
        connections, timeout_s: the arguments.
    """

    def __init__(self, connections: HostConnections, timeout_s: float = 20.0) -> None:
        self.connections = connections
        self.timeout_s = timeout_s
        self._send = connections.send

    def report(self, url: HostUrl, known: str = "", *, is_held: bool = False) -> HostReport | None:
        """Return all that a host reports; None if its ETag is still `known`.

        Args:
            url: the host.
            known: its ETag.
            is_held: whether it must not start VMs after its boot: it was evacuated.

        Raises:
            HostError: it did not answer, or not as a host's daemon does.
        """
        timeout_s = min(self.timeout_s, POLL_S)
        # Both replies must be of the same generation.
        for _ in range(3):
            host = self._send(
                url, host_api.SHOW_HOST, None, None, timeout_s, known, is_held=is_held
            )
            if host.status == 304:
                return None
            vms = self._send(url, host_api.LIST_VMS, None, None, timeout_s, is_held=is_held)
            if vms.etag == host.etag:
                return check_report(
                    HostReport(host.etag, host.parsed(HostReply), vms.parsed(VMsReply))
                )
        raise OutcomeUnknownError("it changes faster than it can be polled")

    def host(self, url: HostUrl) -> HostReply:
        """Return what answers at a URL, which need not be in the cluster.

        Raises:
            HostError: nothing does, or not as a host's daemon does.
        """
        timeout_s = min(self.timeout_s, POLL_S)
        return check_host(
            self._send(url, host_api.SHOW_HOST, None, None, timeout_s).parsed(HostReply)
        )

    def obey(self, url: HostUrl, *, take_over: bool = False) -> None:
        """Let a host obey this controller.

        Args:
            url: the host; it speaks version 3 or later.
            take_over: also if it obeys another one.

        Raises:
            HostError: it does not.
        """
        if self.connections.claim is None:
            raise ValueError("the controller has no claim yet")
        given = ObeyRequest(**self.connections.claim._asdict(), take_over=take_over)
        # It waits for changes of another controller that run.
        self._send(url, host_api.OBEY, None, given, self.timeout_s).parsed(ObeyReply)

    def release(self, url: HostUrl) -> None:
        """Let a host obey no controller, if it obeys this one.

        Raises:
            HostError: it does not.
        """
        self._send(url, host_api.RELEASE, None, None, min(self.timeout_s, POLL_S))

    def removals(self, url: HostUrl) -> frozenset[tuple[str, float]]:
        """Return the VMs that were last removed from a host, each with its time of creation.

        Raises:
            HostError: it did not answer, or not as a host's daemon does.
        """
        timeout_s = min(self.timeout_s, POLL_S)
        answer = self._send(url, host_api.LIST_REMOVALS, None, None, timeout_s)
        listed = answer.parsed(RemovalsReply).removals
        return frozenset((removal.name, removal.created) for removal in listed)

    def deadline(self) -> Deadline:
        """Return until when to work on an operation that begins now, with repeated requests."""
        return Deadline(2 * self.timeout_s)

    def deploy(
        self,
        url: HostUrl,
        request: HostVMRequest,
        idempotency_key: str,
        deadline: Deadline,
        *,
        api_version: int,
    ) -> tuple[ChangedReply, bool]:
        """Create a VM; if the host has it already, it returns that one.

        Args:
            url: the host.
            request: the VM; it has labels only if the host knows them. Owner and group are sent to
                hosts that keep them.
            idempotency_key: the same in each request of one reservation.
            deadline: when the operation ends.
            api_version: version of the REST interface that the host speaks.

        Returns:
            The VM, and whether it is new.
        """
        key = "idempotency_key" if api_version > 1 else "attempt"
        left_out = {} if api_version > 2 else {"owner": "", "anti_affinity": ""}
        given = request.model_copy(update={key: idempotency_key, **left_out})
        answer = self._send(url, host_api.CREATE_VM, None, given, self._left_s(deadline))
        return _changed(answer, request.name), answer.status == 201

    def cancel(
        self, url: HostUrl, name: str, idempotency_key: str, *, api_version: int
    ) -> VMReply | None:
        """Have the host refuse all requests with a key from now on.

        Returns:
            The VM of that name; None: it does not exist.
        """
        path = VMPath(name=name)
        if api_version > 1:
            cancel = CancelRequest(idempotency_key=idempotency_key)
            answer = self._send(url, host_api.CANCEL_VM, path, cancel, self.timeout_s)
        else:
            withdraw = WithdrawRequest(attempt=idempotency_key)
            answer = self._send(url, host_api.WITHDRAW_VM, path, withdraw, self.timeout_s)
        vm = answer.parsed(CancelReply).vm
        if vm is not None:
            check_vm(vm, vm.host)
            _check_name(vm, name)
        return vm

    def remove(self, url: HostUrl, name: str, created: float, deadline: Deadline) -> SummaryReply:
        """Remove the VM that was created at this time, and no other one of its name."""
        path, query = VMPath(name=name), RemovalQuery(created=created)
        answer = self._send(url, host_api.REMOVE_VM, path, query, self._left_s(deadline))
        return check_summary(answer.parsed(SummaryReply))

    def change_state(self, url: HostUrl, name: str, verb: str) -> ChangedReply:
        """Start, stop or restart a VM."""
        endpoint = host_api.CHANGE_VM[verb]
        return _changed(self._send(url, endpoint, VMPath(name=name), None, self.timeout_s), name)

    def _left_s(self, deadline: Deadline) -> float:
        """Return how many seconds a request may take before a deadline; at least a short time."""
        return max(min(self.timeout_s, deadline.left), _SHORTEST_S)


def _changed(answer: Answer, name: str) -> ChangedReply:
    reply = answer.parsed(ChangedReply)
    check_vm(reply, reply.summary.name)
    _check_name(reply, name)
    summary = check_summary(reply.summary)
    return reply if summary is reply.summary else reply.model_copy(update={"summary": summary})


def _check_name(vm: VMReply, name: str) -> None:
    if vm.name != name:
        raise InvalidReplyError(f"answered with VM {vm.name} instead of {name}")
