"""Simulated VMs, kept in a file so that they outlive the daemon as real ones do."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from schedulerlocal.backends.memory.simulated import SimulatedVM, simulated_usage
from schedulerlocal.backends.memory.vms_file import read_vms, write_vms
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import (
    RUNNING,
    STOPPED,
    HypervisorError,
    ObservedVM,
    Usage,
    VMSpec,
)
from slackvm.formats.files import remove_leftovers
from slackvm.model.codes import Code


class MemoryHypervisor:
    """A hypervisor whose VMs are simulated.

    Args:
        path: the file that they are kept in.
        clock: the time for them.

    Raises:
        ValueError: the file exists and cannot be used.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._vms = read_vms(path)
        remove_leftovers(path)

    def vms(self) -> list[ObservedVM]:
        """Return all VMs."""
        with self._lock:
            return [replace(vm.spec.observed(vm.pins), state=vm.state) for vm in self._vms.values()]

    def check_image(self, image: str, clone: bool) -> Path:  # noqa: ARG002 - nothing is read
        """Return the image as it is named: whether it exists or is in use is not checked."""
        return Path(image)

    def create(self, spec: VMSpec, cpu_ids: Sequence[int]) -> None:
        """Create a VM."""
        with self._lock:
            if spec.vm.name in self._vms:
                raise HypervisorError(Code.NAME_TAKEN, f"a VM {spec.vm.name} exists")
            vm = SimulatedVM(spec, tuple(sorted(cpu_ids)), RUNNING, self._clock.now())
            self._keep({**self._vms, spec.vm.name: vm})

    def remove(self, name: str) -> None:
        """Delete a VM."""
        with self._lock:
            self._keep({other: vm for other, vm in self._vms.items() if other != name})

    def pin(self, pins: Mapping[str, Sequence[int]]) -> None:
        """Note where VMs are pinned."""
        with self._lock:
            pinned = {
                name: replace(self._vms[name], pins=tuple(sorted(cpu_ids)))
                for name, cpu_ids in pins.items()
                if name in self._vms
            }
            self._keep({**self._vms, **pinned})

    def start(self, name: str) -> None:
        """Start a stopped VM."""
        with self._lock:
            if self._existing(name).state != RUNNING:
                self._change(name, state=RUNNING, since=self._clock.now())

    def stop(self, name: str) -> None:
        """Stop a VM."""
        with self._lock:
            self._change(name, state=STOPPED)

    def restart(self, name: str) -> None:
        """Start a VM from scratch."""
        with self._lock:
            self._change(name, state=RUNNING, since=self._clock.now())

    def usage(self) -> list[Usage]:
        """Return the simulated use of the running VMs."""
        now = self._clock.now()
        with self._lock:
            running = [vm for vm in self._vms.values() if vm.state == RUNNING]
        return [simulated_usage(vm, now) for vm in running]

    def addresses(self, name: str) -> list[str]:  # noqa: ARG002 - there is no guest
        """Return no address: there is no guest."""
        return []

    def watch(self, changed: Callable[[], None]) -> None:
        """Do nothing: only the daemon changes these VMs."""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _existing(self, name: str) -> SimulatedVM:
        if name not in self._vms:
            raise HypervisorError(Code.VM_NOT_FOUND, f"there is no VM {name}")
        return self._vms[name]

    def _change(self, name: str, **changes: Any) -> None:
        self._keep({**self._vms, name: replace(self._existing(name), **changes)})

    def _keep(self, vms: dict[str, SimulatedVM]) -> None:
        try:
            write_vms(self._path, vms.values())
        except OSError as error:
            message = f"{self._path}: {error.strerror}"
            raise HypervisorError(Code.STORAGE_FULL, message) from error
        self._vms = vms
