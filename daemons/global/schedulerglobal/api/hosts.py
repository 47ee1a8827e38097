"""Hosts of the cluster over REST."""

from collections.abc import Callable

from schedulerglobal.hosts.url import HostUrl, parse_host_url
from schedulerglobal.operations import errors
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.sync.poller import Poller
from slackvm.api.base import API_VERSION
from slackvm.api.cluster import (
    ClusterHostReply,
    HostPatch,
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
            hosts = [host.reply() for host in cluster.changed_since(call.input.since)]
            ages = {host.name: host.age_s for host in cluster.hosts}
        return Response(
            200, HostsReply(api_version=API_VERSION, revision=revision, hosts=hosts, ages=ages)
        )

    def add(call: Request[None, HostRequest]) -> Response:
        with errors.from_store():
            host, is_new = cluster.add(_url(call.input.url))
        if is_new:
            poller.poll(host)
            poller.poll_soon(host)
        return _answer(cluster, host, 201 if is_new else 200)

    def forget(call: Request[HostPath, HostRemoval]) -> Response:
        with cluster.lock, errors.from_store():
            host = _find(cluster, call.path.name)
            if host.vm_names and not call.input.force:
                message = (
                    f"{len(host.vm_names)} VMs are known on it; with force=true they are forgotten "
                    "here, and go on there"
                )
                raise RestError(Code.HAS_VMS, message)
            answer = _answer(cluster, host)
            cluster.forget(host)
        return answer

    def patch(call: Request[HostPath, HostPatch]) -> Response:
        with cluster.lock, errors.from_store():
            host = _find(cluster, call.path.name)
            try:
                cluster.override_labels(host, call.input.labels)
            except ValueError as error:
                raise RestError(Code.INVALID, str(error), field="labels") from None
            return _answer(cluster, host)

    def cordoning(*, cordoned: bool) -> Callable[[Request[HostPath, None]], Response]:
        def cordon(call: Request[HostPath, None]) -> Response:
            with cluster.lock, errors.from_store():
                host = _find(cluster, call.path.name)
                cluster.cordon(host, cordoned=cordoned)
                return _answer(cluster, host)

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
        Endpoint(
            method="PATCH",
            path="/v1/hosts/{name}",
            summary="Override labels of a host in the controller; null gives back its own.",
            handler=patch,
            answers={200: ClusterHostReply},
            errors={400: "A label is not allowed.", 404: NO_HOST, 503: NOT_WRITTEN},
            parameters=HostPath,
            input=HostPatch,
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


def _answer(cluster: Cluster, host: HostRecord, status: int = 200) -> Response:
    with cluster.lock:
        return Response(status, host.reply())


def _url(text: str) -> HostUrl:
    try:
        return parse_host_url(text)
    except ValueError as error:
        raise RestError(Code.INVALID, str(error), field="url") from None


def _find(cluster: Cluster, name: str) -> HostRecord:
    host = cluster.find_host(name)
    if host is None:
        raise RestError(Code.HOST_NOT_FOUND, Code.HOST_NOT_FOUND.text)
    return host
