"""The REST interface of the controller."""

from dataclasses import replace

from slackvm.api import host_api
from slackvm.api.cluster import (
    ClusterHostReply,
    ClusterStatusReply,
    ClusterVMReply,
    ClusterVMRequest,
    ClusterVMsReply,
    EvacuationReply,
    EvacuationRequest,
    ForgottenHostReply,
    HostChoice,
    HostPatch,
    HostPath,
    HostRemoval,
    HostRequest,
    HostsQuery,
    HostsReply,
    VMRemoval,
    VMsQuery,
)
from slackvm.api.controllers import ControllerReply
from slackvm.api.endpoint import Endpoint, Lane
from slackvm.api.events import EventsQuery, EventsReply
from slackvm.api.hosts import SummaryReply
from slackvm.api.roles import CallerReply, Role
from slackvm.api.scheduling import (
    CapacityReply,
    CapacityRequest,
    ClusterPlanReply,
    ClusterPlanRequest,
)
from slackvm.api.vms import ChangedReply, VMPath
from slackvm.model.codes import Code

_STORE = (Code.STORAGE_FULL, Code.STORAGE_FAILED)
_ADDRESS = (Code.HOST_UNREACHABLE, Code.HOST_EXISTS, Code.OTHER_HOST, Code.INSECURE)
_NOT_NOW = (
    *(Code.NOT_READY, Code.HOST_UNREACHABLE, Code.OUTCOME_UNKNOWN, Code.HYPERVISOR_FAILED),
    *(Code.HOST_BUSY, *_STORE),
)
_CHANGE = (Code.VM_NOT_FOUND, Code.NAME_TAKEN, Code.VM_LOST, Code.OTHER_CONTROLLER, *_NOT_NOW)
_DEPLOY = (
    *(Code.IMAGE_NOT_FOUND, Code.IMAGE_OUTSIDE, Code.IMAGE_INVALID, Code.IMAGE_IN_USE),
    *(Code.NO_CPU, Code.NO_MEMORY, Code.TOO_LARGE, Code.OVERCOMMITTED, Code.CORDONED),
    *(Code.NAME_TAKEN, Code.LEVEL_NOT_OFFERED, Code.LABELS_NOT_MATCHED, Code.OTHER_CONTROLLER),
    *(Code.AFFINITY, Code.HOST_OUTDATED, Code.EXCLUDED_BY_POLICY, Code.POLICY_FAILED),
    Code.VM_LOST,
    Code.QUOTA_EXCEEDED,
    *_NOT_NOW,
)

CREATE_VM: Endpoint[None, ClusterVMRequest] = Endpoint(
    method="POST",
    path="/v1/vms",
    summary="Create a VM on the best host; repeating the request changes nothing.",
    replies={201: ChangedReply, 200: ChangedReply},
    codes=(*_DEPLOY, Code.HOST_NOT_FOUND),
    input=ClusterVMRequest,
    changes=True,
    role=Role.DEPLOY,
    tags=("vms",),
)

LIST_VMS: Endpoint[None, VMsQuery] = Endpoint(
    method="GET",
    path="/v1/vms",
    summary="VMs by name, page by page.",
    by_owner=True,
    replies={200: ClusterVMsReply},
    input=VMsQuery,
    tags=("vms",),
)

SHOW_VM: Endpoint[VMPath, HostChoice] = Endpoint(
    method="GET",
    path="/v1/vms/{name}",
    summary="One VM; it may be lost.",
    by_owner=True,
    replies={200: ClusterVMReply},
    codes=(Code.VM_NOT_FOUND, Code.OUTCOME_UNKNOWN),
    parameters=VMPath,
    input=HostChoice,
    tags=("vms",),
)

REMOVE_VM: Endpoint[VMPath, VMRemoval] = Endpoint(
    method="DELETE",
    path="/v1/vms/{name}",
    summary="Remove a VM, or let a lost one go; its image stays. Returns its host in numbers.",
    replies={200: SummaryReply},
    codes=_CHANGE,
    parameters=VMPath,
    input=VMRemoval,
    changes=True,
    role=Role.DEPLOY,
    tags=("vms",),
)

REBUILD_VM: Endpoint[VMPath, HostChoice] = Endpoint(
    method="POST",
    path="/v1/vms/{name}/rebuild",
    summary="Create a lost VM again on the best host, as it was deployed.",
    replies={201: ChangedReply, 200: ChangedReply},
    codes=(Code.VM_NOT_FOUND, *_DEPLOY),
    parameters=VMPath,
    input=HostChoice,
    input_in_query=True,
    changes=True,
    role=Role.DEPLOY,
    tags=("vms",),
)

CHANGE_VM: dict[str, Endpoint[VMPath, HostChoice]] = {
    verb: Endpoint(
        method=endpoint.method,
        path=endpoint.path,
        summary=endpoint.summary,
        replies=endpoint.replies,
        codes=_CHANGE,
        parameters=VMPath,
        input=HostChoice,
        input_in_query=True,
        changes=True,
        role=endpoint.role,
        tags=endpoint.tags,
    )
    for verb, endpoint in host_api.CHANGE_VM.items()
}

LIST_HOSTS: Endpoint[None, HostsQuery] = Endpoint(
    method="GET",
    path="/v1/hosts",
    summary="Hosts that have changed since a revision; without one, all.",
    by_owner=True,
    replies={200: HostsReply},
    input=HostsQuery,
    tags=("hosts",),
)

