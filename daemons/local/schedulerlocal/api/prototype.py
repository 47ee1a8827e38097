"""The GET endpoints of the paper's prototype, with its names and reply fields."""

from schedulerlocal.api.host import (
    NO_ANSWER,
    NOT_NOW,
    REFUSED,
    UNKNOWN,
    LocalHost,
    refused,
    rest_errors,
)
from schedulerlocal.api.replies import summary_reply
from slackvm.api.prototype import (
    DeployQuery,
    Done,
    NameQuery,
    NamesReply,
    NoProgress,
    NotDone,
    Progress,
    SizeQuery,
    StatusReply,
    told_as_prototype,
)
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response


def endpoints(host: LocalHost) -> list[AnyEndpoint]:
    """Return the prototype's endpoints of a host."""
    agent = host.agent

    def deploy(call: Request[None, DeployQuery]) -> Response:
        asked = call.input
        with rest_errors():
            agent.deploy(asked.vm(asked.name), asked.qcow2, clone=False)
        return Response(200, Done())

    def remove(call: Request[None, NameQuery]) -> Response:
        with rest_errors():
            agent.remove(call.input.name)
        return Response(200, Done())

    def progress(call: Request[None, SizeQuery]) -> Response:
        # A name that no VM can have, so that it is never taken.
        vm = call.input.vm("(any)")
        plan = agent.plan(vm)
        if plan.refusal:
            raise refused(plan.refusal)
        return Response(200, Progress(progress=agent.progress(vm) or 0.0))

    def status(_: Request[None, None]) -> Response:
        return Response(200, told_as_prototype(summary_reply(agent.view, host.identity)))

    return [
        Endpoint(
            method="GET",
            path="/",
            summary="A line of text.",
            handler=lambda _: Response(200, f"SlackVM local scheduler of {host.identity.name}\n"),
            answers={200: "text/plain"},
            changes=False,
            tags=("prototype",),
        ),
        Endpoint(
            method="GET",
            path="/status",
            summary="What is free and what each vNode has.",
            handler=status,
            answers={200: StatusReply},
            changes=False,
            tags=("prototype",),
        ),
        Endpoint(
            method="GET",
            path="/listvm",
            summary="Names of all VMs.",
            handler=lambda _: Response(200, NamesReply(list(agent.view.vms))),
            answers={200: NamesReply},
            changes=False,
            tags=("prototype",),
        ),
        Endpoint(
            method="GET",
            path="/deploy",
            summary="Create a VM and start it.",
            handler=deploy,
            answers={200: Done},
            errors={400: "The image cannot be had.", 409: REFUSED, 503: NOT_NOW, 504: NO_ANSWER},
            failure=NotDone,
            input=DeployQuery,
            changes=True,
            tags=("prototype",),
        ),
        Endpoint(
            method="GET",
            path="/remove",
            summary="Remove a VM; its image stays.",
            handler=remove,
            answers={200: Done},
            errors={404: UNKNOWN, 503: NOT_NOW, 504: NO_ANSWER},
            failure=NotDone,
            input=NameQuery,
            changes=True,
            tags=("prototype",),
        ),
        Endpoint(
            method="GET",
            path="/progress",
            summary="How far a VM would bring the host toward its ideal memory per CPU.",
            handler=progress,
            answers={200: Progress},
            errors={409: REFUSED},
            failure=NoProgress,
            input=SizeQuery,
            changes=False,
            tags=("prototype",),
        ),
    ]
