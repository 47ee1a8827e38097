"""The controller: puts the parts together, and runs them until it is closed."""

import threading
import time
from importlib.resources import files
from pathlib import Path

from schedulerglobal.api import caller as caller_api
from schedulerglobal.api import controller as controller_routes
from schedulerglobal.api import evacuation as evacuation_api
from schedulerglobal.api import events as events_api
from schedulerglobal.api import health as health_api
from schedulerglobal.api import hosts as hosts_api
from schedulerglobal.api import prototype as prototype_api
from schedulerglobal.api import scheduling as scheduling_api
from schedulerglobal.api import vms as vms_api
from schedulerglobal.events.stream import EventStream
from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.connections import HostConnections
from schedulerglobal.hosts.url import HostUrl, parse_host_list
from schedulerglobal.metrics import ClusterCollector
from schedulerglobal.operations.claims import Claims
from schedulerglobal.operations.deploy import Deployment
from schedulerglobal.operations.evacuation import Evacuation
from schedulerglobal.operations.membership import Membership
from schedulerglobal.reservations.recovery import ReservationRecovery
from schedulerglobal.scheduling.capacity import CapacityCounter
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.store.base import StoreError
from schedulerglobal.store.ledger import Ledger, entry
from schedulerglobal.store.sqlite import SqliteStore
from schedulerglobal.sync.poller import Poller
from slackvm import __version__, plugins
from slackvm.formats.operations import Journal
from slackvm.http import static as page
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.http.metrics import Metrics
from slackvm.settings import GlobalSettings, SettingsError

_TIMEOUT_S = 5.0

_SILENCE_S = 60.0
"""A poller that does nothing for so long hangs."""


class Controller:
    """The controller, with the application of its REST interface; once started it polls its hosts.

    Args:
        settings: the settings.
        tokens: authenticate requests.

    Raises:
        ValueError: a setting cannot be used; names it.
    """

    def __init__(self, settings: GlobalSettings, tokens: Tokens) -> None:
        urls = _urls(settings)
        policy = plugins.find_policy(settings.scg_policy)
        certificate = (settings.scg_tls_cert, settings.scg_tls_key)
        if settings.scl_tls_ca and not Path(settings.scl_tls_ca).is_file():
            raise SettingsError(f"SCL_TLS_CA: there is no file {settings.scl_tls_ca}")
        metrics = Metrics()
        connections = HostConnections(
            settings.scl_token.get_secret_value(),
            settings.scl_tls_ca,
            certificate if settings.scg_tls_cert else None,
            allow_plain_tokens=settings.scg_allow_plain_tokens,
        )
        self._client = HostClient(connections, settings.scg_timeout)
        self.cluster = self._open_cluster(settings, urls)
        connections.claim = self.cluster.identity.claim
        recovery = ReservationRecovery(self.cluster, self._client)
        self._poller = Poller(
            self.cluster, self._client, recovery, metrics.registry, settings.scg_delay
        )
        self._thread = threading.Thread(target=self._poller.run, name="poller", daemon=True)
        self._counter = CapacityCounter(self.cluster, settings.scg_policy)
        claims = Claims(self.cluster, self._client, self._poller, recovery)
        membership = Membership(self.cluster, self._client, self._poller)
        deployment = Deployment(claims, policy, metrics.registry)
        metrics.registry.register(ClusterCollector(self.cluster))
        self.app = RestApp(
            [
                *page.routes(files(__package__) / "page", "SlackVM global scheduler\n"),
                *prototype_api.routes(claims, deployment),
                *vms_api.routes(claims, deployment, settings.scg_default_level),
                *hosts_api.routes(self.cluster, membership),
                *evacuation_api.routes(self.cluster, Evacuation(claims, deployment)),
                *controller_routes.routes(self.cluster, membership),
                *events_api.routes(self.events),
                *scheduling_api.routes(
                    self.cluster, policy, settings.scg_default_level, self._counter
                ),
                *caller_api.routes(self.cluster),
                *health_api.routes(self.cluster),
            ],
            title="SlackVM global scheduler",
            version=__version__,
            tokens=tokens,
            metrics=metrics,
            on_stop=self.events.close,
        )

    @property
    def status(self) -> str:
        """How many hosts it has."""
        return f"{len(self.cluster.hosts)} hosts"

    def start(self) -> None:
        """Poll the hosts from now on, in a thread of its own."""
        self._thread.start()
        for host in self.cluster.hosts:
            self._poller.poll_soon(host)

    def close(self) -> None:
        """End the thread and close what is open; hosts and their VMs keep running.

        By then no request is answered any more.
        """
        self._poller.stop()
        if self._thread.is_alive():
            self._thread.join(_TIMEOUT_S)
        self._client.connections.close()
        self._counter.close()
        with self.cluster.lock:
            self.cluster.ledger.close()

    def is_alive(self) -> bool:
        """Return whether it polls its hosts, and no thread keeps the cluster's lock."""
        if not self.cluster.lock.acquire(timeout=_SILENCE_S):
            return False
        self.cluster.lock.release()
        return time.monotonic() - self._poller.active_at < _SILENCE_S

    def _open_cluster(self, settings: GlobalSettings, urls: list[HostUrl]) -> Cluster:
        store = SqliteStore(Path(settings.scg_store.removeprefix("sqlite:///")))
        try:
            stored = store.load()
            journal = Journal(store.path.parent / "operations.jsonl")
            self.events = EventStream(journal)
            cluster = Cluster(
                store,
                Ledger(store, journal, stored.lines),
                settings.scg_policy,
                settings.scg_log_mib * 2**20,
            )
            cluster.ledger.log_only(entry("start", policy=settings.scg_policy))
            cluster.restore(stored, urls)
        except (StoreError, OSError, ValueError) as error:
            raise SettingsError(f"SCG_STORE: {store.path}: {error}") from error
        return cluster


def _urls(settings: GlobalSettings) -> list[HostUrl]:
    try:
        return parse_host_list(settings.scg_node_url_list)
    except ValueError as error:
        raise SettingsError(f"SCG_NODE_URL_LIST: {error}") from None
