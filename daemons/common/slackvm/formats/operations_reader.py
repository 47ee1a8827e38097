"""Reading of operations logs, of this or any other release."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slackvm.formats.operations import Operation
from slackvm.formats.operations_files import contiguous_files


class OperationsError(ValueError):
    """An operations log cannot be read; the message names the file, the line and the fault."""


def read_operations(path: Path) -> Iterator[Operation]:
    """Yield the operations of a log, of this or any other release.

    If the log was rotated, those of its older files come first, as far as no file is missing.

    Fields that this release does not know are ignored; see also `Operation.is_known`.

    Raises:
        OperationsError: the file cannot be read, or a line is not an operation; names the line.
    """
    expected = None
    try:
        for each in _files(path):
            with each.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    where = f"{each}:{number}"
                    operation = _parsed(line, where)
                    if expected is not None and operation.seq != expected:
                        raise OperationsError(
                            f"{where}: seq is {operation.seq}, expected {expected}"
                        )
                    expected = operation.seq + 1
                    yield operation
    except OSError as error:
        raise OperationsError(f"{path}: {error.strerror or error}") from error
    if expected is None:
        raise OperationsError(f"{path}: the file is empty; needed: one operation a line, as JSON")


def _files(path: Path) -> list[Path]:
    try:
        return contiguous_files(path)
    except (ValueError, KeyError, TypeError, RecursionError):
        # The present file is damaged; its error names the line.
        return [path]


def _parsed(line: bytes, where: str) -> Operation:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict) or not line.endswith(b"\n"):
        raise OperationsError(f"{where}: not a whole JSON object: the line is cut or damaged")
    for name, kinds in _FIELDS.items():
        value = entry.get(name)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise OperationsError(f"{where}: {name}: {value!r} is not {_described(kinds)}")
    _check_details(entry, where)
    return Operation(**{name: entry[name] for name in Operation.__slots__ if name in entry})


def _check_details(entry: dict[str, Any], where: str) -> None:
    for name in ("gains", "loses"):
        changes = entry.get(name, {})
        if not isinstance(changes, dict) or not all(map(_is_cpu_list, changes.values())):
            raise OperationsError(f"{where}: {name}: {changes!r} is not CPUs per level")
    for name in ("labels", "require"):
        if entry.get(name) is not None and not _is_labels(entry[name]):
            raise OperationsError(f"{where}: {name}: {entry[name]!r} is not a text per label")
    for name in ("owner", "by", "client"):
        if not isinstance(entry.get(name), str | None):
            raise OperationsError(f"{where}: {name}: {entry[name]!r} is not a text")
    if entry["op"] == "withhold" and not _is_cpu_list(entry.get("withheld")):
        raise OperationsError(f"{where}: withheld: {entry.get('withheld')!r} is not CPUs")
    if entry["op"] == "snapshot" and not isinstance(entry.get("state"), dict):
        raise OperationsError(f"{where}: state: {entry.get('state')!r} is not a state")
    if entry["op"] == "host" and not isinstance(entry.get("room"), dict):
        raise OperationsError(f"{where}: room: {entry.get('room')!r} is not a map of facts")


def _is_labels(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_cpu_list(value: Any) -> bool:
    return isinstance(value, list) and all(type(cpu_id) is int for cpu_id in value)


def _described(kinds: tuple[type, ...]) -> str:
    words = {int: "a whole number", float: "a number", str: "a text", type(None): "null"}
    return " or ".join(words[kind] for kind in kinds)


_FIELDS: Mapping[str, tuple[type, ...]] = {
    "seq": (int,),
    "time": (int, float),
    "op": (str,),
    "name": (str,),
    "vcpus": (int, type(None)),
    "memory_mib": (int, type(None)),
    "level": (int, float, type(None)),
    "host": (str,),
    "outcome": (str,),
    "code": (str, type(None)),
}
