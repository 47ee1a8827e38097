"""Hosts of the cluster over REST."""

from collections.abc import Callable

from pydantic import SecretStr

from schedulerglobal.hosts.url import HostUrl, parse_host_url
from schedulerglobal.operations import errors
from schedulerglobal.operations.membership import Membership
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.suspicion import trust
from slackvm.api import controller_api
from slackvm.api.base import API_VERSION, extend
from slackvm.api.cluster import (
    ClusterHostReply,
    ForgottenHostReply,
    HostPatch,
    HostPath,
    HostRemoval,
    HostRequest,
    HostsQuery,
    HostsReply,
)
from slackvm.api.errors import RestError
from slackvm.api.hosts import CPUReply
from slackvm.api.roles import Caller, Role
from slackvm.http.routes import AnyRoute, Request, Response, Route
from slackvm.model.codes import Code

_MOST_SHOWN = 10
"""VMs that the error names when a host with VMs is to be forgotten."""


def routes(cluster: Cluster, membership: Membership) -> list[AnyRoute]:
    """Return the routes about hosts."""

    def list_hosts(request: Request[None, HostsQuery]) -> Response:
        by_digest = request.input.topologies == "digest"
        with cluster.lock:
            changed = cluster.changed_since(request.input.since)
            reply = HostsReply(
                api_version=API_VERSION,
                revision=cluster.revision,
                hosts=[
                    _shown_to(request.caller, host, with_topology=not by_digest) for host in changed
                ],
                topologies=_topologies(changed) if by_digest else {},
                ages={host.name: host.age_s for host in cluster.hosts},
            )
        return Response(200, reply)

    def add(request: Request[None, HostRequest]) -> Response:
        given = request.input
        host, is_new = membership.add(
            _url(given.url)._replace(token=SecretStr(given.token)),
            force=given.force,
            insecure=given.insecure,
            take_over=given.take_over,
        )
        return _response(cluster, host, 201 if is_new else 200)

    def patch(request: Request[HostPath, HostPatch]) -> Response:
        given = request.input
        host = find_host(cluster, request.path.name)
        _check_may_patch(cluster, membership, host, given, request.caller)
        _change_access(membership, host, given)
        with cluster.lock, errors.from_store():
            try:
                cluster.override_labels(host, given.labels)
            except ValueError as error:  # another request has added labels meanwhile
                raise RestError(Code.INVALID, str(error), field="labels") from None
            return _response(cluster, host)

    def remove(request: Request[HostPath, HostRemoval]) -> Response:
        with errors.from_store():
            host = find_host(cluster, request.path.name)
            if host.vm_names and not request.input.force:
                raise RestError(Code.HAS_VMS, _why_has_vms(host))
            with cluster.lock:
                forgotten = [host.vm_reply(vm) for vm in host.vms.values()]
                reply = extend(ForgottenHostReply, host.reply(), forgotten=forgotten)
            membership.forget(host)
        return Response(200, reply)

    def cordoning(*, cordoned: bool) -> Callable[[Request[HostPath, None]], Response]:
        def cordon(request: Request[HostPath, None]) -> Response:
            with cluster.lock, errors.from_store():
                host = find_host(cluster, request.path.name)
                cluster.cordon(host, cordoned=cordoned)
                _trust_unless(cluster, host, cordoned=cordoned)
                return _response(cluster, host)

        return cordon

    return [
        Route(controller_api.LIST_HOSTS, list_hosts),
        Route(controller_api.ADD_HOST, add),
        Route(controller_api.PATCH_HOST, patch),
        Route(controller_api.REMOVE_HOST, remove),
        *(
            Route(endpoint, cordoning(cordoned=verb == "cordon"))
            for verb, endpoint in controller_api.CORDON_HOST.items()
        ),
    ]


def _check_may_patch(
    cluster: Cluster, membership: Membership, host: HostRecord, given: HostPatch, caller: Caller
) -> None:
    """Refuse a change before any part of it is made.

    Raises:
        RestError: only an administrator may make it, or a label is not allowed.
    """
    if caller.role < Role.ADMIN:
        role = caller.role.name.lower()
        if given.token is not None:
            raise RestError(
                Code.FORBIDDEN,
                f"the role {role} may not change the token of a host; admin may",
                field="token",
            )
        if given.url is not None and membership.sends_shared_token(host):
            # Whoever is at the new address would learn the token of all hosts.
            raise RestError(
                Code.FORBIDDEN,
                f"the role {role} may move only hosts with a token of their own, and {host.name} "
                "has that of all hosts; admin may move it",
                field="url",
            )
    try:
        with cluster.lock:
            cluster.merged_labels(host, given.labels)
    except ValueError as error:
        raise RestError(Code.INVALID, str(error), field="labels") from None


def _change_access(membership: Membership, host: HostRecord, given: HostPatch) -> None:
    """Change the address of a host and what it is sent, as far as they are given: both or none."""
    token = None if given.token is None else SecretStr(given.token)
    if given.url is not None:
        url = _url(given.url)
        membership.move(host, url, token, force=given.force, insecure=given.insecure)
    elif token is not None:
        membership.set_token(host, token, force=given.force)


def _trust_unless(cluster: Cluster, host: HostRecord, *, cordoned: bool) -> None:
    """Trust a host that an operator wants to get VMs again."""
    if not cordoned:
        trust(cluster, host)


def _response(cluster: Cluster, host: HostRecord, status: int = 200) -> Response:
    with cluster.lock:
        return Response(status, host.reply())


def _topologies(hosts: list[HostRecord]) -> dict[str, list[CPUReply]]:
    """Return the topologies of hosts by digest."""
    return {host.topology.digest: host.topology.cpus for host in hosts if host.topology.digest}


def _why_has_vms(host: HostRecord) -> str:
    """Return why a host is not forgotten: its VMs, or the first of them."""
    names = [
        f"{name} ({host.vms[name].image})" if name in host.vms else f"{name} (pending)"
        for name in sorted(host.vm_names)
    ]
    shown = ", ".join(names[:_MOST_SHOWN])
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return (
        f"the host has {len(names)} VMs: {shown}{more}. With force=true the controller forgets "
        "them, and they keep running"
    )


def _shown_to(caller: Caller, host: HostRecord, *, with_topology: bool) -> ClusterHostReply:
    """Return a host as a caller may see it: a token of the role `deploy` without VMs of others."""
    reply = host.reply(with_topology=with_topology)
    if caller.role is not Role.DEPLOY:
        return reply
    names = {
        "vms": [name for name in reply.vms if caller.sees(host.owner_of(name))],
        "pending": [name for name in reply.pending if caller.sees(host.owner_of(name))],
        "foreign": [],
    }
    shown = reply.model_copy(update=names)
    if shown.model_extra:
        # What a host of a later release reports beside could name VMs.
        shown.model_extra.clear()
    return shown


def _url(text: str) -> HostUrl:
    try:
        return parse_host_url(text)
    except ValueError as error:
        raise RestError(Code.INVALID, str(error), field="url") from None


def find_host(cluster: Cluster, name: str) -> HostRecord:
    """Return a host by its name.

    Raises:
        RestError: no host has it.
    """
    host = cluster.find_host(name)
    if host is None:
        raise RestError(Code.HOST_NOT_FOUND, Code.HOST_NOT_FOUND.text)
    return host
