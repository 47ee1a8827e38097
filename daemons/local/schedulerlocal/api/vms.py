"""The REST endpoints about VMs."""

from collections.abc import Callable
from pathlib import Path

from schedulerlocal.api.errors import refused, rest_errors
from schedulerlocal.api.local_host import LocalHost
from schedulerlocal.hypervisor import VMSpec
from slackvm.api import host_api
from slackvm.api.vms import (
    CancelReply,
    CancelRequest,
    HostVMRequest,
    RemovalQuery,
    VMPath,
    VMsReply,
    WithdrawRequest,
)
from slackvm.http.routes import AnyRoute, Request, Response, Route
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal


def routes(host: LocalHost) -> list[AnyRoute]:
    """Return the routes."""
    agent = host.agent

    def create(request: Request[None, HostVMRequest]) -> Response:
        given = request.input
        with rest_errors():
            requested = VMSpec(
                given.vm(),
                "",
                Path(given.image),
                given.clone,
                created=0,
                labels=given.labels,
                owner=given.owner,
                anti_affinity=given.anti_affinity,
            )
            view, is_new = agent.deploy(requested, given.key)
        return host.changed(201 if is_new else 200, view, given.name)

    def list_vms(_: Request[None, None]) -> Response:
        view = agent.view
        return host.respond(view, VMsReply(vms=[host.vm(view, vm) for vm in view.vms.values()]))

    def show(request: Request[VMPath, None]) -> Response:
        view = agent.view
        if request.path.name not in view.vms:
            raise refused(Refusal(Code.VM_NOT_FOUND))
        return Response(200, host.vm(view, view.vms[request.path.name]))

    def remove(request: Request[VMPath, RemovalQuery]) -> Response:
        with rest_errors():
            agent.remove(request.path.name, request.input.created)
        return host.summary()

    def cancel(request: Request[VMPath, CancelRequest]) -> Response:
        return _cancel(host, request.path.name, request.input.idempotency_key)

    def withdraw(request: Request[VMPath, WithdrawRequest]) -> Response:
        return _cancel(host, request.path.name, request.input.attempt)

    def changing(verb: str) -> Callable[[Request[VMPath, None]], Response]:
        def change(request: Request[VMPath, None]) -> Response:
            with rest_errors():
                view = agent.change_state(request.path.name, verb)
            return host.changed(200, view, request.path.name)

        return change

    return [
        Route(host_api.CREATE_VM, create),
        Route(host_api.LIST_VMS, list_vms),
        Route(host_api.SHOW_VM, show),
        Route(host_api.REMOVE_VM, remove),
        Route(host_api.CANCEL_VM, cancel),
        Route(host_api.WITHDRAW_VM, withdraw),
        *(Route(endpoint, changing(verb)) for verb, endpoint in host_api.CHANGE_VM.items()),
    ]


def _cancel(host: LocalHost, name: str, idempotency_key: str) -> Response:
    with rest_errors():
        found = host.agent.cancel(name, idempotency_key)
    vm = host.vm(host.agent.view, found) if found else None
    return Response(200, CancelReply(vm=vm))
