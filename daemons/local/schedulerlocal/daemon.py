"""The local daemon: assembles the parts of a live host and runs its background threads."""

import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from schedulerlocal.agent.errors import BusyError
from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.obedience import Obedience
from schedulerlocal.agent.records import Records
from schedulerlocal.agent.state_folder import StateFolder
from schedulerlocal.agent.view import NOT_READY
from schedulerlocal.api import controller, prototype, vms
from schedulerlocal.api import host as host_routes
from schedulerlocal.api.local_host import LocalHost
from schedulerlocal.api.replies import Identity
from schedulerlocal.backend import Site
from schedulerlocal.boot_hold import BootHold
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import HypervisorError
from schedulerlocal.settings import HostSettings
from schedulerlocal.telemetry.metrics import HostCollector
from schedulerlocal.telemetry.recorder import Recorder
from schedulerlocal.telemetry.sampler import Sample, Sampler
from slackvm import __version__, plugins
from slackvm.daemon import systemd as notify
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.http.metrics import Metrics
from slackvm.model.host import Host
from slackvm.model.selection import SELECTIONS
from slackvm.model.topology import Topology
from slackvm.settings import LocalSettings, SettingsError
from slackvm.topologies import (
    TopologyError,
    load_topology,
    parse_cpu_list,
    read_sysfs,
    reserve_for_system,
)

log = structlog.get_logger()

_RETRY_S = 0.5
_SLOWEST_RETRY_S = 5.0
_SHORTEST_DELAY_S = 0.05
"""However fast the clock and however short the delay, requests must get some CPU time."""


