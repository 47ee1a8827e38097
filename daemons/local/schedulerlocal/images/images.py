"""Which images a VM may use: where they are, their format, and which VMs use them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from schedulerlocal.hypervisor import HypervisorError
from schedulerlocal.images import qcow2, qemu_img
from slackvm.deadline import Deadline
from slackvm.model.codes import Code

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Use:
    """A file that a VM uses.

    Attributes:
        name: the VM.
        path: the file.
        is_written: whether the VM writes it.
    """

    name: str
    path: Path
    is_written: bool


def find_image(image: str, folders: Sequence[Path]) -> Path:
    """Return an image, links resolved.

    A path outside the folders is refused before the disk is read, so that clients cannot find out
    which files exist elsewhere.

    Raises:
        HypervisorError: it does not exist, is not a plain file, or is outside the folders.
    """
    if not image or not image.isprintable() or not image.startswith("/"):
        raise HypervisorError(Code.IMAGE_INVALID, f"image {image[:300]!r} is not an absolute path")
    if ".." in Path(image).parts:
        raise HypervisorError(Code.IMAGE_INVALID, f"image {image!r}: .. is not allowed in its path")
    if not any(Path(image).is_relative_to(folder) for folder in _names(folders)):
        raise _outside(image, folders)
    return _resolved(Path(image), folders)


def _names(folders: Sequence[Path]) -> list[Path]:
    return [*folders, *(folder.resolve() for folder in folders)]


def _outside(image: str, folders: Sequence[Path]) -> HypervisorError:
    allowed = " or ".join(map(str, folders)) or "any folder"
    return HypervisorError(Code.IMAGE_OUTSIDE, f"image {image!r} is not below {allowed}")


def _resolved(image: Path, folders: Sequence[Path]) -> Path:
    shown = repr(str(image))
    try:
        path = image.resolve(strict=True)
        is_file = path.is_file()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise HypervisorError(Code.IMAGE_NOT_FOUND, f"image {shown} does not exist") from error
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before 3.13
        raise HypervisorError(Code.IMAGE_INVALID, f"image {shown}: {error}") from error
    if not any(path.is_relative_to(folder.resolve()) for folder in folders):
        raise _outside(str(image), folders)
    if not is_file or not str(path).isprintable():
        raise HypervisorError(Code.IMAGE_INVALID, f"image {shown} is not a plain file")
    return path


def check_format(path: Path, folders: Sequence[Path], deadline: Deadline) -> None:
    """Check that an image is qcow2, and that its backing files are below the folders too.

    The header of an image may name any file, and QEMU would open it.

    Raises:
        HypervisorError: the image is not allowed.
        StorageHungError: its storage does not answer in time.
    """
    for _ in range(qcow2.MAX_CHAIN):
        try:
            header = qcow2.read_header(path)
        except OSError as error:
            raise HypervisorError(Code.IMAGE_INVALID, f"image {path}: {error.strerror}") from error
        if header is None:
            raise HypervisorError(Code.IMAGE_INVALID, f"image {path} is not in qcow2 format")
        # Checked before qemu-img runs, which would open the data file, whatever it is
        if header.has_external_data:
            raise HypervisorError(
                Code.IMAGE_INVALID, f"image {path} keeps its data in another file"
            )
        info = qemu_img.image_info(path, deadline)
        if info.get("encrypted"):
            raise HypervisorError(Code.IMAGE_INVALID, f"image {path} is encrypted")
        if not header.backing:
            return
        path = _backing_file(path, header, info.get("backing-filename-format"), folders)
        if info.get("backing-filename-format") == "raw":
            return
    raise HypervisorError(
        Code.IMAGE_INVALID, f"image {path}: its chain of backing files is too long, or a loop"
    )


def _backing_file(
    path: Path, header: qcow2.Header, backing_format: object, folders: Sequence[Path]
) -> Path:
    refused = f"image {path}: its backing file {header.backing!r}"
    backing = qcow2.local_path(header.backing, path)
    if backing is None:
        raise HypervisorError(Code.IMAGE_INVALID, f"{refused} is not a local file")
    if backing_format not in ("qcow2", "raw"):
        raise HypervisorError(
            Code.IMAGE_INVALID, f"{refused} has no format in the header; it must be qcow2 or raw"
        )
    try:
        # Headers often have relative names and ..; the file system resolves them, not the text
        return _resolved(backing, folders)
    except (HypervisorError, ValueError) as error:
        raise HypervisorError(Code.IMAGE_INVALID, f"{refused}: {error}") from error


def check_use(path: Path, clone: bool, uses: Iterable[Use]) -> None:
    """Check that a new VM can use an image beside the VMs that exist.

    A VM that writes its image must be its only user. Clones only read an image and share it. No VM
    may write a file that is a backing file of another VM.

    Args:
        path: the image.
        clone: whether the new VM only reads it.
        uses: the files that VMs use.

    Raises:
        HypervisorError: it cannot.
    """
    wanted = {_identity(path): not clone}
    try:
        for backing in qcow2.backing_files(path):
            wanted.setdefault(_identity(backing), False)
    except OSError as error:
        raise HypervisorError(Code.IMAGE_INVALID, f"image {path}: {error}") from error
    for use in _with_backing_files(uses):
        is_written = wanted.get(_identity(use.path))
        if is_written is not None and (is_written or use.is_written):
            raise HypervisorError(Code.IMAGE_IN_USE, f"image {path} is in use by VM {use.name}")


def _with_backing_files(uses: Iterable[Use]) -> Iterable[Use]:
    for use in uses:
        yield use
        try:
            if use.path.is_file() or use.path.is_block_device():
                for backing in qcow2.backing_files(use.path):
                    yield Use(use.name, backing, is_written=False)
        except (OSError, ValueError) as error:
            # Only the backing files that libvirt names are known then
            log.warning("disk_not_read", vm=use.name, path=str(use.path), error=str(error))


def _identity(path: Path) -> tuple[int, int] | str:
    """Return what identifies a file under all its names."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return os.path.normpath(path)
    return (status.st_dev, status.st_ino)
