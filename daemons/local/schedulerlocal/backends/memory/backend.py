"""The `memory` hypervisor: VMs without guests, for trying things out; their use is made up.

They are kept in a file of the state directory, so that they outlive the daemon as real ones would.
"""

import hashlib
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from schedulerlocal.agent.state import StateError
from schedulerlocal.clock import Clock
from schedulerlocal.hypervisor import (
    RUNNING,
    STOPPED,
    HypervisorError,
    ObservedVM,
    Usage,
    VMSpec,
)
from slackvm.api.vms import GuestState
from slackvm.formats.files import atomic_write, remove_leftovers
from slackvm.model.codes import Code
from slackvm.model.vm import VM

DAY_S = 8640
"""Seconds of a day in the workloads of the paper, after which use repeats."""


@dataclass(frozen=True)
class _Kept:
    """A VM without a guest: what was ordered, where it is pinned, since when it runs."""

    order: VMSpec
    pins: tuple[int, ...]
    state: GuestState
    since: float


class MemoryHypervisor:
    """VMs that are only written down.

    Args:
        path: the file that they are kept in.
        clock: what time it is for them.

    Raises:
        StateError: the file is there and cannot be used.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._kept = _read(path)
        remove_leftovers(path)

    def guests(self) -> list[ObservedVM]:
        """Return all VMs."""
        with self._lock:
            return [
                ObservedVM(
                    kept.order.vm.name,
                    kept.order.uuid,
                    kept.order.vm.vcpus,
                    kept.order.vm.memory_mib,
                    kept.state,
                    kept.order,
                    (kept.pins,) * kept.order.vm.vcpus,
                    kept.pins,
                )
                for kept in self._kept.values()
            ]

    def check_image(self, image: str, clone: bool) -> Path:  # noqa: ARG002 - nothing is read
        """Return the image as it was named: its existence, place and use are not checked."""
        return Path(image)

    def create(self, order: VMSpec, cpu_ids: Sequence[int]) -> None:
        """Write a VM down."""
        with self._lock:
            if order.vm.name in self._kept:
                raise HypervisorError(Code.NAME_TAKEN, f"a VM {order.vm.name} exists")
            kept = _Kept(order, tuple(sorted(cpu_ids)), RUNNING, self._clock.now())
            self._keep({**self._kept, order.vm.name: kept})

    def remove(self, name: str) -> None:
        """Forget a VM."""
        with self._lock:
            self._keep({other: kept for other, kept in self._kept.items() if other != name})

    def pin(self, pins: Mapping[str, Sequence[int]]) -> None:
        """Write down where VMs are pinned."""
        with self._lock:
            pinned = {
                name: replace(self._kept[name], pins=tuple(sorted(cpu_ids)))
                for name, cpu_ids in pins.items()
                if name in self._kept
            }
            self._keep({**self._kept, **pinned})

    def start(self, name: str) -> None:
        """Let a VM run."""
        with self._lock:
            if self._known(name).state != RUNNING:
                self._change(name, state=RUNNING, since=self._clock.now())

    def stop(self, name: str) -> None:
        """Let a VM run no more."""
        with self._lock:
            self._change(name, state=STOPPED)

    def restart(self, name: str) -> None:
        """Let a VM begin anew."""
        with self._lock:
            self._change(name, state=RUNNING, since=self._clock.now())

    def usage(self) -> list[Usage]:
        """Return made-up use: a daily wave around a mean, both drawn from the VM's UUID."""
        now = self._clock.now()
        with self._lock:
            running = [kept for kept in self._kept.values() if kept.state == RUNNING]
        return [_made_up(kept, now) for kept in running]

    def addresses(self, name: str) -> list[str]:  # noqa: ARG002 - there is no guest
        """Return no address: there is no guest."""
        return []

    def watch(self, changed: Callable[[], None]) -> None:
        """Nothing happens to these VMs but what the daemon does."""

    def close(self) -> None:
        """Nothing to end."""

    def _known(self, name: str) -> _Kept:
        if name not in self._kept:
            raise HypervisorError(Code.VM_NOT_FOUND, f"there is no VM {name}")
        return self._kept[name]

    def _change(self, name: str, **changes: Any) -> None:
        self._keep({**self._kept, name: replace(self._known(name), **changes)})

    def _keep(self, kept: dict[str, _Kept]) -> None:
        entries = [_entry(each) for each in kept.values()]
        try:
            with atomic_write(self._path) as temporary:
                temporary.write_text(json.dumps(entries))
        except OSError as error:
            message = f"{self._path}: {error.strerror}"
            raise HypervisorError(Code.STORAGE_FULL, message) from error
        self._kept = kept


def _entry(kept: _Kept) -> dict[str, Any]:
    vm = kept.order.vm
    size = {"vcpus": vm.vcpus, "memory_mib": vm.memory_mib, "level": vm.level}
    order = {
        "vm": {"name": vm.name, **size},
        "uuid": kept.order.uuid,
        "image": str(kept.order.image),
        "clone": kept.order.clone,
        "created": kept.order.created,
    }
    return {"order": order, "pins": kept.pins, "state": kept.state, "since": kept.since}


def _read(path: Path) -> dict[str, _Kept]:
    try:
        entries = json.loads(path.read_bytes())
        kept = {}
        for entry in entries:
            order = dict(entry["order"])
            order["vm"] = VM(**order["vm"])
            order["image"] = Path(order["image"])
            each = _Kept(VMSpec(**order), tuple(entry["pins"]), entry["state"], entry["since"])
            kept[each.order.vm.name] = each
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path}: the VMs of the memory hypervisor: {error}") from error
    return kept


def _made_up(kept: _Kept, now: float) -> Usage:
    """Return the integral of `vcpus * (mean + swing * sin)` since the VM runs."""
    drawn = hashlib.sha256(kept.order.uuid.encode()).digest()
    mean = 0.1 + 0.5 * drawn[0] / 255
    swing = min(mean, 1 - mean) * drawn[1] / 255
    phase = 2 * math.pi * drawn[2] / 255
    turn = 2 * math.pi / DAY_S

    def wave(time: float) -> float:
        return -math.cos(turn * time + phase) / turn

    ran = max(now - kept.since, 0.0)
    cpu_s = mean * ran + swing * (wave(now) - wave(kept.since))
    memory_mib = kept.order.vm.memory_mib * (0.3 + 0.6 * drawn[3] / 255)
    return Usage(kept.order.uuid, kept.order.vm.vcpus * max(cpu_s, 0.0), None, memory_mib)