class LocalDaemon:
    """A live host with its REST application. Once started it reconciles and samples by itself.

    Args:
        host_settings: the settings.
        tokens: who may do what.
        topology: file or preset; None: this machine.
        recording: file for samples; None: they are not recorded.

    Raises:
        ValueError: a setting cannot be used; names it.
    """

    def __init__(
        self,
        host_settings: HostSettings,
        tokens: Tokens,
        topology: str | None = None,
        recording: Path | None = None,
    ) -> None:
        settings, is_simulated = host_settings.daemon, host_settings.backend.is_simulated
        if settings.scl_time_scale != 1 and not is_simulated:
            raise SettingsError(
                "SCL_TIME_SCALE: only simulated VMs, as of SCL_HYPERVISOR=memory, can be sped up"
            )
        self.settings = settings
        self.topology = _topology(settings, topology)
        self._stop = threading.Event()
        clock = Clock(settings.scl_time_scale)
        self._delay_s = max(settings.scl_delay / settings.scl_time_scale, _SHORTEST_DELAY_S)
        folder = StateFolder(settings.scl_state_dir)
        self._hypervisor = host_settings.open_hypervisor(Site(folder.path, clock))
        self._records = Records(folder, settings.name, settings.scl_log_mib * 2**20)
        selection = plugins.find(settings.scl_cpu_selection, SELECTIONS, plugins.SELECTION_GROUP)
        host = Host(
            self.topology,
            selection=selection,
            critical_size=settings.ovsb_critical_size,
            levels=settings.levels,
        )
        self._obedience = Obedience(folder.path / "controller.json")
        self._boot_hold = BootHold(
            folder.path / "boot.json", self._obedience, self._hypervisor, settings.scl_boot_wait
        )
        self.agent = HostAgent(
            host, self._hypervisor, self._records, clock, is_held=lambda: self._boot_hold.is_held
        )
        self._obedience.changed = self._show_controller
        self._show_controller()
        capacity = len(self.topology), self.topology.memory_mib
        self._sampler = Sampler(*capacity, is_simulated=is_simulated)
        self._recorder = Recorder(recording, *capacity) if recording else None
        self._clock = clock
        self._sample: Sample | None = None
        self._addresses: dict[str, list[str]] = {}
        self._threads: list[threading.Thread] = []
        self.app = self._make_app(tokens)

    def start(self) -> None:
        """Reconcile, and from then on reconcile and sample in threads.

        If the hypervisor does not answer, the host is not ready.
        """
        self._hypervisor.watch(self.agent.changed.set)
        self.reconcile()
        tasks: dict[str, Callable[[], None]] = {"watch": self._watch, "sample": self._take_samples}
        for name, task in tasks.items():
            thread = threading.Thread(target=task, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """End the threads and close what is open; the VMs keep running.

        The state directory stays locked until the process ends: a request that hangs may still
        write there.
        """
        self._stop.set()
        self.agent.changed.set()
        for thread in self._threads:
            thread.join(timeout=_SLOWEST_RETRY_S)
        if self._recorder:
            self._recorder.close()
        self._records.close()
        self._hypervisor.close()

    def is_alive(self) -> bool:
        """Return whether the daemon itself works; the hypervisor may hang."""
        return all(thread.is_alive() for thread in self._threads) and not self.agent.hangs

    @property
    def status(self) -> str:
        """The state of the host, with the reason if it is not ready."""
        view = self.agent.view
        return f"{view.state}: {view.reason}" if view.reason else view.state

    def reconcile(self) -> None:
        """Reconcile now; if an operation takes too long, leave it to the next time."""
        try:
            self.agent.reconcile()
            self.agent.set_controller(self._obedience.current)
            self._boot_hold.work(self.agent)
        except BusyError as error:
            log.warning("reconciliation_postponed", reason=str(error))

    def _show_controller(self) -> None:
        try:
            self.agent.set_controller(self._obedience.current)
        except BusyError:
            self.agent.changed.set()

    def _watch(self) -> None:
        """Reconcile after each change, and after each delay."""
        retry_s = _RETRY_S
        reported = self.status
        while not self._stop.is_set():
            if self.agent.view.state == NOT_READY:
                self._stop.wait(retry_s)
                retry_s = min(2 * retry_s, _SLOWEST_RETRY_S)
            else:
                retry_s = _RETRY_S
                self.agent.changed.wait(self._delay_s)
            if not self._stop.is_set():
                self.reconcile()
                if reported != self.status:
                    reported = self.status
                    notify.status(reported)

    def _take_samples(self) -> None:
        while not self._stop.is_set():
            try:
                self._take_sample()
            except HypervisorError as error:
                log.warning("sample_missed", reason=str(error))
            except OSError as error:
                log.error("sample_not_recorded", error=str(error))
            self._stop.wait(self._delay_s)

    def _take_sample(self) -> None:
        view = self.agent.view
        # The time is read with the counters. With a fast clock, even a moment between the two
        # would show as a peak of use.
        time_s = self._clock.now()
        sample = self._sampler.sample(view, self._hypervisor.usage(), time_s)
        if sample is None:
            return
        self._sample = sample
        self._addresses = {name: self._hypervisor.addresses(name) for name in view.vms}
        if self._recorder:
            self._recorder.record(sample)

    def _make_app(self, tokens: Tokens) -> RestApp:
        def addresses(vm: str) -> list[str]:
            return self._addresses.get(vm, [])

        offered = self.settings.levels
        identity = Identity(
            name=self.settings.name,
            topology=self.topology,
            offered=None if offered is None else tuple(sorted(offered)),
            hypervisor=self.settings.scl_hypervisor,
            boot_id=secrets.token_hex(4),
            labels=self.settings.labels,
        )
        host = LocalHost(identity, self.agent, addresses)
        metrics = Metrics()
        metrics.registry.register(HostCollector(self.agent, self.topology, lambda: self._sample))
        offered_routes = [*vms.routes(host), *host_routes.routes(host), *prototype.routes(host)]
        return RestApp(
            [
                *controller.guarded(offered_routes, self._obedience),
                *controller.routes(self._obedience),
            ],
            title="SlackVM local scheduler",
            version=__version__,
            tokens=tokens,
            metrics=metrics,
        )


def _topology(settings: LocalSettings, spec: str | None) -> Topology:
    exclude, reserved = parse_cpu_list(settings.topo_exclude), settings.scl_mem_reserved
    described = load_topology(spec) if spec is not None else None
    try:
        if described is None:
            return read_sysfs(exclude=exclude, memory_reserved_mib=reserved)
        # A file may already leave out CPUs that the settings exclude.
        return reserve_for_system(described, set(exclude) & set(described.position), reserved)
    except TopologyError as error:
        if not exclude and not reserved:
            raise
        raise SettingsError(f"TOPO_EXCLUDE, SCL_MEM_RESERVED: {error}") from error
