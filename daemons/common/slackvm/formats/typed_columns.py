"""Columns of a typed table (Arrow, Parquet): converted with their unit, or refused by their type.

A timestamp or a truth value read as a bare number means something else, so nothing is guessed.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from slackvm.formats.monitoring.record import quoted

TICKS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

TypeTest = Callable[[pa.DataType], bool]


class ColumnError(ValueError):
    """A column, or one row of it, does not hold what is needed.

    Attributes:
        column: its name.
        row: counted from the first of the table; None: the type of the whole column is wrong.
    """

    def __init__(self, column: str, problem: str, row: int | None = None) -> None:
        super().__init__(problem)
        self.column = column
        self.row = row


def is_number(kind: pa.DataType) -> bool:
    """Return whether a type is numeric; truth values and times are not."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type is of text."""
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def is_short_float(kind: pa.DataType) -> bool:
    """Return whether a type is of floats whose shortest decimal is what was meant.

    As a 32-bit float, 1.1 is 1.10000002384185791015625.
    """
    return bool(pa.types.is_float32(kind) or pa.types.is_float16(kind))


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without a dictionary and views, which few functions of Arrow know."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column


def check_type(name: str, column: pa.ChunkedArray, needed: str, *allowed: TypeTest) -> None:
    """Refuse a column whose type passes none of the tests.

    Raises:
        ColumnError: names the type and what is needed.
    """
    if not any(test(column.type) for test in allowed):
        raise ColumnError(name, f"the column is of type {column.type}; needed: {needed}")


def refuse_row(
    name: str, column: pa.ChunkedArray, wrong: pa.ChunkedArray | pa.Array, problem: str
) -> None:
    """Refuse the first row that is wrong.

    Raises:
        ColumnError: names its value and the problem.
    """
    row = pc.index(wrong, True).as_py()
    if row < 0:
        return
    found = column.slice(row, 1).cast(pa.string())[0].as_py()
    if is_text(column.type) and found is not None:
        found = quoted(found)
    unit = f" {column.type.unit}" if pa.types.is_duration(column.type) else ""
    raise ColumnError(name, f"{found}{unit} {problem}", row)


def ticks(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int] | None:
    """Return a column of timestamps, dates or durations as whole numbers.

    Returns:
        The numbers and how many of them make a second. Those of timestamps and dates count from
        1970, in UTC where the column has a time zone, else by its own clock. None: the column is
        of another type.
    """
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s" if pa.types.is_date32(column.type) else "ms"))
    if pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        return column.cast(pa.int64()), TICKS_PER_SECOND[column.type.unit]
    return None
