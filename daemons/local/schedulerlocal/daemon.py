"""The local daemon: puts the parts of a live host together, and lets them run until it is told."""

import secrets
import threading
from pathlib import Path

import structlog

from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.operation_lock import BusyError
from schedulerlocal.agent.records import Records
from schedulerlocal.agent.state import StateFolder
from schedulerlocal.agent.view import NOT_READY
from schedulerlocal.api import host as api
from schedulerlocal.api import prototype as prototype_api
from schedulerlocal.api.replies import Identity
from schedulerlocal.backends.memory.backend import MemoryHypervisor
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import Hypervisor, HypervisorError
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
    withhold,
)

log = structlog.get_logger()

_RETRY_S = 0.5
_SLOWEST_RETRY_S = 5.0
_SHORTEST_DELAY_S = 0.05
"""However fast the clock, and however short the delay: clients must get their turns."""


class LocalDaemon:
    """A live host with its REST interface's application; once started it keeps itself true.

    Args:
        settings: the settings.
        tokens: who may ask what.
        topology: file or preset; None: this machine.
        recording: where samples are recorded; None: nowhere.

    Raises:
        ValueError: something of it cannot be had; says which setting.
    """

    def __init__(
        self,
        settings: LocalSettings,
        tokens: Tokens,
        topology: str | None = None,
        recording: Path | None = None,
    ) -> None:
        is_memory = settings.scl_hypervisor == "memory"
        if settings.scl_time_scale != 1 and not is_memory:
            raise SettingsError("SCL_TIME_SCALE: only SCL_HYPERVISOR=memory can be sped up")
        self.settings = settings
        self.topology = _topology(settings, topology)
        self._stop = threading.Event()
        self._clock = Clock(settings.scl_time_scale)
        self._delay_s = max(settings.scl_delay / settings.scl_time_scale, _SHORTEST_DELAY_S)
        self._folder = StateFolder(settings.scl_state_dir)
        self._hypervisor = self._open_hypervisor()
        self._records = Records(self._folder, settings.name)
        selection = plugins.find(settings.scl_cpu_selection, SELECTIONS, plugins.SELECTION_GROUP)
        host = Host(
            self.topology,
            selection=selection,
            critical_size=settings.ovsb_critical_size,
            levels=settings.levels,
        )
        self.keeper = HostAgent(host, self._hypervisor, self._records, self._clock)
        capacity = len(self.topology), self.topology.memory_mib
        self._sampler = Sampler(*capacity, is_simulated=is_memory)
        self._recorder = Recorder(recording, *capacity) if recording else None
        self._sample: Sample | None = None
        self._addresses: dict[str, list[str]] = {}
        self._threads: list[threading.Thread] = []
        self.app = self._make_app(tokens)

    def start(self) -> None:
        """Find out what there is; reconcile and sample from then on, in threads of its own.

        Where the hypervisor does not answer, the host is not ready.
        """
        self._hypervisor.watch(self.keeper.changed.set)
        self.reconcile()
        for name, task in (("watch", self._watch), ("sample", self._take_samples)):
            thread = threading.Thread(target=task, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """End the threads and close what is open; the VMs go on.

        The state directory stays locked as long as the process lives: a request that hangs may
        still write there.
        """
        self._stop.set()
        self.keeper.changed.set()
        for thread in self._threads:
            thread.join(timeout=_SLOWEST_RETRY_S)
        if self._recorder:
            self._recorder.close()
        self._records.close()
        self._hypervisor.close()

    def is_alive(self) -> bool:
        """Return whether it works: the hypervisor may hang, the daemon itself may not."""
        return all(thread.is_alive() for thread in self._threads) and not self.keeper.hangs

    @property
    def status(self) -> str:
        """The state of the host, with the reason where it is not ready."""
        view = self.keeper.view
        return f"{view.state}: {view.reason}" if view.reason else view.state

    def reconcile(self) -> None:
        """Reconcile now; an operation that takes too long is left to the next time."""
        try:
            self.keeper.reconcile()
        except BusyError as error:
            log.warning("not reconciled", reason=str(error))

    def _watch(self) -> None:
        """Reconcile when something changed, and after each delay all the same."""
        retry_s = _RETRY_S
        told = self.status
        while not self._stop.is_set():
            if self.keeper.view.state == NOT_READY:
                self._stop.wait(retry_s)
                retry_s = min(2 * retry_s, _SLOWEST_RETRY_S)
            else:
                retry_s = _RETRY_S
                self.keeper.changed.wait(self._delay_s)
            if not self._stop.is_set():
                self.reconcile()
                if told != self.status:
                    told = self.status
                    notify.status(told)

    def _take_samples(self) -> None:
        while not self._stop.is_set():
            try:
                self._take_sample()
            except HypervisorError as error:
                log.warning("no sample", reason=str(error))
            except OSError as error:
                log.error("sample not recorded", error=str(error))
            self._stop.wait(self._delay_s)

    def _take_sample(self) -> None:
        view = self.keeper.view
        # When counters are read, not when this thread has its turn again: with a fast clock a
        # moment between the two would show as a peak of use.
        time_s = self._clock.now()
        sample = self._sampler.sample(view, self._hypervisor.usage(), time_s)
        if sample is None:
            return
        self._sample = sample
        self._addresses = {name: self._hypervisor.addresses(name) for name in view.guests}
        if self._recorder:
            self._recorder.record(sample)

    def _make_app(self, tokens: Tokens) -> RestApp:
        def addresses(vm: str) -> list[str]:
            return self._addresses.get(vm, [])

        offered = self.settings.levels
        identity = Identity(
            self.settings.name,
            self.topology,
            None if offered is None else tuple(sorted(offered)),
            self.settings.scl_hypervisor,
            secrets.token_hex(4),
        )
        host = api.LocalHost(identity, self.keeper, addresses)
        metrics = Metrics()
        metrics.registry.register(HostCollector(self.keeper, self.topology, lambda: self._sample))
        return RestApp(
            [*api.endpoints(host), *prototype_api.endpoints(host)],
            title="SlackVM local scheduler",
            version=__version__,
            tokens=tokens,
            metrics=metrics,
        )

    def _open_hypervisor(self) -> Hypervisor:
        if self.settings.scl_hypervisor == "memory":
            return MemoryHypervisor(self._folder.path / "guests.json", self._clock)
        try:
            from schedulerlocal.backends.libvirt import LibvirtHypervisor
        except ModuleNotFoundError as missing:
            raise SettingsError(
                f"SCL_HYPERVISOR=libvirt needs {missing.name}: pip install 'slackvm[libvirt]', "
                "or the distribution's python3-libvirt"
            ) from missing
        settings = self.settings
        return LibvirtHypervisor(
            settings.qemu_url,
            domain_type=settings.qemu_domain_type,
            machine=settings.qemu_machine,
            emulator=settings.qemu_loc,
            image_dirs=settings.image_dirs,
            overlay_dir=self._folder.path / "overlays",
            network=settings.qemu_network,
        )


def _topology(settings: LocalSettings, spec: str | None) -> Topology:
    exclude, reserved = parse_cpu_list(settings.topo_exclude), settings.scl_mem_reserved
    described = load_topology(spec) if spec is not None else None
    try:
        if described is None:
            return read_sysfs(exclude=exclude, memory_reserved_mib=reserved)
        # A file may leave out already what the settings exclude.
        return withhold(described, set(exclude) & set(described.position), reserved)
    except TopologyError as error:
        if not exclude and not reserved:
            raise
        raise SettingsError(f"TOPO_EXCLUDE, SCL_MEM_RESERVED: {error}") from error
