"""The REST endpoints of the local daemon."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from schedulerlocal.agent.errors import BusyError, RefusedError
from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.view import NOT_READY, View
from schedulerlocal.api.replies import (
    Identity,
    host_reply,
    plan_reply,
    summary_reply,
    vm_reply,
)
from schedulerlocal.hypervisor import (
    HypervisorError,
    ObservedVM,
    UnavailableError,
)
from slackvm import __version__
from slackvm.api.base import HealthReply, Reply
from slackvm.api.errors import RestError
from slackvm.api.hosts import HostReply, SummaryReply
from slackvm.api.plans import PlanReply
from slackvm.api.vms import (
    CancelReply,
    CancelRequest,
    ChangedReply,
    HostVMRequest,
    RemovalQuery,
    VMPath,
    VMReply,
    VMRequest,
    VMsReply,
    WithdrawRequest,
)
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal

Result = TypeVar("Result")

REFUSED = "The host refuses: `code` tells why, `needed` and `free` by how much."
NOT_NOW = "The hypervisor cannot be asked now, or other operations take too long. Nothing was done."
NO_ANSWER = "The hypervisor gave no answer: whether it was done is not known; ask again."
UNKNOWN = "There is no such VM of this host's."


@dataclass(frozen=True)
class LocalHost:
    """What the endpoints act on.

    Attributes:
        identity: what the host is.
        keeper: decides and does.
        addresses: network addresses of a VM by its name, as far as they are known.
    """

    identity: Identity
    agent: HostAgent
    addresses: Callable[[str], list[str]]

    def told(self, view: View, vm: ObservedVM) -> VMReply:
        """Return a VM as it is told."""
        return vm_reply(view, vm, self.identity.name, self.addresses(vm.name))

    def changed(self, status: int, view: View, name: str) -> Response:
        """Answer with a VM that was changed, and the host as it was right then."""
        vm = self.told(view, view.vms[name])
        fields = {field: getattr(vm, field) for field in VMReply.model_fields}
        reply = ChangedReply(**fields, summary=summary_reply(view, self.identity))
        return self.answer(view, reply, status)

    def summary(self) -> Response:
        """Answer with the host in numbers."""
        view = self.agent.view
        return self.answer(view, summary_reply(view, self.identity))

    def state(self) -> Response:
        """Answer with the whole host."""
        view = self.agent.view
        return self.answer(view, host_reply(view, self.identity))

    def answer(self, view: View, reply: Reply, status: int = 200) -> Response:
        """Answer with an ETag that says which state of the host was told."""
        return Response(status, reply, etag=f"{self.identity.boot_id}-{view.generation}")


@contextmanager
def rest_errors() -> Iterator[None]:
    """Turn the errors of an operation into those of REST."""
    try:
        yield
    except RefusedError as error:
        raise refused(error.refusal) from error
    except BusyError as error:
        raise RestError(Code.OVERLOADED, str(error), headers=_RETRY) from error
    except UnavailableError as error:
        # 504 where the hypervisor was asked: the controller must not ask another host then.
        raise RestError(error.code, str(error), headers=_RETRY) from error
    except HypervisorError as error:
        raise RestError(error.code, str(error)) from error


def refused(refusal: Refusal) -> RestError:
    """Return a refusal of the host as an error of REST."""
    return RestError(refusal.code, refusal.message, needed=refusal.needed, free=refusal.free)


_RETRY = {"Retry-After": "2"}


def endpoints(host: LocalHost) -> list[AnyEndpoint]:
    """Return the endpoints of a host, but for the prototype's."""
    agent = host.agent

    def create(call: Request[None, HostVMRequest]) -> Response:
        asked = call.input
        with rest_errors():
            view, is_new = agent.deploy(
                asked.vm(), asked.image, asked.clone, asked.labels, asked.key
            )
        return host.changed(201 if is_new else 200, view, asked.name)

    def all_vms(_: Request[None, None]) -> Response:
        view = agent.view
        vms = [host.told(view, vm) for vm in view.vms.values()]
        return host.answer(view, VMsReply(vms=vms))

    def one_vm(call: Request[VMPath, None]) -> Response:
        view = agent.view
        if call.path.name not in view.vms:
            raise refused(Refusal(Code.VM_NOT_FOUND))
        return Response(200, host.told(view, view.vms[call.path.name]))

    def remove(call: Request[VMPath, RemovalQuery]) -> Response:
        with rest_errors():
            agent.remove(call.path.name, call.input.created)
        return host.summary()

    def changing(verb: str) -> Callable[[Request[VMPath, None]], Response]:
        def change(call: Request[VMPath, None]) -> Response:
            with rest_errors():
                view = agent.change_state(call.path.name, verb)
            return host.changed(200, view, call.path.name)

        return change

    def plan(call: Request[None, VMRequest]) -> Response:
        vm = call.input.vm()
        return Response(200, plan_reply(agent.plan(vm), agent.progress(vm)))

    return [
        Endpoint(
            method="POST",
            path="/v1/vms",
            summary="Create a VM and start it; the same request again changes nothing.",
            handler=create,
            answers={201: ChangedReply, 200: ChangedReply},
            errors={400: "The image cannot be had.", 409: REFUSED, 503: NOT_NOW, 504: NO_ANSWER},
            input=HostVMRequest,
            changes=True,
            tags=("vms",),
        ),
        Endpoint(
            method="GET",
            path="/v1/vms",
            summary="All VMs. The ETag is the host's generation.",
            handler=all_vms,
            answers={200: VMsReply, 304: None},
            changes=False,
            tags=("vms",),
        ),
        Endpoint(
            method="GET",
            path="/v1/vms/{name}",
            summary="One VM.",
            handler=one_vm,
            answers={200: VMReply},
            errors={404: UNKNOWN},
            parameters=VMPath,
            changes=False,
            tags=("vms",),
        ),
        Endpoint(
            method="DELETE",
            path="/v1/vms/{name}",
            summary="Remove a VM; its image stays. Answers the host in numbers.",
            handler=remove,
            answers={200: SummaryReply},
            errors={404: UNKNOWN, 503: NOT_NOW, 504: NO_ANSWER},
            parameters=VMPath,
            input=RemovalQuery,
            changes=True,
            tags=("vms",),
        ),
        Endpoint(
            method="POST",
            path="/v1/vms/{name}/cancel",
            summary="Return the VM, or else refuse its requests with this key from now on.",
            handler=lambda call: _cancel(host, call.path.name, call.input.idempotency_key),
            answers={200: CancelReply},
            errors={503: NOT_NOW},
            parameters=VMPath,
            input=CancelRequest,
            changes=True,
            tags=("vms",),
        ),
        Endpoint(
            method="POST",
            path="/v1/vms/{name}/withdraw",
            summary="`cancel` under its name of release 0.1.0.",
            handler=lambda call: _cancel(host, call.path.name, call.input.attempt),
            answers={200: CancelReply},
            errors={503: NOT_NOW},
            parameters=VMPath,
            input=WithdrawRequest,
            changes=True,
            tags=("vms",),
        ),
        *(
            Endpoint(
                method="POST",
                path=f"/v1/vms/{{name}}/{verb}",
                summary=f"{verb.capitalize()} a VM; it keeps its CPUs and memory either way.",
                handler=changing(verb),
                answers={200: ChangedReply},
                errors={404: UNKNOWN, 503: NOT_NOW, 504: NO_ANSWER},
                parameters=VMPath,
                changes=True,
                tags=("vms",),
            )
            for verb in ("start", "stop", "restart")
        ),
        Endpoint(
            method="POST",
            path="/v1/plan",
            summary="What creating a VM would do; nothing changes.",
            handler=plan,
            answers={200: PlanReply},
            input=VMRequest,
            changes=False,
            tags=("host",),
        ),
        Endpoint(
            method="GET",
            path="/v1/host",
            summary="The host: its CPUs, vNodes and VMs. The ETag is its generation.",
            handler=lambda _: host.state(),
            answers={200: HostReply, 304: None},
            changes=False,
            tags=("host",),
        ),
        *_health(agent),
    ]


