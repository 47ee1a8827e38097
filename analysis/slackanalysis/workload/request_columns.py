"""The columns of a request list as names and numbers, whatever types they have in the file."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slackvm.formats.seconds import LATEST_S, why_too_late
from slackvm.formats.typed_columns import (
    ColumnError,
    check_type,
    is_number,
    is_short_float,
    is_text,
    plain,
    refuse_row,
    ticks,
)

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_TIMES = ("start_s", "lifetime_s")


def names_of(column: pa.ChunkedArray) -> list[str]:
    """Return the names of VMs.

    Raises:
        ColumnError: the column is of no text and no whole numbers, or a name is missing.
    """
    column = plain(column)
    check_type("vm", column, "text", is_text, pa.types.is_integer)
    refuse_row("vm", column, pc.is_null(column), "is not a name")
    return [str(name) for name in column.to_pylist()]


def texts_of(column: pa.ChunkedArray) -> list[str]:
    """Return what tells lists apart as text; null is empty."""
    texts = plain(column).cast(pa.string()) if _has_plain_text(column.type) else column
    return ["" if text is None else str(text) for text in texts.to_pylist()]


def numbers_of(name: str, column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return the numbers of one column, shape (rows,).

    Durations become seconds. Timestamps, of `start_s` only, become seconds since the earliest of
    the file. Of short floats the shortest decimal counts: 1.1 as a 32-bit float is 1.1.

    Raises:
        ColumnError: the column is of another type, or a row of it is not such a number.
    """
    column = plain(column)
    refuse_row(name, column, pc.is_null(column), "is not a number")
    found = ticks(column) if name in _TIMES else None
    if found and (name == "start_s" or pa.types.is_duration(column.type)):
        whole, per_second = found[0].to_numpy(), found[1]
        if not pa.types.is_duration(column.type):
            whole = whole - whole.min()
        numbers = whole / per_second
    else:
        numbers = _plain_numbers(name, column)
    if name in _TIMES:
        _refuse_times(name, numbers)
    return np.asarray(numbers, dtype=np.float64)


def _plain_numbers(name: str, column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64]
    needed = {"start_s": "seconds, durations or timestamps", "lifetime_s": "seconds or durations"}
    check_type(name, column, needed.get(name, "numbers"), is_number, is_text)
    if is_text(column.type):
        trimmed = pc.utf8_trim_whitespace(column)
        wrong = pc.invert(pc.match_substring_regex(trimmed, _NUMBER))
        refuse_row(name, column, wrong, "is not a number")
        numbers = trimmed.cast(pa.float64()).to_numpy()
    elif is_short_float(column.type):
        numbers = column.to_numpy().astype(str).astype(np.float64)
    else:
        numbers = column.cast(pa.float64(), safe=False).to_numpy()
    refuse_row(name, column, pa.array(~np.isfinite(numbers)), "is not a number")
    return numbers


def _refuse_times(name: str, numbers: NDArray[np.float64]) -> None:
    is_start = name == "start_s"
    least = "0 or more" if is_start else "more than 0"
    too_early = numbers < 0 if is_start else numbers <= 0
    too_late = numbers >= LATEST_S
    if (wrong := too_early | too_late).any():
        row = int(np.argmax(wrong))
        reason = why_too_late(numbers[row]) if too_late[row] else f"is not allowed: {least}"
        raise ColumnError(name, f"{numbers[row]:.15g} {reason}", row)


def _has_plain_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind) and not pa.types.is_duration(kind))
