"""Which hosts are in the cluster, and at which address."""

from concurrent.futures import ThreadPoolExecutor

import structlog
from pydantic import SecretStr

from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.replies import HostError, RefusedError
from schedulerglobal.hosts.url import HostUrl, as_known
from schedulerglobal.limits import LIMITS
from schedulerglobal.operations import errors
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.sync.claiming import OBEYING_SINCE
from schedulerglobal.sync.poller import Poller
from slackvm.api.errors import RestError
from slackvm.api.hosts import HostReply
from slackvm.model.codes import Code

log = structlog.get_logger()


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

    def add(
        self, url: HostUrl, *, force: bool, insecure: bool, take_over: bool
    ) -> tuple[HostRecord, bool]:
        """Add a host; return it, and whether it is new.

        Args:
            url: where its daemon is. At the address of a known host, only http or https changes,
                and the token where one is given.
            force: also if nothing answers there yet.
            insecure: let http replace https.
            take_over: also if the host obeys another controller.

        Raises:
            RestError: the host cannot be added; says why.
        """
        known = self._cluster.find_place(url.place)
        if known is not None:
            if url.token.get_secret_value():
                self.set_token(known, url.token, force=force)
            if url.has_scheme:
                self.move(known, url, force=force, insecure=insecure)
            if take_over:
                self._claim(known.url, take_over=True)
                self._poller.poll(known)
            return known, False
        reply = self._check_place(None, url, force=force)
        if reply is not None and reply.api_version >= OBEYING_SINCE:
            self._claim(url, take_over=take_over)
        with self._cluster.lock, errors.from_store():
            # Another request may have added it meanwhile.
            known = self._cluster.find_place(url.place)
            host = known or self._cluster.add(url)
        self._poller.poll(host)
        self._poller.poll_soon(host)
        return host, known is None

    def move(
        self,
        host: HostRecord,
        url: HostUrl,
        token: SecretStr | None = None,
        *,
        force: bool,
        insecure: bool,
    ) -> None:
        """Give a host another address; it keeps VMs, reservations, cordon and labels.

        Args:
            host: the host.
            url: the new address. Where it was given without http or https, that of before stays.
            token: what it is sent from then on, as in `set_token`; None: what it was sent before.
            force: also if nothing answers there yet.
            insecure: let http replace https.

        Raises:
            RestError: the host cannot be moved; says why. Nothing has changed.
        """
        sent = host.url.token if token is None else token
        url = as_known(url, host.url)._replace(token=sent)
        if url.base == host.url.base:
            if sent != host.url.token:
                self.set_token(host, sent, force=force)
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

    def sends_shared_token(self, host: HostRecord) -> bool:
        """Return whether a host is sent the token of all hosts: who is there learns it."""
        return self._client.connections.sends_shared_token(host.url)

    def set_token(self, host: HostRecord, token: SecretStr, *, force: bool) -> None:
        """Send a host another token from now on.

        Args:
            host: the host.
            token: its own token; empty: the token of all hosts.
            force: also if the host does not answer to it.

        Raises:
            RestError: the host does not answer to it; the controller still sends the one of before.
        """
        self._check_place(host, host.url._replace(token=token), force=force)
        with errors.from_store():
            self._cluster.set_token(host, token)
        self._poller.poll(host)
        self._poller.poll_soon(host)

    def forget(self, host: HostRecord) -> None:
        """Remove a host from the cluster; it no longer obeys this controller, if it answers.

        Raises:
            StoreError: it cannot be written.
        """
        with self._cluster.lock:
            answers = not host.is_unknown and host.api_version >= OBEYING_SINCE
            self._cluster.forget(host)
        if answers:
            try:
                self._client.release(host.url)
            except HostError as error:
                log.warning("host_not_released", host=host.name, reason=str(error))

    def take_over(self) -> None:
        """Let all hosts obey this controller; those that do not answer, as soon as they do.

        Raises:
            RestError: the store cannot be written; nothing has changed.
        """
        with self._cluster.lock, errors.from_store():
            hosts, identity = list(self._cluster.hosts), self._cluster.identity
            ours = [
                host.report.controller_epoch
                for host in hosts
                if host.report and host.report.controller == identity.claim.id
            ]
            identity.take_over([host.ordinal for host in hosts], max(ours, default=0))
            self._client.connections.claim = identity.claim
            for host in hosts:
                # The next report must be a whole one: it says whom the host obeys.
                host.etag = ""
        with ThreadPoolExecutor(LIMITS.polls) as pool:
            list(pool.map(self._poller.poll, hosts))

    def _claim(self, url: HostUrl, *, take_over: bool) -> None:
        try:
            self._client.obey(url, take_over=take_over)
        except RefusedError as error:
            if error.detail.code != Code.OTHER_CONTROLLER:
                raise errors.not_now(error.detail.code, f"{url.given}: {error}") from error
            message = (
                f"{url.given}: {error.detail.message}. Let that controller forget the host first, "
                "or give --take-over (take_over=true)"
            )
            raise RestError(Code.OTHER_CONTROLLER, message) from error
        except HostError as error:
            raise errors.not_now(Code.HOST_UNREACHABLE, f"{url.given}: {error}") from error

    def _check_place(
        self, host: HostRecord | None, url: HostUrl, *, force: bool
    ) -> HostReply | None:
        """Check who answers at an address that a host, or a new one, is to have.

        Returns:
            What answers there; None: nobody does.

        Raises:
            RestError: nobody does, and `force` is not set, or it is another host.
        """
        self._check_free(host, url)
        try:
            reply = self._client.host(url)
        except HostError as error:
            if force:
                return None
            what = f"host {host.name} stays at {host.url.given}" if host else "it is not added"
            raise errors.not_now(
                Code.HOST_UNREACHABLE,
                f"{url.given}: {error}; {what}. Correct the URL, or start the daemon there first; "
                "force=true (--force) does not wait for an answer",
            ) from error
        self._check_name(host, url, reply)
        return reply

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
