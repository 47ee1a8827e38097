"""Rows of a Parquet recording with the types and the texts that they have in CSV."""

import pyarrow as pa
import pyarrow.compute as pc

from slackvm.formats.monitoring.record import COLUMNS, NONE
from slackvm.formats.monitoring.splitting import TEXT, TYPES
from slackvm.formats.typed_columns import (
    check_type,
    is_number,
    is_short_float,
    is_text,
    plain,
    refuse_row,
    ticks,
)

_NUMBERS = ("config", "sb_oc", "sb_unused")
"""Columns of numbers that CSV has as texts."""

_EXACT = 2**53
"""Whole numbers below are exact as floats."""


def as_in_csv(batch: pa.Table) -> pa.Table:
    """Return rows of a Parquet file with the columns `COLUMNS` of the types `TYPES`.

    `tmp` may be whole seconds, a timestamp of any unit and time zone (seconds since 1970) or a
    duration; each on a whole second. Numbers may be decimals.

    Raises:
        ColumnError: a column is of another type, or a row of `tmp` or `val` has no such value.
    """
    batch = pa.table({name: plain(batch.column(name)) for name in COLUMNS})
    columns = {name: _texts(name, batch.column(name)) for name in COLUMNS if TYPES[name] == TEXT}
    columns["val"] = _values(batch.column("val"))
    columns["sb_oc"] = _memory_levels(columns["sb_oc"], columns["res"])
    return pa.table({name: columns[name] for name in COLUMNS})


def _texts(name: str, column: pa.ChunkedArray) -> pa.DictionaryArray:
    if name == "tmp":
        return _as_text(_times(column))
    if name in _NUMBERS:
        check_type(name, column, "a number", is_number, is_text, pa.types.is_null)
    else:
        check_type(name, column, "text", is_text, pa.types.is_integer, pa.types.is_null)
    return _as_text(column)


def _times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as whole seconds."""
    refuse_row("tmp", column, pc.is_null(column), "is not a time")
    if (found := ticks(column)) is not None:
        numbers, per_second = found
        wrong = pa.array(numbers.to_numpy() % per_second != 0)
        refuse_row("tmp", column, wrong, "is not on a whole second")
        return pc.divide(numbers, per_second)
    check_type("tmp", column, "whole seconds, timestamps or durations", is_number)
    if pa.types.is_integer(column.type):
        return column
    numbers = column.cast(pa.float64())
    wrong = pc.invert(
        pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), _EXACT))
    )
    refuse_row("tmp", column, wrong, "is not a time in whole seconds")
    return numbers.cast(pa.int64())


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    check_type("val", column, "a number", is_number)
    refuse_row("val", column, pc.is_null(column), "is not a number")
    return column.cast(pa.float64())


def _as_text(column: pa.ChunkedArray) -> pa.DictionaryArray:
    coded = column.combine_chunks().dictionary_encode()
    values = coded.dictionary
    is_short = is_short_float(values.type)
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
