"""A recording as figures read it: by the rules of a replay, and once for all tables of a figure."""

from functools import lru_cache
from pathlib import Path

from slackvm.formats.monitoring.trace import Trace, read_trace


def read_recording(path: Path) -> Trace:
    """Return a recording, see `slackvm.formats.monitoring.trace.read_trace`.

    The last one is kept for the next table that is made from it, while its file does not change.

    Args:
        path: CSV or Parquet, perhaps compressed by gzip or zstd.

    Raises:
        ValueError: the file is no recording; the message names it, the line and the column.
    """
    try:
        status = path.stat()
    except OSError:
        return read_trace(path, with_lines=False)
    return _read(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=1)
def _read(path: Path, _version: tuple[int, ...]) -> Trace:
    return read_trace(path, with_lines=False)
