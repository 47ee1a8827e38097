"""The disks of clones: overlays in a folder of the daemon's."""

import errno
import os
import re
import threading
import time
import uuid as uuids
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from schedulerlocal.hypervisor import HypervisorError
from schedulerlocal.images.qemu_img import create_overlay
from slackvm.deadline import Deadline
from slackvm.formats.private import make_passable
from slackvm.model.codes import Code

log = structlog.get_logger()

LATE_S = 60.0
"""Seconds after an operation without an answer in which it may still take effect."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SUFFIX = ".qcow2"
_MARK = ".unsettled"
_MODE = 0o640
"""QEMU owns the overlay of a running VM. The daemon, in QEMU's group, reads what it is based on."""


class Overlays:
    """Overlays by the UUID of their VM.

    While a VM is created or removed, a mark is beside its overlay. A mark that a crash has left
    means that the overlay must be deleted unless its VM exists. An overlay without a mark is never
    deleted by `sweep`, even if libvirt, at another URI, has no VM for it.

    Args:
        folder: where they are; created when it is first needed. QEMU must be able to enter it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._held_until: dict[str, float] = {}

    def path(self, uuid: str) -> Path:
        """Return where the overlay of a VM is or would be."""
        return self._folder.absolute() / f"{uuids.UUID(uuid)}{_SUFFIX}"

    @contextmanager
    def held(self, uuid: str) -> Iterator[None]:
        """Protect an overlay from `sweep` while its VM is created or removed, and then a while."""
        with self._lock:
            self._held_until[uuid] = float("inf")
        try:
            yield
        finally:
            with self._lock:
                self._held_until[uuid] = time.monotonic() + LATE_S

    def mark(self, uuid: str) -> None:
        """Mark the overlay of a VM as possibly unneeded.

        Raises:
            HypervisorError: the mark cannot be written.
        """
        with _os_errors(f"overlay folder {self._folder}"):
            make_passable(self._folder)
            self._mark(uuid).touch()
            _sync(self._folder)

    def unmark(self, uuid: str) -> None:
        """Remove the mark of an overlay."""
        with _os_errors(f"overlay folder {self._folder}"):
            self._mark(uuid).unlink(missing_ok=True)

    def create(self, uuid: str, image: Path, deadline: Deadline) -> Path:
        """Create the overlay of a VM on an image.

        Raises:
            HypervisorError: it could not be created; nothing of it is left.
        """
        path = self.path(uuid)
        try:
            create_overlay(path, image, deadline)
            with _os_errors(f"overlay {path}"):
                path.chmod(_MODE)
                _sync(path)
                _sync(self._folder)
        except HypervisorError:
            self.remove(uuid)
            raise
        return path

    def remove(self, uuid: str) -> None:
        """Delete the overlay of a VM; a missing one is no error."""
        path = self.path(uuid)
        with _os_errors(f"overlay {path}"):
            path.unlink(missing_ok=True)

    def leftovers(self) -> set[str]:
        """Return the UUIDs with a mark whose operation has ended long ago."""
        now = time.monotonic()
        with self._lock:
            self._held_until = {u: until for u, until in self._held_until.items() if until > now}
            held = set(self._held_until)
        try:
            marks = {mark.stem for mark in self._folder.glob(f"*{_MARK}")}
        except OSError as error:
            log.error("overlays_not_listed", folder=str(self._folder), error=str(error))
            return set()
        return {uuid for uuid in marks if _UUID.fullmatch(uuid)} - held

    def sweep(self, leftovers: Collection[str], present: Collection[str]) -> None:
        """Delete overlays that a crash has left without a VM, and all these marks.

        Args:
            leftovers: UUIDs with a mark, listed before the VMs.
            present: the UUIDs of all VMs.
        """
        for uuid in leftovers:
            try:
                if uuid not in present:
                    self.remove(uuid)
                    log.info("leftover_overlay_deleted", uuid=uuid)
                self.unmark(uuid)
            except HypervisorError as error:
                log.error("leftover_overlay_not_deleted", uuid=uuid, error=str(error))

    def _mark(self, uuid: str) -> Path:
        return self.path(uuid).with_suffix(_MARK)


@contextmanager
def _os_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = Code.STORAGE_FULL if full else Code.HYPERVISOR_FAILED
        raise HypervisorError(code, f"{what}: {error.strerror}") from error


def _sync(path: Path) -> None:
    """Make a file or folder survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
