"""Versions of files that one release writes and another reads.

Such a file has two numbers: `version` is that of its writer, and `readable_by` the oldest version
whose readers can use it, since what they do not know they may ignore. A reader uses a file if
`readable_by` is at most its own version, ignores the fields that it does not know, and migrates an
older file forward.
"""

from collections.abc import Mapping
from typing import Any


class VersionError(ValueError):
    """A file has no valid version, or only later releases can read it."""


def readable_version(document: Mapping[str, Any], reader: int) -> int:
    """Return the version of a file's writer.

    Args:
        document: the file's content. Without `readable_by`, only readers of `version` and later
            can use it.
        reader: the reader's version.

    Raises:
        VersionError: the reader cannot use the file.
    """
    version = _number(document.get("version"))
    readable_by = _number(document.get("readable_by", version))
    if readable_by > reader:
        raise VersionError(
            f"version {version} needs a release that reads version {readable_by}; this one reads "
            f"version {reader}"
        )
    return version


def _number(value: object) -> int:
    if type(value) is not int or value < 1:
        raise VersionError(f"{value!r} is not a version")
    return value
