"""The local daemon: puts the parts of a live host together, and lets them run until it is told."""

import secrets
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from schedulerlocal.live import api, prototype_api
from schedulerlocal.live.clock import Clock
from schedulerlocal.live.hypervisor import Hypervisor, HypervisorError
from schedulerlocal.live.keeper import BusyError, Keeper
from schedulerlocal.live.memory import MemoryHypervisor
from schedulerlocal.live.metrics import HostCollector
from schedulerlocal.live.monitor import Sample, Sampler
from schedulerlocal.live.recorder import Recorder
from schedulerlocal.live.records import Records
from schedulerlocal.live.replies import Identity
from schedulerlocal.live.state import StateFolder
from slackvm import __version__, plugins
from slackvm.model.host import Host
from slackvm.model.selection import SELECTIONS
from slackvm.model.topology import Topology
from slackvm.service.app import RestApp
from slackvm.service.auth import Tokens, check_bind
from slackvm.service.metrics import Metrics
from slackvm.service.settings import LocalSettings, SettingsError
from slackvm.topologies import load_topology, parse_cpu_list, read_sysfs

log = structlog.get_logger()

_RETRY_S = 0.5
_SLOWEST_RETRY_S = 5.0
_SILENCE_S = 60.0
"""A thread that shows no life for so long, and its delay, is taken for hung."""


class LocalDaemon:
    """A live host with its REST interface's application; `run` keeps it true and sampled.

    Args:
        settings: the settings.
        topology: file or preset; None: this machine.
        recording: where samples are recorded; None: nowhere.

    Raises:
        ValueError: something of it cannot be had; says which setting.
    """

    def __init__(
        self, settings: LocalSettings, topology: str | None = None, recording: Path | None = None
    ) -> None:
        self._token = settings.scl_token.get_secret_value()
        check_bind(settings.scl_url, self._token)
        is_memory = settings.scl_hypervisor == "memory"
        if settings.scl_time_scale != 1 and not is_memory:
            raise SettingsError("SCL_TIME_SCALE: only SCL_HYPERVISOR=memory can be sped up")
        self.settings = settings
        self.topology = _topology(settings, topology)
        self._stop = threading.Event()
        self._clock = Clock(settings.scl_time_scale)
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
        self.keeper = Keeper(host, self._hypervisor, self._records, self._clock)
        capacity = len(self.topology), self.topology.memory_mib
        self._sampler = Sampler(*capacity, is_simulated=is_memory)
        self._recorder = Recorder(recording, *capacity) if recording else None
        self._sample: Sample | None = None
        self._addresses: dict[str, list[str]] = {}
        self._signs_of_life: dict[str, float] = {}
        self.app = self._make_app()

    def begin(self) -> None:
        """Find out what there is; where the hypervisor does not answer, the host is not ready."""
        self._hypervisor.watch(self.keeper.changed.set)
        self.reconcile()

    def run(self) -> None:
        """Reconcile and sample until `stop`; then the VMs go on, and the daemon lets go of them."""
        tasks = {"watch": self._watch, "sample": self._take_samples}
        threads = [
            threading.Thread(target=task, name=name, daemon=True) for name, task in tasks.items()
        ]
        for thread in threads:
            thread.start()
        self._stop.wait()
        for thread in threads:
            thread.join(timeout=_SLOWEST_RETRY_S)
        self.close()

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()
        self.keeper.changed.set()

    def close(self) -> None:
        """Close what is open."""
        if self._recorder:
            self._recorder.close()
        self._records.close()
        self._hypervisor.close()
        self._folder.close()

    def is_alive(self) -> bool:
        """Return whether the threads that keep the host true show signs of life."""
        silence = _SILENCE_S + self.settings.scl_delay
        now = time.monotonic()
        return all(now - seen < silence for seen in self._signs_of_life.values())

    def reconcile(self) -> None:
        """Reconcile now; an operation that takes too long is left to the next time."""
        try:
            self.keeper.reconcile()
        except BusyError as error:
            log.warning("not reconciled", reason=str(error))

    def _watch(self) -> None:
        """Reconcile when something changed, and after each delay all the same."""
        retry_s = _RETRY_S
        while not self._stop.is_set():
            self._signs_of_life["watch"] = time.monotonic()
            if self.keeper.view.state == "not_ready":
                self._stop.wait(retry_s)
                retry_s = min(2 * retry_s, _SLOWEST_RETRY_S)
            else:
                retry_s = _RETRY_S
                delay = self.settings.scl_delay / self._clock.scale
                self.keeper.changed.wait(min(delay, _SILENCE_S / 2))
            if not self._stop.is_set():
                self.reconcile()

    def _take_samples(self) -> None:
        while not self._clock.wait(self.settings.scl_delay, self._stop):
            self._signs_of_life["sample"] = time.monotonic()
            try:
                self._take_sample()
            except HypervisorError as error:
                log.warning("no sample", reason=str(error))
            except OSError as error:
                log.error("sample not recorded", error=str(error))

    def _take_sample(self) -> None:
        view = self.keeper.view
        usage = self._hypervisor.usage()
        self._sample = self._sampler.sample(view, usage, self._clock.now())
        self._addresses = {name: self._hypervisor.addresses(name) for name in view.guests}
        if self._recorder:
            self._recorder.record(self._sample)

    def _make_app(self) -> RestApp:
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
            tokens=Tokens(
                self._token or None, self.settings.scl_read_token.get_secret_value() or None
            ),
            metrics=metrics,
        )

    def _open_hypervisor(self) -> Hypervisor:
        if self.settings.scl_hypervisor == "memory":
            return MemoryHypervisor(self._folder.path / "guests.json", self._clock)
        try:
            from schedulerlocal.live.libvirt_backend import LibvirtHypervisor
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


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` when the process is asked to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def _topology(settings: LocalSettings, spec: str | None) -> Topology:
    if spec is not None:
        return load_topology(spec)
    return read_sysfs(
        exclude=parse_cpu_list(settings.topo_exclude),
        memory_reserved_mib=settings.scl_mem_reserved,
    )
