"""The controller: puts the parts together, and lets them run until it is told."""

import threading
import time
from importlib.resources import files
from pathlib import Path

from schedulerglobal.api import health as health_api
from schedulerglobal.api import hosts as hosts_api
from schedulerglobal.api import prototype as prototype_api
from schedulerglobal.api import scheduling as questions_api
from schedulerglobal.api import vms as vms_api
from schedulerglobal.hosts.client import HostClient
from schedulerglobal.hosts.url import HostUrl, parse_host_list
from schedulerglobal.metrics import ClusterCollector, Counters
from schedulerglobal.operations.vms import VMOperations
from schedulerglobal.reservations.recovery import ReservationRecovery
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.log_entries import start_entry
from schedulerglobal.store.base import StoreError
from schedulerglobal.store.ledger import Ledger
from schedulerglobal.store.sqlite import SqliteStore
from schedulerglobal.sync.poller import Poller
from slackvm import __version__, plugins
from slackvm.formats.journal import Journal
from slackvm.http import static as page
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.http.metrics import Metrics
from slackvm.model.policies import POLICIES
from slackvm.settings import GlobalSettings, SettingsError

CHANGES_AT_ONCE = 32
"""VMOperations under way; most of their time they wait for hosts."""

_TIMEOUT_S = 5.0

_SILENCE_S = 60.0
"""A poller that shows no life for so long is taken for hung."""


class Controller:
    """The controller with its REST interface's application; once started it looks at its hosts.

    Args:
        settings: the settings.
        tokens: who may ask what.

    Raises:
        ValueError: something of it cannot be had; says which setting.
    """

    def __init__(self, settings: GlobalSettings, tokens: Tokens) -> None:
        urls = _urls(settings)
        policy = plugins.find(settings.scg_policy, POLICIES, plugins.POLICY_GROUP)
        certificate = (settings.scg_tls_cert, settings.scg_tls_key)
        if settings.scl_tls_ca and not Path(settings.scl_tls_ca).is_file():
            raise SettingsError(f"SCL_TLS_CA: there is no file {settings.scl_tls_ca}")
        metrics = Metrics()
        counters = Counters(metrics.registry)
        self._nodes = HostClient(
            settings.scl_token.get_secret_value(),
            settings.scg_timeout,
            settings.scl_tls_ca,
            certificate if settings.scg_tls_cert else None,
        )
        self.cluster = self._open_cluster(settings, urls)
        settler = ReservationRecovery(self.cluster, self._nodes)
        self._poller = Poller(self.cluster, self._nodes, settler, counters, settings.scg_delay)
        self._thread = threading.Thread(target=self._poller.run, name="poller", daemon=True)
        changes = VMOperations(self.cluster, policy, self._nodes, self._poller, settler, counters)
        metrics.registry.register(ClusterCollector(self.cluster))
        self.app = RestApp(
            [
                *page.endpoints(files(__package__) / "page", "SlackVM global scheduler\n"),
                *prototype_api.endpoints(self.cluster, changes),
                *vms_api.endpoints(self.cluster, changes),
                *hosts_api.endpoints(self.cluster, self._poller),
                *questions_api.endpoints(self.cluster, settings.scg_policy, policy),
                *health_api.endpoints(self.cluster),
            ],
            title="SlackVM global scheduler",
            version=__version__,
            tokens=tokens,
            metrics=metrics,
            changes_at_once=CHANGES_AT_ONCE,
        )

    @property
    def status(self) -> str:
        """How many hosts it has."""
        return f"{len(self.cluster.members)} hosts"

    def start(self) -> None:
        """Look at the hosts from now on, in a thread of its own."""
        self._thread.start()
        for member in self.cluster.members:
            self._poller.soon(member)

    def close(self) -> None:
        """End the thread and close what is open; hosts and their VMs go on without the controller.

        Nothing is answered any more by then.
        """
        self._poller.stop()
        if self._thread.is_alive():
            self._thread.join(_TIMEOUT_S)
        self._nodes.close()
        with self.cluster.lock:
            self.cluster.ledger.close()

    def is_alive(self) -> bool:
        """Return whether it looks at its hosts, and nothing holds up the cluster."""
        if not self.cluster.lock.acquire(timeout=_SILENCE_S):
            return False
        self.cluster.lock.release()
        return time.monotonic() - self._poller.seen_at < _SILENCE_S

    def _open_cluster(self, settings: GlobalSettings, urls: list[HostUrl]) -> Cluster:
        store = SqliteStore(Path(settings.scg_store.removeprefix("sqlite:///")))
        try:
            stored = store.load()
            journal = Journal(store.path.parent / "operations.jsonl")
            cluster = Cluster(store, Ledger(store, journal, stored.lines))
            cluster.ledger.log_only(start_entry(settings.scg_policy))
            cluster.restore(stored, urls)
        except (StoreError, OSError, ValueError) as error:
            raise SettingsError(f"SCG_STORE: {store.path}: {error}") from error
        return cluster


def _urls(settings: GlobalSettings) -> list[HostUrl]:
    try:
        return parse_host_list(settings.scg_node_url_list)
    except ValueError as error:
        raise SettingsError(f"SCG_NODE_URL_LIST: {error}") from None
