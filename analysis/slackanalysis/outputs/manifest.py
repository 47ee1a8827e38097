"""The manifest beside an output: what made it, so that it can be made again and checked."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from slackvm import __version__
from slackvm.formats.contents import raw_contents, shown
from slackvm.formats.files import atomic_write

LIBRARIES = (
    *("numpy", "pandas", "pyarrow", "scipy", "joblib"),
    *("matplotlib", "seaborn", "papermill"),
)
"""Packages that outputs depend on; a manifest has the versions of those that are installed."""

ENDING = ".manifest.json"

_LONGEST_NAME = 255
"""Bytes of a file's name, on all file systems in use."""

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


def manifest_path(output: Path) -> Path:
    """Return where the manifest of an output is written: beside it, `hosts.csv.manifest.json`.

    Raises:
        ValueError: the output is no name of a file, or too long a one for a manifest beside it.
    """
    if not output.name:
        raise ValueError(f"output {str(output)!r} names no file")
    most = _LONGEST_NAME - len(ENDING)
    if len(os.fsencode(output.name)) > most:
        raise ValueError(
            f"the file name {output.name[:40]}… is too long: {most} bytes at most, since "
            f"NAME{ENDING} stands beside it"
        )
    return output.with_name(output.name + ENDING)


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
    """Return what identifies a file, a pipe, or a folder such as a Parquet data set.

    A folder's SHA-256 is that of the lines `SHA-256 PATH` of its files, sorted by path.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_dir() and not path.is_file():
        data = raw_contents(path)
        return FileRecord(shown(path), hashlib.sha256(data).hexdigest(), len(data))
    if not path.is_dir():
        return FileRecord(str(path), sha256(path), path.stat().st_size)
    files = sorted(each for each in path.rglob("*") if each.is_file())
    lines = [f"{sha256(each)} {each.relative_to(path).as_posix()}\n" for each in files]
    whole = hashlib.sha256("".join(lines).encode()).hexdigest()
    return FileRecord(str(path), whole, sum(each.stat().st_size for each in files))


def write_manifest(
    path: Path,
    *,
    command: Sequence[str],
    parameters: Mapping[str, object],
    inputs: Iterable[FileRecord | Path],
    outputs: Iterable[FileRecord | Path],
    notes: Mapping[str, object] | None = None,
) -> None:
    """Write how a command's outputs were made, as JSON, whole or not at all.

    Args:
        path: the manifest, see `manifest_path`.
        command: the command line, word for word.
        parameters: the value of each option, defaults included.
        inputs: every file that was read. A path is hashed now; give the record that `file_record`
            returned before the file was read where it may have changed since.
        outputs: the files that were written.
        notes: what else a reader must know, such as what an importer left out.

    Raises:
        OSError: it cannot be written, or a file cannot be read.
    """
    about = {
        "command": list(command),
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "inputs": _records(inputs),
        "outputs": _records(outputs),
    }
    _write(path, about | ({"notes": dict(notes)} if notes else {}))


def write_figures_manifest(
    path: Path, figures: Iterable[FigureRecord], failed: Mapping[str, str] | None = None
) -> None:
    """Write how some figures were made, as JSON, whole or not at all.

    Args:
        path: the manifest.
        figures: those that were made.
        failed: why others were not, by the name of their notebook.

    Raises:
        OSError: it cannot be written.
    """
    made = [asdict(figure) for figure in figures]
    _write(path, {"figures": made, "failed": dict(failed or {})})


def _write(path: Path, about: Mapping[str, object]) -> None:
    manifest = {
        "slackvm": __version__,
        "revision": _revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": _libraries(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
    }
    with atomic_write(path) as file:
        file.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _records(files: Iterable[FileRecord | Path]) -> list[dict[str, Any]]:
    records = (each if isinstance(each, FileRecord) else file_record(each) for each in files)
    return [asdict(each) for each in dict.fromkeys(records)]


def _plain(value: object) -> object:
    """Return a value as JSON has it."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


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
