"""Which images a VM may have: where they lie, what they are, who else uses them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from schedulerlocal.backends.libvirt.deadline import Deadline
from schedulerlocal.hypervisor import HypervisorError
from schedulerlocal.images import qcow2, qemu_img
from slackvm.model.codes import Code

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Use:
    """A file that a VM uses.

    Attributes:
        name: the VM.
        path: the file.
        is_written: whether it writes it.
    """

    name: str
    path: Path
    is_written: bool


def find_image(image: str, folders: Sequence[Path]) -> Path:
    """Return an image, links resolved.

    A path that does not even look like one below a folder is refused before the disk is asked, so
    that nobody learns which files there are elsewhere.

    Raises:
        HypervisorError: it is not there, no plain file, or outside the folders.
    """
    if not image or not image.isprintable() or not image.startswith("/"):
        raise HypervisorError(Code.IMAGE_INVALID, f"image {image[:300]!r} is no absolute path")
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
        raise HypervisorError(Code.IMAGE_NOT_FOUND, f"image {shown} is not there") from error
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before 3.13
        raise HypervisorError(Code.IMAGE_INVALID, f"image {shown}: {error}") from error
    if not any(path.is_relative_to(folder.resolve()) for folder in folders):
        raise _outside(str(image), folders)
    if not is_file or not str(path).isprintable():
        raise HypervisorError(Code.IMAGE_INVALID, f"image {shown} is no plain file")
    return path


def check_format(path: Path, folders: Sequence[Path], deadline: Deadline) -> None:
    """Have an image be qcow2, and all files that it rests on be below the folders as well.

    Whoever makes an image chooses what its header names, and QEMU would open it.

    Raises:
        HypervisorError: it is not so.
        UnavailableError: it takes too long to find out.
    """
    for _ in range(qcow2.MAX_CHAIN):
        try:
            header = qcow2.read_header(path)
        except OSError as error:
            raise HypervisorError(Code.IMAGE_INVALID, f"image {path}: {error.strerror}") from error
        if header is None:
            raise HypervisorError(Code.IMAGE_INVALID, f"image {path} is not in qcow2 format")
        # Before qemu-img looks: it would open the data file, whatever that is
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
    raise HypervisorError(Code.IMAGE_INVALID, f"image {path}: its backing files never end")


def _backing_file(
    path: Path, header: qcow2.Header, backing_format: object, folders: Sequence[Path]
) -> Path:
    refused = f"image {path}: its backing file {header.backing!r}"
    backing = qcow2.local_path(header.backing, path)
    if backing is None:
        raise HypervisorError(Code.IMAGE_INVALID, f"{refused} is no local file")
    if backing_format not in ("qcow2", "raw"):
        raise HypervisorError(Code.IMAGE_INVALID, f"{refused} has no format, qcow2 or raw, named")
    try:
        # In a header, relative names and .. are usual; the kernel resolves them, not the text
        return _resolved(backing, folders)
    except (HypervisorError, ValueError) as error:
        raise HypervisorError(Code.IMAGE_INVALID, f"{refused}: {error}") from error


def check_use(path: Path, clone: bool, uses: Iterable[Use]) -> None:
    """Have nobody else use an image in a way that does not go with the use that is asked for.

    A VM that writes its image needs it for itself. Clones only read theirs and share it. No VM may
    write any file that another one rests on.

    Raises:
        HypervisorError: somebody does.
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
            # Its backing files stay unknown, but for those that libvirt names
            log.warning("disk cannot be read", vm=use.name, path=str(use.path), error=str(error))


def _identity(path: Path) -> tuple[int, int] | str:
    """Return what tells a file from all others, whatever names it has."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return os.path.normpath(path)
    return (status.st_dev, status.st_ino)
