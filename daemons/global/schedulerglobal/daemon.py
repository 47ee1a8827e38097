"""The controller: puts the parts together, and lets them run until it is told."""

import threading
from importlib.resources import files

from schedulerglobal import hosts_api, prototype_api, vms_api
from schedulerglobal.changes import Changes
from schedulerglobal.cluster import Cluster
from schedulerglobal.node import Nodes
from schedulerglobal.node_url import parse_node_list
from schedulerglobal.poller import Poller
from slackvm import __version__, plugins
from slackvm.model.policies import POLICIES
from slackvm.rest.replies import HealthReply
from slackvm.service import page
from slackvm.service.app import RestApp
from slackvm.service.auth import Tokens, check_bind
from slackvm.service.endpoints import Answer, Endpoint
from slackvm.service.metrics import Metrics
from slackvm.service.settings import GlobalSettings, SettingsError


class Controller:
    """The controller with its REST interface's application.

    Args:
        settings: the settings.

    Raises:
        ValueError: something of it cannot be had; says which setting.
    """

    def __init__(self, settings: GlobalSettings) -> None:
        token = settings.scg_token.get_secret_value()
        check_bind(settings.scg_url, token)
        try:
            urls = parse_node_list(settings.scg_node_url_list)
        except ValueError as error:
            raise SettingsError(f"SCG_NODE_URL_LIST: {error}") from None
        policy = plugins.find(settings.scg_policy, POLICIES, plugins.POLICY_GROUP)
        certificate = (settings.scg_tls_cert, settings.scg_tls_key)
        self._nodes = Nodes(
            settings.scl_token.get_secret_value(),
            settings.scg_timeout,
            settings.scl_tls_ca,
            certificate if settings.scg_tls_cert else None,
        )
        self.cluster = Cluster(policy)
        self._poller = Poller(self.cluster, self._nodes, settings.scg_delay)
        changes = Changes(self.cluster, self._nodes)
        for url in urls:
            member, _ = self.cluster.add(url)
            self._poller.watch(member)
        self._stop = threading.Event()
        health = Endpoint[None, None](
            method="GET",
            path="/healthz",
            summary="Whether the daemon lives.",
            handler=lambda _: Answer(200, HealthReply(status="ok", version=__version__, reason="")),
            answers={200: HealthReply},
            changes=False,
            open=True,
            tags=("daemon",),
        )
        self.app = RestApp(
            [
                *page.endpoints(files(__package__) / "page", "SlackVM global scheduler\n"),
                *prototype_api.endpoints(self.cluster, changes),
                *vms_api.endpoints(self.cluster, changes),
                *hosts_api.endpoints(self.cluster, self._poller),
                health,
            ],
            title="SlackVM global scheduler",
            version=__version__,
            tokens=Tokens(token or None, settings.scg_read_token.get_secret_value() or None),
            metrics=Metrics(),
        )

    def run(self) -> None:
        """Look at the hosts until `stop`."""
        poller = threading.Thread(target=self._poller.run, name="poller", daemon=True)
        poller.start()
        self._stop.wait()
        self._poller.stop()
        poller.join(5)
        self._nodes.close()

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()

    def is_alive(self) -> bool:
        """Return whether it looks at its hosts."""
        return True
