"""Evacuating a host that is off: its VMs are created again elsewhere, and it is fenced."""

from concurrent.futures import ThreadPoolExecutor

import structlog

from schedulerglobal.hosts.replies import HostError, RefusedError
from schedulerglobal.operations import errors
from schedulerglobal.operations.claims import Claims
from schedulerglobal.operations.deploy import Deployment
from schedulerglobal.reservations import reservations
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.lost import LostVM
from slackvm.api.cluster import EvacuationReply, NotRebuilt
from slackvm.api.errors import RestError
from slackvm.model.codes import Code

log = structlog.get_logger()

_AT_ONCE = 4
"""VMs that are created at once; each asks one host at a time."""


class Evacuation:
    """Evacuates hosts, and accepts them again.

    An operator vouches that the host is off. Its VMs become lost and are rebuilt by the placement;
    what finds no host stays lost, with the reason. The host is *fenced*: when it answers again, its
    VMs are not taken for VMs of the cluster until it has given them up.

    Args:
        claims: the cluster, its hosts and their client.
        deployment: rebuilds VMs.
    """

    def __init__(self, claims: Claims, deployment: Deployment) -> None:
        self._claims = claims
        self._cluster = claims.cluster
        self._deployment = deployment

    def evacuate(self, host: HostRecord) -> EvacuationReply:
        """Create the VMs of a host again elsewhere.

        The same request again goes on with the VMs that are still lost.

        Raises:
            RestError: the host answers, or the store cannot be written. Nothing has changed.
        """
        if not host.fenced and self._claims.poller.poll(host):
            raise RestError(
                Code.HOST_ANSWERS,
                f"host {host.name} answers: its VMs run there. Only a host that is off can be "
                "evacuated",
            )
        cluster = self._cluster
        with cluster.lock, errors.from_store():
            if host.forgotten:
                raise RestError(Code.HOST_NOT_FOUND, Code.HOST_NOT_FOUND.text)
            cluster.set_fenced(host, fenced=True)
            for reservation in list(host.reservations.values()):
                # What it may have created stays there, behind the fence.
                reservations.release(cluster, reservation, Code.HOST_FENCED)
            reason = f"host {host.name} was evacuated"
            cluster.lost.add(
                host.ordinal, [LostVM.of(vm, host.name, reason) for vm in host.vms.values()]
            )
            host.vms = {}
            cluster.changed(host)
            lost = [vm for vm in cluster.lost if vm.host == host.name]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            rebuilt = list(pool.map(self._rebuild, lost))
        results = dict(zip([vm.name for vm in lost], rebuilt, strict=True))
        return EvacuationReply(
            name=host.name,
            rebuilt={name: where for name, where in results.items() if isinstance(where, str)},
            lost=[each for each in results.values() if isinstance(each, NotRebuilt)],
        )

    def unfence(self, host: HostRecord) -> None:
        """Accept a host again: copies of VMs that are elsewhere by now are removed from it.

        Its other VMs are VMs of the cluster again.

        Raises:
            RestError: it does not answer, a copy cannot be removed, or the store cannot be written.
        """
        if not host.fenced:
            return
        cluster, client = self._cluster, self._claims.client
        try:
            report = client.report(host.url, is_held=True)
            for vm in report.vms.vms if report else ():
                with cluster.lock:
                    is_elsewhere = any(each is not host for each in cluster.holders(vm.name))
                if is_elsewhere:
                    client.remove(host.url, vm.name, vm.created, client.deadline())
                    log.warning("fenced_copy_removed", vm=vm.name, host=host.name, image=vm.image)
        except RefusedError as error:
            raise errors.refused_by_host(host, error) from error
        except HostError as error:
            raise errors.unreachable(host, error) from error
        with cluster.lock, errors.from_store():
            cluster.set_fenced(host, fenced=False)
        self._claims.poller.poll(host)

    def _rebuild(self, lost: LostVM) -> str | NotRebuilt:
        """Return the host that has the VM again, or why none does."""
        try:
            return self._deployment.deploy(lost.spec, lost=lost)[0].host
        except RestError as error:
            detail = error.detail
            return NotRebuilt(name=lost.name, code=detail.code, message=detail.message)
