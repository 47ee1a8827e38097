"""The GET endpoints of the paper's prototype, with its names and reply fields."""

from pathlib import Path

from schedulerlocal.api.errors import refused, rest_errors
from schedulerlocal.api.local_host import LocalHost
from schedulerlocal.api.replies import summary_reply
from schedulerlocal.hypervisor import VMSpec
from slackvm.api import host_api
from slackvm.api.prototype import (
    DeployQuery,
    Done,
    NameQuery,
    NamesReply,
    Progress,
    SizeQuery,
    prototype_status,
)
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(host: LocalHost) -> list[AnyRoute]:
    """Return the routes."""
    agent = host.agent

    def index(_: Request[None, None]) -> Response:
        return Response(200, f"SlackVM local scheduler of {host.identity.name}\n")

    def status(_: Request[None, None]) -> Response:
        return Response(200, prototype_status(summary_reply(agent.view, host.identity)))

    def names(_: Request[None, None]) -> Response:
        return Response(200, NamesReply(list(agent.view.vms)))

    def deploy(request: Request[None, DeployQuery]) -> Response:
        given = request.input
        with rest_errors():
            vm, image = given.vm(given.name), Path(given.qcow2)
            agent.deploy(VMSpec(vm, "", image, clone=False, created=0))
        return Response(200, Done())

    def remove(request: Request[None, NameQuery]) -> Response:
        with rest_errors():
            agent.remove(request.input.name)
        return Response(200, Done())

    def progress(request: Request[None, SizeQuery]) -> Response:
        # No VM can have this name, so it is never taken.
        vm = request.input.vm("(any)")
        plan = agent.plan(vm)
        if plan.refusal:
            raise refused(plan.refusal)
        return Response(200, Progress(progress=agent.progress(vm) or 0.0))

    return [
        Route(host_api.PROTOTYPE_INDEX, index),
        Route(host_api.PROTOTYPE_STATUS, status),
        Route(host_api.PROTOTYPE_NAMES, names),
        Route(host_api.PROTOTYPE_DEPLOY, deploy),
        Route(host_api.PROTOTYPE_REMOVE, remove),
        Route(host_api.PROTOTYPE_PROGRESS, progress),
    ]
