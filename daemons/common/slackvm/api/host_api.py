"""The REST interface of a host."""

from slackvm.api.base import HealthReply
from slackvm.api.controllers import ObeyReply, ObeyRequest
from slackvm.api.endpoint import Endpoint, Lane
from slackvm.api.hosts import HostReply, SummaryReply
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
)
from slackvm.api.roles import Role
from slackvm.api.scheduling import PlanReply
from slackvm.api.vms import (
    CancelReply,
    CancelRequest,
    ChangedReply,
    HostVMRequest,
    RemovalQuery,
    RemovalsReply,
    VMPath,
    VMReply,
    VMRequest,
    VMsReply,
    WithdrawRequest,
)
from slackvm.model.codes import Code

_NOT_NOW = (Code.NOT_READY, Code.HYPERVISOR_FAILED, Code.NO_ANSWER)
_CHANGE = (Code.VM_NOT_FOUND, Code.OTHER_CONTROLLER, *_NOT_NOW)
_NO_ROOM = (
    *(Code.NO_CPU, Code.NO_MEMORY, Code.TOO_LARGE, Code.OVERCOMMITTED),
    *(Code.NAME_TAKEN, Code.LEVEL_NOT_OFFERED),
)
_DEPLOY = (
    *(Code.IMAGE_NOT_FOUND, Code.IMAGE_OUTSIDE, Code.IMAGE_INVALID, Code.IMAGE_IN_USE),
    *_NO_ROOM,
    *(Code.STORAGE_FULL, Code.STORAGE_FAILED),
    *_NOT_NOW,
)

CREATE_VM: Endpoint[None, HostVMRequest] = Endpoint(
    method="POST",
    path="/v1/vms",
    summary="Create a VM and start it; repeating the request changes nothing.",
    replies={201: ChangedReply, 200: ChangedReply},
    codes=(*_DEPLOY, Code.AFFINITY, Code.CANCELLED, Code.OTHER_CONTROLLER),
    input=HostVMRequest,
    changes=True,
    role=Role.DEPLOY,
    tags=("vms",),
)

LIST_VMS: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/v1/vms",
    summary="All VMs. The ETag is the host's generation.",
    replies={200: VMsReply, 304: None},
    tags=("vms",),
)

SHOW_VM: Endpoint[VMPath, None] = Endpoint(
    method="GET",
    path="/v1/vms/{name}",
    summary="One VM.",
    replies={200: VMReply},
    codes=(Code.VM_NOT_FOUND,),
    parameters=VMPath,
    tags=("vms",),
)

REMOVE_VM: Endpoint[VMPath, RemovalQuery] = Endpoint(
    method="DELETE",
    path="/v1/vms/{name}",
    summary="Remove a VM; its image stays. Returns the host in numbers.",
    replies={200: SummaryReply},
    codes=_CHANGE,
    parameters=VMPath,
    input=RemovalQuery,
    changes=True,
    role=Role.DEPLOY,
    tags=("vms",),
)

LIST_REMOVALS: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/v1/removals",
    summary="The last VMs that were removed: what is gone and not among them is lost.",
    replies={200: RemovalsReply},
    tags=("vms",),
)

CANCEL_VM: Endpoint[VMPath, CancelRequest] = Endpoint(
    method="POST",
    path="/v1/vms/{name}/cancel",
    summary="Return the VM; if it does not exist, refuse requests with this key from now on.",
    replies={200: CancelReply},
    codes=(Code.OTHER_CONTROLLER, *_NOT_NOW),
    parameters=VMPath,
    input=CancelRequest,
    changes=True,
    role=Role.DEPLOY,
    tags=("vms",),
)

