"""`qemu-img`, run without a shell, with bounded time and output."""

import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schedulerlocal.hypervisor import HypervisorError
from schedulerlocal.images.storage import StorageHungError
from slackvm.deadline import Deadline
from slackvm.model.codes import Code

MAX_OUTPUT = 1 << 20
"""Bytes; an image with many thousand snapshots has more."""
_MAX_MESSAGE = 300
_FULL = "No space left on device", "Disk quota exceeded"


def image_info(path: Path, deadline: Deadline) -> Mapping[str, Any]:
    """Return the output of `qemu-img info` for a qcow2 file, which a VM may be using.

    Raises:
        HypervisorError: it is not a qcow2 file.
        StorageHungError: it takes too long.
    """
    # The format is given: otherwise the file's content would choose what reads it
    command = ["info", "--output=json", "-U", "-f", "qcow2", "--", str(path)]
    output = _run(command, Code.IMAGE_INVALID, f"image {path}", deadline)
    try:
        info = json.loads(output)
    except ValueError as error:
        raise HypervisorError(
            Code.IMAGE_INVALID, f"image {path}: qemu-img printed no JSON"
        ) from error
    if not isinstance(info, dict):
        raise HypervisorError(Code.IMAGE_INVALID, f"image {path}: qemu-img printed no object")
    return info


def create_overlay(overlay: Path, image: Path, deadline: Deadline) -> None:
    """Create an empty qcow2 file on top of another.

    Raises:
        HypervisorError: it cannot be created.
        StorageHungError: it takes too long.
    """
    command = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image), "--", str(overlay)]
    _run(command, Code.HYPERVISOR_FAILED, f"overlay on {image}", deadline)


def _run(arguments: Sequence[str], code: Code, what: str, deadline: Deadline) -> bytes:
    """Return what qemu-img prints.

    A process that hangs in the kernel, on lost storage, cannot be killed. Callers that must not
    wait for it run this in a thread that they can abandon (`Storage`).
    """
    errors = os.memfd_create("qemu-img")
    with os.fdopen(errors, "r+b") as messages:
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell, paths are absolute
                ["qemu-img", *arguments],  # noqa: S607 - wherever the distribution has it
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            )
        except OSError as error:
            raise HypervisorError(
                Code.HYPERVISOR_FAILED, f"qemu-img cannot be run: {error.strerror}"
            ) from error
        with process:
            timed_out = threading.Event()

            def give_up() -> None:
                timed_out.set()
                process.kill()

            timer = threading.Timer(deadline.left, give_up)
            timer.start()
            try:
                output = process.stdout.read(MAX_OUTPUT + 1) if process.stdout else b""
                if len(output) > MAX_OUTPUT:
                    process.kill()
                    raise HypervisorError(code, f"{what}: qemu-img printed too much")
                process.wait()
            finally:
                timer.cancel()
        messages.seek(0)
        message = messages.read(_MAX_MESSAGE).decode(errors="replace").strip()
    if timed_out.is_set():
        raise StorageHungError(what)
    if process.returncode:
        full = any(reason in message for reason in _FULL)
        raise HypervisorError(Code.STORAGE_FULL if full else code, f"{what}: {message}")
    return output
