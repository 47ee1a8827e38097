"""The header of a qcow2 file: which other files it needs.

Specification: docs/interop/qcow2.txt in QEMU's sources.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"QFI\xfb"
_START = struct.Struct(">4sIQI")
"""Magic, version, offset and length of the backing file's name."""
_FEATURES = struct.Struct(">Q")
_FEATURES_OFFSET = 72
_EXTERNAL_DATA = 1 << 2
_MAX_NAME = 1023
MAX_CHAIN = 64
"""A longer chain of backing files counts as a loop."""

_PROTOCOL = re.compile(r"[^/]*:")


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a qcow2 file.

    Attributes:
        backing: name of the backing file as it is written; empty: none.
        has_external_data: whether the data are in another file.
    """

    backing: str
    has_external_data: bool


def read_header(path: Path) -> Header | None:
    """Return the header of a file; None: it is not a qcow2 file.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_FEATURES_OFFSET + _FEATURES.size)
        if len(start) < _FEATURES_OFFSET or not start.startswith(_MAGIC):
            return None
        _, version, offset, length = _START.unpack_from(start)
        if length > _MAX_NAME:
            return None
        name = b""
        if offset and length:
            file.seek(min(offset, 2**62))
            name = file.read(length)
    features = 0
    if version > 2 and len(start) == _FEATURES_OFFSET + _FEATURES.size:
        (features,) = _FEATURES.unpack_from(start, _FEATURES_OFFSET)
    backing = name.decode("utf-8", errors="surrogateescape")
    return Header(backing, bool(features & _EXTERNAL_DATA))


def local_path(name: str, beside: Path) -> Path | None:
    """Return the file that a backing file's name means; None: it is not a local file.

    Args:
        name: as written in a header; it may also be like `nbd://…` or `json:{…}`.
        beside: the file with the header; a relative name starts in its folder.
    """
    return None if _PROTOCOL.match(name) else beside.parent / name


def backing_files(path: Path) -> Iterator[Path]:
    """Yield the chain of backing files of a file, as far as they are local files.

    Raises:
        OSError: a file cannot be read.
    """
    for _ in range(MAX_CHAIN):
        header = read_header(path)
        backing = local_path(header.backing, path) if header and header.backing else None
        if backing is None:
            return
        yield backing
        path = backing