def _health(agent: HostAgent) -> list[AnyEndpoint]:
    def healthz(_: Request[None, None]) -> Response:
        return Response(200, HealthReply(status="ok", version=__version__, reason=""))

    def readyz(_: Request[None, None]) -> Response:
        view = agent.view
        if view.state == NOT_READY:
            reply = HealthReply(status=NOT_READY, version=__version__, reason=view.reason)
            return Response(503, reply)
        return Response(200, HealthReply(status=view.state, version=__version__, reason=""))

    return [
        Endpoint(
            method="GET",
            path="/healthz",
            summary="Whether the daemon lives.",
            handler=healthz,
            answers={200: HealthReply},
            changes=False,
            open=True,
            tags=("daemon",),
        ),
        Endpoint(
            method="GET",
            path="/readyz",
            summary="Whether the daemon can serve: the hypervisor answers it.",
            handler=readyz,
            answers={200: HealthReply, 503: HealthReply},
            changes=False,
            open=True,
            tags=("daemon",),
        ),
    ]


def _cancel(host: LocalHost, name: str, idempotency_key: str) -> Response:
    with rest_errors():
        found = host.agent.cancel(name, idempotency_key)
    vm = host.told(host.agent.view, found) if found else None
    return Response(200, CancelReply(vm=vm))
