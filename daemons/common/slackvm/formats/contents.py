"""What an input file holds: from a path, a pipe or standard input, and decompressed.

gzip, zstd and Parquet are recognised by their first bytes, not by the name of the file.
"""

import errno
import gzip
import stat
import sys
import zlib
from collections.abc import Hashable
from pathlib import Path

STANDARD_INPUT = Path("-")

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PARQUET = b"PAR1"

BOM = b"\xef\xbb\xbf"
"""The byte order mark of a text in UTF-8."""


class ContentsError(ValueError):
    """A file whose contents cannot be read; the message says why, without the file's name."""


def shown(path: Path) -> str:
    """Return how messages name an input: `-` is standard input."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def read_contents(path: Path) -> bytes:
    """Return everything that an input holds; gzip and zstd are decompressed.

    Args:
        path: a file, a device or a pipe; `-` is standard input.

    Raises:
        ContentsError: the compressed data is cut or damaged.
        OSError: the file cannot be read; the error names it.
    """
    data = raw_contents(path)
    if data.startswith(_GZIP):
        try:
            return gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ContentsError(f"the gzip data is cut or damaged: {error}") from error
    if data.startswith(_ZSTD):
        return _without_zstd(data)
    return data


def raw_contents(path: Path) -> bytes:
    """Return everything that an input holds, as it is.

    A pipe gives what it holds only once: it is kept for the next caller, such as a manifest.

    Raises:
        OSError: the file cannot be read; the error names it.
    """
    stream: Hashable
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        stream = sys.stdin
    else:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            return path.read_bytes()
        stream = (path, status.st_dev, status.st_ino)
    if stream not in _kept:
        is_standard = path == STANDARD_INPUT
        _kept[stream] = sys.stdin.buffer.read() if is_standard else path.read_bytes()
    return _kept[stream]


_kept: dict[Hashable, bytes] = {}
"""What pipes and standard input held."""


def is_parquet(data: bytes) -> bool:
    """Return whether these are the contents of a Parquet file."""
    return data.startswith(_PARQUET)


def without_bom(data: bytes) -> bytes:
    """Return a text without the byte order mark that some programs write before it."""
    return data.removeprefix(BOM)


def _without_zstd(data: bytes) -> bytes:
    import pyarrow as pa  # only few inputs need it, and it takes long

    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return bytes(stream.read())
    except OSError as error:
        raise ContentsError(f"the zstd data is cut or damaged: {error}") from error