ADD_HOST: Endpoint[None, HostRequest] = Endpoint(
    method="POST",
    path="/v1/hosts",
    summary="Add a host that answers; one that is known already stays as it is.",
    replies={201: ClusterHostReply, 200: ClusterHostReply},
    codes=(*_ADDRESS, Code.OTHER_CONTROLLER, *_STORE),
    input=HostRequest,
    changes=True,
    tags=("hosts",),
)

PATCH_HOST: Endpoint[HostPath, HostPatch] = Endpoint(
    method="PATCH",
    path="/v1/hosts/{name}",
    summary="Change a host's address; override its labels, or give its own ones back.",
    replies={200: ClusterHostReply},
    codes=(Code.HOST_NOT_FOUND, *_ADDRESS, *_STORE),
    parameters=HostPath,
    input=HostPatch,
    changes=True,
    role=Role.OPERATE,
    tags=("hosts",),
)

REMOVE_HOST: Endpoint[HostPath, HostRemoval] = Endpoint(
    method="DELETE",
    path="/v1/hosts/{name}",
    summary="Remove a host from the cluster; its VMs keep running. Returns what is forgotten.",
    replies={200: ForgottenHostReply},
    codes=(Code.HOST_NOT_FOUND, Code.HAS_VMS, *_STORE),
    parameters=HostPath,
    input=HostRemoval,
    changes=True,
    tags=("hosts",),
)

CORDON_HOST: dict[str, Endpoint[HostPath, None]] = {
    verb: Endpoint(
        method="POST",
        path=f"/v1/hosts/{{name}}/{verb}",
        summary=summary,
        replies={200: ClusterHostReply},
        codes=(Code.HOST_NOT_FOUND, *_STORE),
        parameters=HostPath,
        changes=True,
        role=Role.OPERATE,
        tags=("hosts",),
    )
    for verb, summary in (
        ("cordon", "Place no more VMs on a host; those on it stay."),
        ("uncordon", "Place VMs on a host again."),
    )
}

EVACUATE_HOST: Endpoint[HostPath, EvacuationRequest] = Endpoint(
    method="POST",
    path="/v1/hosts/{name}/evacuate",
    summary="Create the VMs of a host that is off again elsewhere; the host is fenced.",
    replies={200: EvacuationReply},
    codes=(Code.HOST_NOT_FOUND, Code.HOST_ANSWERS, *_STORE),
    parameters=HostPath,
    input=EvacuationRequest,
    changes=True,
    role=Role.OPERATE,
    tags=("hosts",),
)

UNFENCE_HOST: Endpoint[HostPath, None] = Endpoint(
    method="POST",
    path="/v1/hosts/{name}/unfence",
    summary="Accept an evacuated host again; copies of VMs that are elsewhere are removed from it.",
    replies={200: ClusterHostReply},
    codes=(Code.HOST_NOT_FOUND, *_CHANGE),
    parameters=HostPath,
    changes=True,
    role=Role.OPERATE,
    tags=("hosts",),
)

PLAN: Endpoint[None, ClusterPlanRequest] = Endpoint(
    method="POST",
    path="/v1/plan",
    summary="Where a VM would go: the score of every host, or why it refuses.",
    by_owner=True,
    replies={200: ClusterPlanReply},
    codes=(Code.POLICY_NOT_FOUND, Code.HOST_NOT_FOUND, Code.POLICY_FAILED),
    input=ClusterPlanRequest,
    tags=("scheduling",),
)

CAPACITY: Endpoint[None, CapacityRequest] = Endpoint(
    method="POST",
    path="/v1/capacity",
    summary="How many more VMs of a mix fit, and how many hosts a number of them needs.",
    by_owner=True,
    replies={200: CapacityReply},
    codes=(Code.TOO_MUCH, Code.TOO_LARGE, Code.POLICY_FAILED),
    input=CapacityRequest,
    lane=Lane.SLOW,
    tags=("scheduling",),
)

SHOW_CONTROLLER: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/v1/controller",
    summary="The controller's ID and epoch, and which hosts obey it.",
    replies={200: ControllerReply},
    tags=("controller",),
)

TAKE_OVER: Endpoint[None, None] = Endpoint(
    method="POST",
    path="/v1/controller/take-over",
    summary="Let all hosts obey this controller, whomever they obey now; begins a new epoch.",
    replies={200: ControllerReply},
    codes=_STORE,
    changes=True,
    tags=("controller",),
)

LIST_EVENTS: Endpoint[None, EventsQuery] = Endpoint(
    method="GET",
    path="/v1/events",
    summary="The operations log after an entry; it can wait for new entries.",
    by_owner=True,
    replies={200: EventsReply},
    codes=_STORE,
    input=EventsQuery,
    tags=("events",),
)

CALLER: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/v1/me",
    summary="Who the caller is: the name and role of the token, its limits, and what its VMs use.",
    by_owner=True,
    replies={200: CallerReply},
    tags=("daemon",),
)

LIVENESS = replace(host_api.LIVENESS, summary="Whether the controller runs.")

READINESS = replace(
    host_api.READINESS,
    summary="Whether it can place VMs: it has polled every host once and can write its store.",
)

PROTOTYPE_STATUS: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/status",
    summary="What is free, and the vNodes, on each host by its URL.",
    by_owner=True,
    replies={200: ClusterStatusReply},
    tags=("prototype",),
)

PROTOTYPE_DEPLOY = replace(
    host_api.PROTOTYPE_DEPLOY, summary="Create a VM on the best host and start it.", codes=_DEPLOY
)

PROTOTYPE_REMOVE = replace(host_api.PROTOTYPE_REMOVE, codes=_CHANGE)
