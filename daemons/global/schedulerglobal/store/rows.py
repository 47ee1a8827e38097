"""Rows of the SQLite store as records; those that cannot be read are skipped and logged."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import structlog

from schedulerglobal.store.records import StoredHost, StoredLostVM, StoredReservation, StoredVM

log = structlog.get_logger()

Record = TypeVar("Record")
VMRecordT = TypeVar("VMRecordT", StoredVM, StoredReservation, StoredLostVM)

UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)
"""Errors of a row that cannot be read."""


def readable_rows(
    table: str, rows: Iterable[Sequence[Any]], read: Callable[..., Record]
) -> list[Record]:
    """Return the records of the rows that can be read; the others are logged."""
    found = []
    for row in rows:
        try:
            for value in row:
                if isinstance(value, str):
                    value.encode()  # fails on what was not UTF-8 in the file
            found.append(read(*row))
        except UNREADABLE as error:
            reason = " ".join(str(error).split())[:300]
            log.error("store_row_skipped", table=table, key=_printable(row[0]), reason=reason)
    return found


def host_of(
    ordinal: int,
    url: str,
    name: str,
    cordoned: int,
    labels: str,
    overrides: str,
    api_version: int,
    token: str,
    fenced: int,
) -> StoredHost:
    """Return a host; with labels that cannot be read it has none, but keeps VMs and cordon."""
    return StoredHost(
        ordinal,
        url,
        name,
        bool(cordoned),
        _labels(ordinal, labels),
        _labels(ordinal, overrides),
        api_version,
        token,
        bool(fenced),
    )


def vm_of(name: str, host: int, record: str) -> tuple[int, StoredVM]:
    """Return the ordinal of a VM's host, and the VM."""
    return host, _checked(StoredVM.model_validate(_object(record) | {"name": name}))


def lost_of(name: str, created: float, record: str) -> StoredLostVM:
    """Return a lost VM."""
    fields = {"name": name, "created": created}
    return _checked(StoredLostVM.model_validate(_object(record) | fields))


def reservation_of(name: str, host: int, key: str, record: str) -> StoredReservation:
    """Return a reservation."""
    fields = {"name": name, "host": host, "idempotency_key": key}
    return _checked(StoredReservation.model_validate(_object(record) | fields))


def _checked(record: VMRecordT) -> VMRecordT:
    """Refuse a record whose numbers no VM can have; those that we write were checked before."""
    record.vm()
    return record


def _labels(host: int, text: str) -> dict[str, str]:
    try:
        labels = _object(text)
        if all(isinstance(value, str) for value in labels.values()):
            return labels
        reason = "a label is not a text"
    except UNREADABLE as error:
        reason = str(error)[:300]
    log.error("stored_labels_dropped", host=host, reason=reason)
    return {}


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _printable(key: Any) -> Any:
    return key.encode(errors="replace").decode() if isinstance(key, str) else key
