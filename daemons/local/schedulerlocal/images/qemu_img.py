"""`qemu-img`, run without a shell, with bounded time and output."""

import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schedulerlocal.backends.libvirt.deadline import Deadline
from schedulerlocal.hypervisor import HypervisorError
from schedulerlocal.images.storage import StorageHungError
from slackvm.model.codes import Code

MAX_OUTPUT = 1 << 20
"""Bytes; an image with many thousand snapshots would tell more."""
_MAX_MESSAGE = 300
_FULL = "No space left on device", "Disk quota exceeded"


def image_info(path: Path, deadline: Deadline) -> Mapping[str, Any]:
    """Return what `qemu-img info` tells of a qcow2 file; a VM may be using it.

    Raises:
        HypervisorError: it is no qcow2 file.
        StorageHungError: it takes too long.
    """
    # The format is given: a guess at it would have the file's content choose what reads it
    command = ["info", "--output=json", "-U", "-f", "qcow2", "--", str(path)]
    output = _run(command, Code.IMAGE_INVALID, f"image {path}", deadline)
    try:
        told = json.loads(output)
    except ValueError as error:
        raise HypervisorError(Code.IMAGE_INVALID, f"image {path}: qemu-img says no JSON") from error
    if not isinstance(told, dict):
        raise HypervisorError(Code.IMAGE_INVALID, f"image {path}: qemu-img says nothing of it")
    return told


def create_overlay(overlay: Path, image: Path, deadline: Deadline) -> None:
    """Make an empty qcow2 file on top of another.

    Raises:
        HypervisorError: it cannot be made.
        StorageHungError: it takes too long.
    """
    command = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image), "--", str(overlay)]
    _run(command, Code.HYPERVISOR_FAILED, f"overlay on {image}", deadline)


def _run(arguments: Sequence[str], code: Code, what: str, deadline: Deadline) -> bytes:
    """Return what qemu-img prints.

    A process that hangs in the kernel, on storage that is gone, cannot be killed: whoever must not
    wait for that either calls from a thread that may be abandoned.
    """
    errors = os.memfd_create("qemu-img")
    with os.fdopen(errors, "r+b") as complaints:
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell, paths are absolute
                ["qemu-img", *arguments],  # noqa: S607 - wherever the distribution has it
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            )
        except OSError as error:
            raise HypervisorError(
                Code.HYPERVISOR_FAILED, f"qemu-img cannot be run: {error.strerror}"
            ) from error
        with process:
            overdue = threading.Event()

            def give_up() -> None:
                overdue.set()
                process.kill()

            timer = threading.Timer(deadline.left, give_up)
            timer.start()
            try:
                output = process.stdout.read(MAX_OUTPUT + 1) if process.stdout else b""
                if len(output) > MAX_OUTPUT:
                    process.kill()
                    raise HypervisorError(code, f"{what}: qemu-img says too much")
                process.wait()
            finally:
                timer.cancel()
        complaints.seek(0)
        message = complaints.read(_MAX_MESSAGE).decode(errors="replace").strip()
    if overdue.is_set():
        raise StorageHungError(what)
    if process.returncode:
        full = any(reason in message for reason in _FULL)
        raise HypervisorError(Code.STORAGE_FULL if full else code, f"{what}: {message}")
    return output
