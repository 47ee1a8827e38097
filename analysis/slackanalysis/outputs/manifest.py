"""The manifest of figures: what made them, so that they can be made again."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from slackvm import __version__
from slackvm.files import replacing

LIBRARIES = ("numpy", "pandas", "pyarrow", "matplotlib", "seaborn", "papermill")
"""Installed packages that figures depend on."""

_READ_BYTES = 1 << 20
_DESCRIBE = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was: its path as given, its SHA-256 in hexadecimal, its bytes."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class FigureRecord:
    """How one figure was made.

    Attributes:
        notebook: name of the notebook.
        parameters: value of each of its parameters.
        inputs: the files that they name, and those that were made for it.
        outputs: the files that came of it.
        seconds: how long it took.
    """

    notebook: str
    parameters: Mapping[str, object]
    inputs: list[FileRecord]
    outputs: list[FileRecord]
    seconds: float


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def file_record(path: Path) -> FileRecord:
    """Return what identifies a file.

    Raises:
        OSError: it cannot be read.
    """
    return FileRecord(str(path), sha256(path), path.stat().st_size)


def write_manifest(
    path: Path, figures: Iterable[FigureRecord], failed: Mapping[str, str] | None = None
) -> None:
    """Write the manifest of some figures as JSON, whole or not at all.

    Args:
        path: the file.
        figures: those that were made.
        failed: why others were not, by the name of their notebook.

    Raises:
        OSError: it cannot be written.
    """
    manifest = {
        "slackvm": __version__,
        "revision": _revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": [asdict(figure) for figure in figures],
        "failed": dict(failed or {}),
    }
    with replacing(path) as file:
        file.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _revision() -> str | None:
    """Return git's name of the checkout's revision, `-dirty` where files differ; None outside."""
    folder = Path(__file__).parent
    try:
        described = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            ["git", "-C", str(folder), *_DESCRIBE],  # noqa: S607 - whichever git there is
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()