WITHDRAW_VM: Endpoint[VMPath, WithdrawRequest] = Endpoint(
    method="POST",
    path="/v1/vms/{name}/withdraw",
    summary="`cancel` under its name of release 0.1.0.",
    replies={200: CancelReply},
    codes=(Code.OTHER_CONTROLLER, *_NOT_NOW),
    parameters=VMPath,
    input=WithdrawRequest,
    changes=True,
    role=Role.DEPLOY,
    tags=("vms",),
)

CHANGE_VM: dict[str, Endpoint[VMPath, None]] = {
    verb: Endpoint(
        method="POST",
        path=f"/v1/vms/{{name}}/{verb}",
        summary=f"{verb.capitalize()} a VM; it keeps its CPUs and memory.",
        replies={200: ChangedReply},
        codes=_CHANGE,
        parameters=VMPath,
        changes=True,
        role=Role.DEPLOY,
        tags=("vms",),
    )
    for verb in ("start", "stop", "restart")
}

PLAN: Endpoint[None, VMRequest] = Endpoint(
    method="POST",
    path="/v1/plan",
    summary="The plan for a VM; nothing changes.",
    replies={200: PlanReply},
    input=VMRequest,
    tags=("host",),
)

SHOW_HOST: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/v1/host",
    summary="The host: its CPUs, vNodes and VMs. The ETag is its generation.",
    replies={200: HostReply, 304: None},
    tags=("host",),
)

OBEY: Endpoint[None, ObeyRequest] = Endpoint(
    method="POST",
    path="/v1/controller",
    summary="Let the host obey a controller, and refuse changes of all others.",
    replies={200: ObeyReply},
    codes=(Code.OTHER_CONTROLLER, Code.OVERLOADED),
    input=ObeyRequest,
    changes=True,
    tags=("host",),
)

RELEASE: Endpoint[None, None] = Endpoint(
    method="DELETE",
    path="/v1/controller",
    summary="Let the host obey no controller, until one claims it.",
    replies={200: ObeyReply},
    codes=(Code.OTHER_CONTROLLER, Code.OVERLOADED),
    changes=True,
    tags=("host",),
)

LIVENESS: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/healthz",
    summary="Whether the daemon runs.",
    replies={200: HealthReply},
    open=True,
    lane=Lane.PROBE,
    tags=("daemon",),
)

READINESS: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/readyz",
    summary="Whether the daemon can serve: the hypervisor answers it.",
    replies={200: HealthReply, 503: HealthReply},
    open=True,
    lane=Lane.PROBE,
    tags=("daemon",),
)

PROTOTYPE_INDEX: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/",
    summary="A line of text.",
    replies={200: "text/plain"},
    tags=("prototype",),
)

PROTOTYPE_STATUS: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/status",
    summary="What is free, and the vNodes.",
    replies={200: StatusReply},
    tags=("prototype",),
)

PROTOTYPE_NAMES: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/listvm",
    summary="Names of all VMs.",
    replies={200: NamesReply},
    tags=("prototype",),
)

PROTOTYPE_DEPLOY: Endpoint[None, DeployQuery] = Endpoint(
    method="GET",
    path="/deploy",
    summary="Create a VM and start it.",
    replies={200: Done},
    codes=_DEPLOY,
    failure=NotDone,
    input=DeployQuery,
    changes=True,
    role=Role.DEPLOY,
    tags=("prototype",),
)

PROTOTYPE_REMOVE: Endpoint[None, NameQuery] = Endpoint(
    method="GET",
    path="/remove",
    summary="Remove a VM; its image stays.",
    replies={200: Done},
    codes=_CHANGE,
    failure=NotDone,
    input=NameQuery,
    changes=True,
    role=Role.DEPLOY,
    tags=("prototype",),
)

PROTOTYPE_PROGRESS: Endpoint[None, SizeQuery] = Endpoint(
    method="GET",
    path="/progress",
    summary="Progress of the host toward its ideal memory per CPU with one more VM.",
    replies={200: Progress},
    codes=_NO_ROOM,
    failure=NoProgress,
    input=SizeQuery,
    tags=("prototype",),
)
