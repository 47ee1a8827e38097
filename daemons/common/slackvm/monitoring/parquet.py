"""Rows of a Parquet recording with the types and the texts that they have in CSV.

Columns are converted with their unit, or refused by their type: a bare number of a timestamp or of
a truth value means something else.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from slackvm.monitoring.columns import TEXT, TYPES
from slackvm.monitoring.record import COLUMNS, NONE
from slackvm.seconds import ticks

_NUMBERS = ("config", "sb_oc", "sb_unused")
"""Columns of numbers that CSV has as texts."""

_EXACT = 2**53
"""Whole numbers below are exact as floats."""


class ColumnError(ValueError):
    """A column, or one row of it, is not what a recording holds.

    Attributes:
        column: its name.
        row: counted from the first of the table; None: the type of the whole column is wrong.
    """

    def __init__(self, column: str, problem: str, row: int | None = None) -> None:
        super().__init__(problem)
        self.column = column
        self.row = row


def as_in_csv(batch: pa.Table) -> pa.Table:
    """Return rows of a Parquet file with the columns `COLUMNS` of the types `TYPES`.

    `tmp` may be whole seconds, a timestamp of any unit and time zone (seconds since 1970) or a
    duration; each on a whole second. Numbers may be decimals.

    Raises:
        ColumnError: a column is of another type, or a row of `tmp` or `val` has no such value.
    """
    batch = pa.table({name: _plain(batch.column(name)) for name in COLUMNS})
    columns = {name: _texts(name, batch.column(name)) for name in COLUMNS if TYPES[name] == TEXT}
    columns["val"] = _values(batch.column("val"))
    columns["sb_oc"] = _memory_levels(columns["sb_oc"], columns["res"])
    return pa.table({name: columns[name] for name in COLUMNS})


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without a dictionary."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _texts(name: str, column: pa.ChunkedArray) -> pa.DictionaryArray:
    if name == "tmp":
        return _as_text(_times(column))
    if name in _NUMBERS:
        _check_type(name, column, "a number", _is_number, _is_text, pa.types.is_null)
    else:
        _check_type(name, column, "text", _is_text, pa.types.is_integer, pa.types.is_null)
    return _as_text(column)


def _times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as whole seconds."""
    _refuse_row("tmp", column, pc.is_null(column), "is not a time")
    if (found := ticks(column)) is not None:
        numbers, per_second = found
        wrong = pa.array(numbers.to_numpy() % per_second != 0)
        _refuse_row("tmp", column, wrong, "is not on a whole second")
        return pc.divide(numbers, per_second)
    _check_type("tmp", column, "whole seconds, timestamps or durations", _is_number)
    if pa.types.is_integer(column.type):
        return column
    numbers = column.cast(pa.float64())
    wrong = pc.invert(
        pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), _EXACT))
    )
    _refuse_row("tmp", column, wrong, "is not a time in whole seconds")
    return numbers.cast(pa.int64())


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    _check_type("val", column, "a number", _is_number)
    _refuse_row("val", column, pc.is_null(column), "is not a number")
    return column.cast(pa.float64())


def _is_number(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def _check_type(
    name: str, column: pa.ChunkedArray, needed: str, *allowed: Callable[[pa.DataType], bool]
) -> None:
    if not any(test(column.type) for test in allowed):
        raise ColumnError(name, f"the column is of type {column.type}; needed: {needed}")


def _refuse_row(
    name: str, column: pa.ChunkedArray, wrong: pa.ChunkedArray | pa.Array, problem: str
) -> None:
    row = pc.index(wrong, True).as_py()
    if row >= 0:
        found = column.slice(row, 1).cast(pa.string())[0]
        unit = f" {column.type.unit}" if pa.types.is_duration(column.type) else ""
        raise ColumnError(name, f"{found}{unit} {problem}", row)


def _as_text(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    coded = column.combine_chunks().dictionary_encode()
    values = coded.dictionary
    # The shortest decimal of a 32-bit float is what was meant: 1.1, not 1.100000023841858.
    is_short = pa.types.is_float32(values.type) or pa.types.is_float16(values.type)
    texts = [str(value) for value in (values.to_numpy() if is_short else values.to_pylist())]
    codes = coded.indices.cast(pa.int32())
    if codes.null_count:
        codes = pc.fill_null(codes, len(texts))
        texts.append(NONE)
    return pa.DictionaryArray.from_arrays(codes, pa.array(texts, pa.string()))


def _memory_levels(levels: pa.DictionaryArray, resources: pa.DictionaryArray) -> pa.Array:
    """Return the levels with `1` instead of `1.0` in rows about memory, as CSV has it."""
    texts = levels.dictionary.to_pylist()
    if "1.0" not in texts:
        return levels
    is_memory = pc.equal(resources.cast(pa.string()), "mem")
    is_one = pc.equal(levels.indices, texts.index("1.0"))
    codes = pc.if_else(
        pc.and_(is_memory, is_one), pa.scalar(len(texts), pa.int32()), levels.indices
    )
    return pa.DictionaryArray.from_arrays(codes, pa.array([*texts, "1"], pa.string()))
