"""After the machine's boot, VMs start only once the controller has answered.

While the machine was off, an operator may have evacuated it. Its VMs then run elsewhere, and two
guests must never write one image. So the hypervisor does not start VMs by itself on a host that
obeys a controller; the daemon does.
"""

import json
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, runtime_checkable

import structlog

from schedulerlocal.agent.errors import BusyError, RefusedError
from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.obedience import Obedience
from schedulerlocal.agent.view import NOT_READY
from schedulerlocal.hypervisor import STOPPED, HypervisorError, UnavailableError
from slackvm.formats.files import atomic_write, remove_leftovers
from slackvm.formats.versions import readable_version
from slackvm.model.codes import Code

log = structlog.get_logger()

VERSION = 1

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _boot_id() -> str:
    """Return what differs from one boot of the machine to the next.

    In a container whose kernel runs on, the kernel's boot ID does not: there a file in the unit's
    `RuntimeDirectory`, which each boot empties, tells the boots apart.
    """
    boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
    folder = os.environ.get("RUNTIME_DIRECTORY")
    if not folder:
        return boot_id
    marker = Path(folder) / "boot"
    try:
        if not marker.exists():
            marker.write_text(secrets.token_hex(8))
        return f"{boot_id}-{marker.read_text(encoding='ascii')[:16]}"
    except (OSError, ValueError) as error:
        log.error("boot_marker_unusable", path=str(marker), error=str(error)[:300])
        return boot_id


@runtime_checkable
class StartsVMs(Protocol):
    """A hypervisor that can start VMs by itself when the machine boots."""

    def autostarting(self) -> set[str]:
        """Return the UUIDs of the VMs that it starts.

        Raises:
            HypervisorError: it does not answer.
        """

    def set_autostart(self, uuid: str, name: str, *, starts: bool) -> None:
        """Let it start a VM, or not.

        Raises:
            HypervisorError: it does not answer.
        """


class BootHold:
    """Starts the VMs that start with the machine, once the controller has answered.

    Args:
        path: the file that keeps which VMs these are, and the boot in which they were started.
        obedience: whom the host obeys, and whether that controller has answered.
        hypervisor: the host's hypervisor.
        wait_s: seconds that VMs wait for the controller after a boot; 0: the hypervisor starts them
            itself, without waiting.
    """

    def __init__(self, path: Path, obedience: Obedience, hypervisor: object, wait_s: float) -> None:
        self._path = path
        self._obedience = obedience
        self._hypervisor = hypervisor if isinstance(hypervisor, StartsVMs) else None
        self._wait_s = wait_s
        self._until = time.monotonic() + wait_s
        self._boot = _boot_id()
        remove_leftovers(path)
        self._started_in, self._uuids = self._read()
        if not self._started_in:
            # The first start of the daemon on this machine: nothing is known of an earlier boot.
            self._started_in = self._boot
            with suppress(HypervisorError):
                self._write()
        if self.is_held:
            log.info("starts_held", wait_s=wait_s)

    @property
    def is_held(self) -> bool:
        """Whether no VM may be started by the daemon itself."""
        obedience = self._obedience
        if obedience.current is None or not self._wait_s:
            return False
        if obedience.is_held:
            return True
        is_new_boot = self._started_in != self._boot
        return is_new_boot and not obedience.is_heard and time.monotonic() < self._until

    def work(self, agent: HostAgent) -> None:
        """Take over the starts from the hypervisor, and start VMs when they may start."""
        view = agent.view
        if view.state == NOT_READY:
            return
        names = {vm.uuid: name for name, vm in view.vms.items()}
        try:
            if self._obedience.current is not None and self._wait_s:
                self._take(names)
            elif self._uuids:
                self._give_back(names)
            if self._started_in != self._boot and not self.is_held:
                stopped = [
                    vm.name
                    for vm in view.vms.values()
                    if vm.uuid in self._uuids and vm.state == STOPPED
                ]
                self._start(agent, stopped)
                self._started_in = self._boot
                self._write()
        except HypervisorError as error:
            log.warning("starts_postponed", reason=str(error))

    def _take(self, names: dict[str, str]) -> None:
        if self._hypervisor is None:
            return
        flagged = self._hypervisor.autostarting() & names.keys()
        kept = frozenset((self._uuids & names.keys()) | flagged)
        if kept != self._uuids:
            self._uuids = kept
            self._write()
        for uuid in flagged:
            self._hypervisor.set_autostart(uuid, names[uuid], starts=False)

    def _give_back(self, names: dict[str, str]) -> None:
        if self._hypervisor is not None:
            for uuid in self._uuids & names.keys():
                self._hypervisor.set_autostart(uuid, names[uuid], starts=True)
        self._uuids = frozenset()
        self._write()

    def _start(self, agent: HostAgent, stopped: Iterable[str]) -> None:
        for name in stopped:
            try:
                agent.change_state(name, "start")
                log.info("vm_started_after_boot", vm=name)
            except UnavailableError:
                raise
            except (HypervisorError, RefusedError, BusyError) as error:
                log.error("vm_not_started_after_boot", vm=name, reason=str(error))

    def _read(self) -> tuple[str, frozenset[str]]:
        try:
            document = json.loads(self._path.read_text())
            readable_version(document, VERSION)
            return str(document["boot"]), frozenset(map(str, document["uuids"]))
        except FileNotFoundError:
            return "", frozenset()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.error("boot_file_unusable", path=str(self._path), error=str(error)[:300])
            return "", frozenset()

    def _write(self) -> None:
        document = {
            "version": VERSION,
            "readable_by": VERSION,
            "boot": self._started_in,
            "uuids": sorted(self._uuids),
        }
        try:
            with atomic_write(self._path) as temporary:
                temporary.write_text(json.dumps(document))
        except OSError as error:
            log.error("boot_file_not_written", error=str(error))
            raise HypervisorError(Code.STORAGE_FULL, f"{self._path}: {error.strerror}") from error
