"""Which hosts are in the cluster, and at which address."""

from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.replies import HostError
from schedulerglobal.hosts.url import HostUrl, as_known
from schedulerglobal.operations import errors
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.sync.poller import Poller
from slackvm.api.errors import RestError
from slackvm.api.hosts import HostReply
from slackvm.model.codes import Code


class Membership:
    """Adds hosts and moves them, after it asked who answers at the address.

    Args:
        cluster: the hosts.
        client: asks the hosts.
        poller: polls them.
    """

    def __init__(self, cluster: Cluster, client: HostClient, poller: Poller) -> None:
        self._cluster = cluster
        self._client = client
        self._poller = poller

    def add(self, url: HostUrl, *, force: bool, insecure: bool) -> tuple[HostRecord, bool]:
        """Add a host; return it, and whether it is new.

        Args:
            url: where its daemon is. At the address of a known host, only http or https changes.
            force: also if nothing answers there yet.
            insecure: let http replace https.

        Raises:
            RestError: the host cannot be added; says why.
        """
        known = self._cluster.find_place(url.place)
        if known is not None:
            if url.has_scheme:
                self.move(known, url, force=force, insecure=insecure)
            return known, False
        self._check_place(None, url, force=force)
        with self._cluster.lock, errors.from_store():
            # Another request may have added it meanwhile.
            known = self._cluster.find_place(url.place)
            host = known or self._cluster.add(url)
        self._poller.poll(host)
        self._poller.poll_soon(host)
        return host, known is None

    def move(self, host: HostRecord, url: HostUrl, *, force: bool, insecure: bool) -> None:
        """Give a host another address; it keeps VMs, reservations, cordon and labels.

        Args:
            host: the host.
            url: the new address. Where it was given without http or https, that of before stays.
            force: also if nothing answers there yet.
            insecure: let http replace https.

        Raises:
            RestError: the host cannot be moved; says why. Nothing has changed.
        """
        url = as_known(url, host.url)
        if url.base == host.url.base:
            return
        if host.url.is_https and not url.is_https and not insecure:
            raise RestError(
                Code.INSECURE,
                f"{url.given}: host {host.name} is known as {host.url.given}, and http shows "
                "requests, VMs and token to everybody on the network; insecure=true (--insecure) "
                "allows it",
            )
        self._check_place(host, url, force=force)
        with self._cluster.lock, errors.from_store():
            if host.forgotten:
                raise RestError(Code.HOST_NOT_FOUND, Code.HOST_NOT_FOUND.text)
            self._check_free(host, url)
            self._cluster.move(host, url)
        self._poller.poll(host)
        self._poller.poll_soon(host)

    def _check_place(self, host: HostRecord | None, url: HostUrl, *, force: bool) -> None:
        """Check who answers at an address that a host, or a new one, is to have.

        Raises:
            RestError: nobody does, and `force` is not set, or it is another host.
        """
        self._check_free(host, url)
        try:
            reply = self._client.host(url)
        except HostError as error:
            if force:
                return
            what = f"host {host.name} stays at {host.url.given}" if host else "it is not added"
            raise errors.not_now(
                Code.HOST_UNREACHABLE,
                f"{url.given}: {error}; {what}. Correct the URL, or start the daemon there first; "
                "force=true (--force) does not wait for an answer",
            ) from error
        self._check_name(host, url, reply)

    def _check_free(self, host: HostRecord | None, url: HostUrl) -> None:
        other = self._cluster.find_place(url.place)
        if other is not None and other is not host:
            raise RestError(Code.HOST_EXISTS, f"{url.given} is the address of host {other.name}")

    def _check_name(self, host: HostRecord | None, url: HostUrl, reply: HostReply) -> None:
        other = self._cluster.find_host(reply.name)
        if other is not None and other is not host:
            raise RestError(
                Code.HOST_EXISTS,
                f"host {reply.name} answers at {url.given}, and it is in the cluster as "
                f"{other.url.given}. If it has moved: slackvm hosts move {reply.name} {url.given}",
            )
        if host is not None and host.reported_name not in ("", reply.name):
            raise RestError(
                Code.OTHER_HOST,
                f"host {reply.name} answers at {url.given}, and not {host.name}, which stays at "
                f"{host.url.given}",
            )
