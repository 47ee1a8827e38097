"""Hosts of the cluster over REST."""

from collections.abc import Callable

from schedulerglobal.hosts.url import HostUrl, parse_host_url
from schedulerglobal.operations import errors as told
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.sync.poller import Poller
from slackvm.api.base import API_VERSION
from slackvm.api.cluster import (
    ClusterHostReply,
    HostPath,
    HostRemoval,
    HostRequest,
    HostsQuery,
    HostsReply,
)
from slackvm.api.errors import RestError
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response
from slackvm.model.codes import Code

NO_HOST = "There is no such host."
NOT_WRITTEN = "The controller's store cannot be written."


def endpoints(cluster: Cluster, poller: Poller) -> list[AnyEndpoint]:
    """Return the endpoints about hosts."""

    def hosts(call: Request[None, HostsQuery]) -> Response:
        with cluster.lock:
            revision = cluster.revision
            hosts = [member.reply() for member in cluster.changed_since(call.input.since)]
            ages = {member.name: member.age_s for member in cluster.members}
        return Response(
            200, HostsReply(api_version=API_VERSION, revision=revision, hosts=hosts, ages=ages)
        )

    def add(call: Request[None, HostRequest]) -> Response:
        with told.store_errors_told():
            member, is_new = cluster.add(_url(call.input.url))
        if is_new:
            poller.look(member)
            poller.soon(member)
        return _answer(cluster, member, 201 if is_new else 200)

    def forget(call: Request[HostPath, HostRemoval]) -> Response:
        with cluster.lock, told.store_errors_told():
            member = _find(cluster, call.path.name)
            if member.names and not call.input.force:
                message = (
                    f"{len(member.names)} VMs are known on it; with force=true they are forgotten "
                    "here, and go on there"
                )
                raise RestError(Code.HAS_VMS, message)
            answer = _answer(cluster, member)
            cluster.forget(member)
        return answer

    def cordoning(*, cordoned: bool) -> Callable[[Request[HostPath, None]], Response]:
        def cordon(call: Request[HostPath, None]) -> Response:
            with cluster.lock, told.store_errors_told():
                member = _find(cluster, call.path.name)
                cluster.cordon(member, cordoned=cordoned)
                return _answer(cluster, member)

        return cordon

    return [
        Endpoint(
            method="GET",
            path="/v1/hosts",
            summary="Hosts that have changed since a revision; without one, all.",
            handler=hosts,
            answers={200: HostsReply},
            input=HostsQuery,
            changes=False,
            tags=("hosts",),
        ),
        Endpoint(
            method="POST",
            path="/v1/hosts",
            summary="Let a host be part of the cluster.",
            handler=add,
            answers={201: ClusterHostReply, 200: ClusterHostReply},
            errors={400: "The URL is none.", 503: NOT_WRITTEN},
            input=HostRequest,
            changes=True,
            tags=("hosts",),
        ),
        Endpoint(
            method="DELETE",
            path="/v1/hosts/{name}",
            summary="Forget a host; its VMs go on.",
            handler=forget,
            answers={200: ClusterHostReply},
            errors={404: NO_HOST, 409: "VMs are known on it.", 503: NOT_WRITTEN},
            parameters=HostPath,
            input=HostRemoval,
            changes=True,
            tags=("hosts",),
        ),
        *(
            Endpoint(
                method="POST",
                path=f"/v1/hosts/{{name}}/{verb}",
                summary=summary,
                handler=cordoning(cordoned=verb == "cordon"),
                answers={200: ClusterHostReply},
                errors={404: NO_HOST, 503: NOT_WRITTEN},
                parameters=HostPath,
                changes=True,
                tags=("hosts",),
            )
            for verb, summary in (
                ("cordon", "Let a host get no VMs; those on it stay."),
                ("uncordon", "Let a host get VMs again."),
            )
        ),
    ]


def _answer(cluster: Cluster, member: HostRecord, status: int = 200) -> Response:
    with cluster.lock:
        return Response(status, member.reply())


def _url(text: str) -> HostUrl:
    try:
        return parse_host_url(text)
    except ValueError as error:
        raise RestError(Code.INVALID, str(error), field="url") from None


def _find(cluster: Cluster, name: str) -> HostRecord:
    member = cluster.find_host(name)
    if member is None:
        raise RestError(Code.HOST_NOT_FOUND, Code.HOST_NOT_FOUND.text)
    return member
